"""`manage.py buscar`: the main job in a terminal."""

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, timedelta
from io import RawIOBase
from pathlib import Path
from typing import Any

import orjson
from channels.db import database_sync_to_async
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from bidiq import stopping, telemetry
from bidiq.migrating import migrate
from exports.services import read_piece
from searches import messages, runner, streams
from searches.database import AWAY
from searches.domain.brazil import BRASILIA
from searches.domain.errors import QueryError
from searches.domain.lifecycle import Status
from searches.domain.query import DEFAULT_DAYS, MOST_DAYS, SearchQuery, parse_query
from searches.liveness import worker_name
from searches.models import Search
from searches.owners import Owner
from searches.pipeline import run_search
from searches.services import searches as services

logger = logging.getLogger(__name__)

#: Exit status by ending (contract, section 8).
EXIT = {Status.COMPLETE: 0, Status.PARTIAL: 3, Status.ERROR: 1, Status.CANCELLED: 1}
_LEFT = "A busca parou antes do fim. O que foi lido está guardado: repita-a."


class Command(BaseCommand):
    help = "Busca licitações e escreve o Excel."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--ufs", required=True, help="siglas por vírgula, ou 'todas'")
        parser.add_argument("--setor", help="um setor (ver /api/setores)")
        parser.add_argument("--termos", help="termos próprios; com vírgula, frases")
        parser.add_argument("--excluir", default="", help="termos a excluir, por vírgula")
        parser.add_argument("--dias", type=int, help=f"N dias até --ate (padrão: {DEFAULT_DAYS})")
        parser.add_argument("--de", help="data inicial AAAA-MM-DD (em vez de --dias)")
        parser.add_argument("--ate", help="data final AAAA-MM-DD (padrão: hoje)")
        parser.add_argument("--abertas", action="store_true", help="abertas agora, sem período")
        parser.add_argument("--modalidades", default="", help="códigos por vírgula")
        parser.add_argument("--esferas", default="", help="F,E,M,D")
        parser.add_argument("--municipios", default="", help="códigos IBGE por vírgula")
        parser.add_argument("--orgaos", default="", help="partes de nomes, por vírgula")
        parser.add_argument("--valor-minimo", help="em reais")
        parser.add_argument("--valor-maximo", help="em reais")
        parser.add_argument("--status", help="recebendo_proposta, em_julgamento ou encerrada")
        parser.add_argument("--ordenacao", help="data_desc, valor_desc, prazo_asc, relevancia…")
        parser.add_argument("--saida", type=Path, help="arquivo .xlsx a escrever")

    def handle(self, **options: Any) -> None:
        with stopping.said("Busca cancelada."):
            self._handle(options)

    def _handle(self, options: dict[str, Any]) -> None:
        telemetry.start()
        migrate()
        query = _query(options)
        output: Path | None = options["saida"]
        if settings.BIDIQ_DEMO:
            self.stdout.write("Dados de demonstração: as licitações são inventadas.")
        with nullcontext() if output is None else _writing(output) as file:
            search = self._search(query)
            if output is not None and file is not None:
                with _said_of(output):
                    _save(search, file)
        if output is not None:
            self.stdout.write(f"Excel em {output}")
        if code := EXIT[Status(search.status)]:
            raise SystemExit(code)

    def _search(self, query: SearchQuery) -> Search:
        """Run the search and say what it found; an end without a result is a CommandError."""
        search = stopping.run(_run(query))
        self.stdout.write(messages.found_text(search.total_kept, search.total_raw))
        for uf, entry in search.coverage.items():
            if entry["status"] != "complete":
                why = messages.unit_text(entry["motivo"] or "", entry["pagina_que_falhou"])
                is_begun = entry["status"] != "failed"
                self.stderr.write(f"{messages.missing_text([uf], is_begun=is_begun)}: {why}")
        if search.status == Status.ERROR:
            raise CommandError(messages.error_text(search.error_code), returncode=1)
        return search


def _query(options: dict[str, Any]) -> SearchQuery:
    today = timezone.now().astimezone(BRASILIA).date()

    def pieces(name: str) -> list[str]:
        return [piece.strip() for piece in (options[name] or "").split(",") if piece.strip()]

    ufs = pieces("ufs")
    if [uf.lower() for uf in ufs] in (["todas"], ["all"]):
        from searches.domain.brazil import UNITS

        ufs = [unit.code for unit in UNITS]
    data: dict[str, Any] = {
        "ufs": ufs,
        "setor_id": options["setor"],
        "termos_busca": options["termos"],
        "exclusion_terms": pieces("excluir"),
        "modalidades": pieces("modalidades"),
        "esferas": pieces("esferas"),
        "municipios": pieces("municipios"),
        "orgaos": pieces("orgaos"),
        "valor_minimo": options["valor_minimo"],
        "valor_maximo": options["valor_maximo"],
        "status": options["status"],
        "ordenacao": options["ordenacao"],
    }
    if options["abertas"]:
        data["modo_busca"] = "abertas"
    else:
        data |= {"data_inicial": options["de"], "data_final": options["ate"]}
        if options["dias"] is not None:
            data["data_inicial"] = _first_day(options, today)
    try:
        return parse_query({name: value for name, value in data.items() if value}, today=today)
    except QueryError as error:
        lines = [f"{name}: {texts[0]}" for name, texts in messages.problem_texts(error).items()]
        raise CommandError("\n".join(lines), returncode=1) from None


def _first_day(options: dict[str, Any], today: date) -> str:
    if options["de"]:
        raise CommandError("Use --de ou --dias, não os dois.", returncode=1)
    if not 1 <= options["dias"] <= MOST_DAYS:
        raise CommandError(f"--dias: use de 1 a {MOST_DAYS}.", returncode=1)
    try:
        last = date.fromisoformat(options["ate"] or today.isoformat())
        return (last - timedelta(days=options["dias"] - 1)).isoformat()
    except (ValueError, OverflowError):
        raise CommandError("--ate: escreva uma data válida, AAAA-MM-DD.", returncode=1) from None


async def _run(query: SearchQuery) -> Search:
    """Run the search on this process's loop, with a progress bar fed by its own events.

    Raises CommandError when it was left before its end.
    """
    create = database_sync_to_async(services.create_search)
    owner = Owner(visitor="terminal")
    search, _ = await create(query, owner=owner, limited=False, deferred=False)
    async with runner.open_client() as client:
        work = asyncio.create_task(run_search(search.pk, worker=worker_name(), client=client))
        showing = asyncio.create_task(_show(search))
        try:
            await asyncio.wait({work, showing}, return_when=asyncio.FIRST_COMPLETED)
            if work.done() and await _is_left(search, work):
                raise CommandError(_LEFT, returncode=1)
            await showing
        except asyncio.CancelledError:  # nobody would go on with it; a second Ctrl-C insists
            await database_sync_to_async(services.request_cancel)(search)
            raise
        finally:
            showing.cancel()
            await asyncio.gather(work, showing, return_exceptions=True)
    return await _found(search)


async def _found(search: Search) -> Search:
    found: Search = await database_sync_to_async(
        lambda: Search.objects.select_related("artifact").get(pk=search.pk)
    )()
    return found


async def _is_left(search: Search, work: "asyncio.Task[None]") -> bool:
    """Return whether nobody goes on with a search whose run here is over, though it has no end.

    A site beside this may have taken it, when this machine slept: then its events go on.
    """
    if (error := work.exception()) is not None:
        trace = None if isinstance(error, AWAY) else error
        logger.error("search %s was left: %s", search.pk, error, exc_info=trace)
    try:
        found = await _found(search)
    except AWAY:
        return True
    taken = found.status == Status.RUNNING and found.worker != worker_name()
    return not (found.is_terminal or taken)


async def _show(search: Search) -> None:
    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", table_column=Column(overflow="fold")),
    )
    with Progress(*columns, transient=False) as bar:
        task = bar.add_task("Busca na fila", total=100)
        async for batch in streams.follow(search.pk):
            for frame in batch:
                event = orjson.loads(frame.text)
                bar.update(
                    task,
                    completed=max(event["progress"], 0),
                    description=event["message"],
                )


@contextmanager
def _writing(output: Path) -> Iterator[RawIOBase]:
    """Open a file that becomes `output` when the block ends well, and goes when it does not.

    Raises CommandError at once for a place that cannot be written: a search may take minutes.
    """
    with _said_of(output):
        target = output.resolve()
        if not target.parent.is_dir():
            raise CommandError(f"A pasta de {output} não existe.", returncode=1)
        if target.is_dir():
            raise CommandError(f"{output} é uma pasta: dê o nome de um arquivo.", returncode=1)
        is_device = target.exists() and not target.is_file()  # /dev/stdout stays what it is
        part = target if is_device else target.with_name(f".bidiq-{os.getpid()}.xlsx")
        file = part.open("wb", buffering=0)  # nothing is left to be written when it closes
    try:
        with file:
            yield file
        if not is_device:
            with _said_of(output):
                part.replace(target)
    finally:
        if not is_device:
            part.unlink(missing_ok=True)


@contextmanager
def _said_of(output: Path) -> Iterator[None]:
    """Turn what the system refuses into a sentence."""
    try:
        yield
    except OSError as error:
        message = f"{output} não pôde ser escrito: {error.strerror}."
        raise CommandError(message, returncode=1) from None


def _save(search: Search, file: RawIOBase) -> None:
    artifact = search.artifact
    if artifact is None:
        text = messages.too_large_text(search.error_code) or "O Excel não pôde ser guardado."
        raise CommandError(text, returncode=1)
    written = 0
    while written < artifact.size_bytes:
        piece = read_piece(artifact, start=written, length=artifact.size_bytes - written)
        if not piece:
            raise CommandError("O Excel guardado está incompleto.", returncode=1)
        written += file.write(piece) or 0

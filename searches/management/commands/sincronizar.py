"""`manage.py sincronizar`: fill the local store ahead of the searches."""

from datetime import timedelta
from typing import Any

from channels.db import database_sync_to_async
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bidiq import stopping
from bidiq.migrating import migrate
from searches import messages, runner, selectors
from searches.domain.brazil import BRASILIA, BY_CODE
from searches.domain.errors import SourceError
from searches.domain.planning import ListKey
from searches.domain.query import MOST_DAYS
from searches.domain.tables import COMPETITIVE, MODALITY_BY_CODE
from searches.lists import ListReader
from searches.units import UnitState, UnitStatus
from searches.wording import counted

COUNTRY = "BR"


class Command(BaseCommand):
    help = (
        "Lê do PNCP o que falta no acervo local, para que as buscas não esperem. "
        "Sem --ufs lê o país inteiro, uma lista para cada modalidade."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dias", type=int, default=2, help="últimos N dias (padrão: 2)")
        parser.add_argument("--ufs", default="", help="siglas por vírgula (padrão: o país)")
        parser.add_argument("--modalidades", default="", help="códigos por vírgula")

    def handle(self, *, dias: int, ufs: str, modalidades: str, **options: Any) -> None:
        if not 1 <= dias <= MOST_DAYS:
            raise CommandError(f"--dias: use de 1 a {MOST_DAYS}.")
        places = [uf.strip().upper() for uf in ufs.split(",") if uf.strip()] or [COUNTRY]
        if unknown := [uf for uf in places if uf != COUNTRY and uf not in BY_CODE]:
            raise CommandError(f"--ufs: {', '.join(unknown)} não é sigla de estado.")
        codes = [code.strip() for code in modalidades.split(",") if code.strip()]
        known = set(map(str, MODALITY_BY_CODE))
        if unknown := [code for code in codes if code.lstrip("0") not in known]:
            raise CommandError(f"--modalidades: {', '.join(unknown)} não é código de modalidade.")
        chosen = [int(code) for code in codes] or list(COMPETITIVE)
        with stopping.said("Leitura interrompida. O que foi lido está guardado."):
            migrate()
            outcomes = stopping.run(_synchronise(places, chosen, days=dias))
        failed = [(unit, error) for unit, error in outcomes if error is not None]
        for unit, error in failed:
            why = messages.unit_text(error.code, unit.failed_page)
            self.stderr.write(f"{_missing_text(unit)}: {why}")
        if failed:
            raise SystemExit(3 if len(failed) < len(outcomes) else 1)


def _missing_text(unit: UnitState) -> str:
    is_begun = unit.status_of_a_part is UnitStatus.PARTIAL
    if unit.uf == COUNTRY:
        return "O país ficou incompleto" if is_begun else "O país não foi lido"
    return messages.missing_text([unit.uf], is_begun=is_begun)


async def _synchronise(
    places: list[str], modalities: list[int], *, days: int
) -> list[tuple[UnitState, SourceError | None]]:
    """Read what is missing, place by place; return each with what failed in it."""
    source = await database_sync_to_async(selectors.source_id)()
    outcomes: list[tuple[UnitState, SourceError | None]] = []
    needed = database_sync_to_async(_needed)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn()) as bar:
        async with runner.open_client() as client:

            async def read(place: str, lists: list[ListKey]) -> UnitState:
                task = bar.add_task(place, total=None)
                unit = UnitState(place)

                def changed(unit: UnitState) -> None:
                    text = f"{unit.uf}: {counted(len(unit.found), 'lida', 'lidas')}"
                    done, total = unit.pages_done, max(unit.pages_total, 1)
                    bar.update(task, description=text, completed=done, total=total)

                reader = ListReader(client, source=source, asker=None, changed=changed)
                errors = await reader.read_lists(unit, lists)
                outcomes.append((unit, errors[0] if errors else None))
                done = max(unit.pages_done, 1) if not errors else unit.pages_done
                bar.update(task, completed=done, total=max(unit.pages_total, 1))
                return unit

            for place in places:
                country = await read(place, await needed(source, place, modalities, days))
                if place == COUNTRY and country.malformed:
                    # Whose they are is not known: only the states' own lists tell, as in a search.
                    unread = counted(country.malformed, "registro ilegível", "registros ilegíveis")
                    bar.console.print(f"{COUNTRY}: {unread}: lendo por estado.")
                    left = await needed(source, place, modalities, days)
                    codes = sorted({key.modality for key in left if key.modality is not None})
                    for uf in BY_CODE:
                        await read(uf, await needed(source, uf, codes, days))
    return outcomes


def _needed(source: int, place: str, modalities: list[int], days: int) -> list[ListKey]:
    now = timezone.now()
    last_day = now.astimezone(BRASILIA).date()
    first_day = last_day - timedelta(days=days - 1)
    uf = None if place == COUNTRY else place
    return selectors.lists_needed(source, uf, modalities, first_day, last_day, now=now)

"""A stand-in PNCP server: the same rules as the API, faults on demand. Floor 1."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web

from searches.domain.brazil import BRASILIA
from searches.pncp.faults import Fault, Faults
from searches.pncp.sample import Sample
from searches.pncp.simulator_records import FileRecords, GeneratedRecords, Record, Records
from searches.pncp.simulator_rules import LISTS, Ask, Refusal, check

#: The real base URL ends so; the simulator answers with and without.
PREFIX = "/api/consulta"
#: Requests that may come at once under a rate limit: the source's first 429 came after 10.
BURST = 10
#: Requests kept in the log.
LOGGED_REQUESTS = 100_000
_HTML_429 = (
    "<!DOCTYPE html><html><head><title>Limite de Requisições Excedido</title></head>"
    "<body><h1>Limite de requisições excedido</h1><p>Aguarde um minuto.</p></body></html>"
)
_TEXT_500 = "Erro na comunicação com o banco de dados."
_SECRECY = {1: "Compra sem sigilo", 3: "Compra totalmente sigilosa"}


@dataclass(slots=True)
class Seen:
    """One request that came in; it is in the log from its arrival on."""

    path: str  # without PREFIX
    params: dict[str, str]
    at: float  # time.monotonic
    status: int = 0  # of the answer; 0 when there is none (yet), or the connection was dropped
    faults: tuple[str, ...] = ()  # kinds


class Simulator:
    """Serves records as PNCP does. Everything public may be changed while it serves.

    `records` are given records, or a Sample for the generated set.
    """

    def __init__(
        self,
        records: Iterable[Record] | Sample | Records | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        latency_seconds: float = 0.0,
        rate_per_minute: float | None = None,
        faults: Faults | str = "",
        seed: int = 1,
    ) -> None:
        self.records = _records(Sample(seed) if records is None else records)
        self.clock = clock
        self.latency_seconds = latency_seconds
        self.rate_per_minute = rate_per_minute
        self.faults = Faults.read(faults, seed=seed) if isinstance(faults, str) else faults
        self.requests: deque[Seen] = deque(maxlen=LOGGED_REQUESTS)
        self._tokens = float(BURST)
        self._refilled_at = time.monotonic()

    @asynccontextmanager
    async def serving(self, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
        """Serve, on a free port by default, and give the base URL. Raises OSError when taken."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        # Quick to end: held answers are cut, as a stopped server's are.
        runner = web.AppRunner(
            application, access_log=None, handle_signals=False, shutdown_timeout=0.05
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            address = runner.addresses[0]
            shown = f"[{host}]" if ":" in host else host
            yield f"http://{shown}:{address[1]}"
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix(PREFIX)
        params = dict(request.query)
        seen = Seen(path, params, time.monotonic())
        self.requests.append(seen)
        response = self._limited()
        if response is None:
            faults = self.faults.hitting(path, params)
            seen.faults = tuple(fault.kind for fault in faults)
            if self.latency_seconds:
                await asyncio.sleep(self.latency_seconds)
            response = await self._answer(request, path, params, faults)
        seen.status = 0 if "reset" in seen.faults else response.status
        return response

    def _limited(self) -> web.Response | None:
        """Return a 429 when requests come faster than the rate."""
        if not self.rate_per_minute:
            return None
        now = time.monotonic()
        capacity = min(BURST, max(1.0, self.rate_per_minute))
        refill = (now - self._refilled_at) * self.rate_per_minute / 60
        self._tokens, self._refilled_at = min(capacity, self._tokens + refill), now
        if self._tokens >= 1:
            self._tokens -= 1
            return None
        return _throttled(-(-(1 - self._tokens) * 60 // self.rate_per_minute))

    async def _answer(
        self, request: web.Request, path: str, params: dict[str, str], faults: list[Fault]
    ) -> web.Response:
        kinds = {fault.kind for fault in faults}
        for fault in faults:
            response = await _broken(request, fault)
            if response is not None:
                return response
        try:
            if request.method != "GET":
                raise Refusal(405, "Request method not supported")
            steps = path.strip("/").split("/")
            if steps[:2] == ["v1", "contratacoes"] and len(steps) == 3 and steps[2] in LISTS:
                ask = check(steps[2], params)
                if "needmodality" in kinds and ask.modality is None:
                    raise Refusal(
                        400, "Required parameter 'codigoModalidadeContratacao' is not present."
                    )
                response = self._page(ask, kinds)
            elif steps[:2] == ["v1", "orgaos"] and len(steps) == 6 and steps[3] == "compras":
                response = _json(200, self._purchase(steps[2], steps[4], steps[5]))
            else:
                raise Refusal(404, "No static resource")
        except Refusal as refusal:
            response = _refused(refusal, path, self.clock())
        if "truncate" in kinds and isinstance(response.body, bytes) and len(response.body) > 2:
            response.body = response.body[: len(response.body) * 2 // 3]
        return response

    def _page(self, ask: Ask, kinds: set[str]) -> web.Response:
        now = self.clock().astimezone(BRASILIA).replace(tzinfo=None)
        start = (ask.page - 1) * ask.page_size
        # Somebody published while we were reading: everything moves on by one.
        drift = 1 if "drift" in kinds and ask.page > 1 else 0
        within = slice(start - drift, start + ask.page_size - drift)
        total, records = self.records.select(ask, now, within)
        if not total:
            return web.Response(status=204)
        total += drift
        pages = -(-total // ask.page_size)
        if ask.page > pages:
            if "past204" in kinds:
                return web.Response(status=204)
            raise Refusal(400, "Página solicitada maior que o total de páginas")
        return _json(
            200,
            {
                "data": records,
                "totalRegistros": total,
                "totalPaginas": pages,
                "numeroPagina": ask.page,
                "paginasRestantes": pages - ask.page,
                "empty": not records,
            },
        )

    def _purchase(self, cnpj: str, year: str, sequence: str) -> Record:
        for text in (year, sequence):
            if not (text.isascii() and text.isdigit() and len(text) < 10):
                raise Refusal(400, f"Failed to convert value '{text[:50]}'")
        now = self.clock().astimezone(BRASILIA).replace(tzinfo=None)
        record = self.records.find(cnpj, int(year), int(sequence), now)
        if record is None:
            raise Refusal(404, "Contratação não cadastrada.")
        secrecy = 1 if record.get("valorTotalEstimado") else 3
        return record | {
            "orcamentoSigilosoCodigo": secrecy,
            "orcamentoSigilosoDescricao": _SECRECY[secrecy],
            "existeResultado": record.get("valorTotalHomologado") is not None,
        }


def _records(records: Iterable[Record] | Sample | Records) -> Records:
    if isinstance(records, Sample):
        return GeneratedRecords(records)
    if isinstance(records, FileRecords | GeneratedRecords):
        return records
    return FileRecords(records)  # type: ignore[arg-type]


def _json(status: int, content: Any) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(content), content_type="application/json")


def _refused(refusal: Refusal, path: str, moment: datetime) -> web.Response:
    """Return an error in the shape of RespostaErroValidacaoDTO."""
    names = {
        400: "400 BAD_REQUEST",
        404: "404 NOT_FOUND",
        405: "405 METHOD_NOT_ALLOWED",
        422: "422 UNPROCESSABLE_ENTITY",
    }
    return _json(
        refusal.status,
        {
            "message": refusal.message,
            "path": PREFIX + path,
            "timestamp": moment.astimezone(BRASILIA).replace(tzinfo=None).isoformat(),
            "status": str(refusal.status),
            "error": names[refusal.status],
        },
    )


def _throttled(retry_after: float | None) -> web.Response:
    headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
    return web.Response(status=429, text=_HTML_429, content_type="text/html", headers=headers)


async def _broken(request: web.Request, fault: Fault) -> web.Response | None:
    """Return what the fault makes of the answer; None when the answer is still to be made."""
    match fault.kind:
        case "429" | "html429":
            return _throttled(fault.retry_after if fault.kind == "429" else None)
        case "422":
            message = "Data Inicial deve ser anterior ou igual à Data Final"
            return _json(422, {"message": message, "error": "422 UNPROCESSABLE_ENTITY"})
        case "500":
            return web.Response(status=500, text=_TEXT_500, content_type="application/json")
        case "502" | "503" | "504" | "403" | "down":
            status = 503 if fault.kind == "down" else int(fault.kind)
            text = f"<html><body><h1>{status}</h1></body></html>"
            return web.Response(status=status, text=text, content_type="text/html")
        case "html":
            return web.Response(text="<html><body>Portal</body></html>", content_type="text/html")
        case "reset":
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        case "timeout":
            await asyncio.sleep(86_400 if fault.seconds is None else fault.seconds)
            return web.Response(status=504)
        case "slow":
            await asyncio.sleep(1.0 if fault.seconds is None else fault.seconds)
    return None

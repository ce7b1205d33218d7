"""What the tests of the PNCP client and of the simulator share."""

import asyncio
import copy
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from searches.domain.planning import Endpoint, ListKey
from searches.pncp.client import PncpClient
from searches.pncp.limiter import AdaptiveLimiter, Limiter

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "pncp"
DAY = date(2026, 11, 18)
#: Noon in Brasília, a Tuesday.
NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)

RECORD: dict[str, Any] = {
    "numeroControlePNCP": "12345678000195-1-000042/2026",
    "srp": False,
    "orgaoEntidade": {
        "cnpj": "12345678000195",
        "poderId": "N",
        "esferaId": "M",
        "razaoSocial": "MUNICIPIO DE EXEMPLO",
    },
    "anoCompra": 2026,
    "sequencialCompra": 42,
    "dataInclusao": "2026-11-18T09:00:00",
    "dataPublicacaoPncp": "2026-11-18T09:00:00",
    "dataAtualizacao": "2026-11-18T10:00:00",
    "dataAtualizacaoGlobal": "2026-11-19T11:00:00",
    "dataAberturaProposta": "2026-11-19T08:00:00",
    "dataEncerramentoProposta": "2026-12-01T09:30:00",
    "numeroCompra": "9",
    "unidadeOrgao": {
        "ufNome": "Minas Gerais",
        "codigoUnidade": "1",
        "nomeUnidade": "Prefeitura de Exemplo",
        "ufSigla": "MG",
        "municipioNome": "Exemplo",
        "codigoIbge": "3106200",
    },
    "amparoLegal": {"codigo": 1, "nome": "Lei", "descricao": "Lei"},
    "informacaoComplementar": None,
    "processo": "1/2026",
    "objetoCompra": "Aquisição de uniformes",
    "linkSistemaOrigem": "https://exemplo.mg.gov.br/42",
    "justificativaPresencial": None,
    "unidadeSubRogada": None,
    "orgaoSubRogado": None,
    "valorTotalHomologado": None,
    "linkProcessoEletronico": None,
    "modalidadeId": 6,
    "modalidadeNome": "Pregão - Eletrônico",
    "modoDisputaId": 1,
    "modoDisputaNome": "Aberto",
    "tipoInstrumentoConvocatorioCodigo": 1,
    "tipoInstrumentoConvocatorioNome": "Edital",
    "valorTotalEstimado": 1234.5,
    "fontesOrcamentarias": [],
    "situacaoCompraId": 1,
    "situacaoCompraNome": "Divulgada no PNCP",
    "usuarioNome": "Compras.gov.br",
}


def record(**changes: Any) -> dict[str, Any]:
    """Return a good record with some fields changed; `unit__x` and `body__x` reach the nested."""
    made = copy.deepcopy(RECORD)
    for name, value in changes.items():
        holder, _, field = name.partition("__")
        if field:
            made[{"unit": "unidadeOrgao", "body": "orgaoEntidade"}[holder]][field] = value
        else:
            made[name] = value
    return made


def records(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Return different records of one day."""
    return [
        record(numeroControlePNCP=f"12345678000195-1-{number:06d}/2026", **changes)
        for number in range(1, count + 1)
    ]


def published(uf: str | None = None, modality: int = 6, day: date = DAY) -> ListKey:
    """Return the key of one day's list."""
    return ListKey(Endpoint.PUBLISHED, modality, uf, day, day)


def quick_client(base_url: str, limiter: Limiter | None = None, **options: Any) -> PncpClient:
    """Return a client that does not wait long between attempts."""
    settings: dict[str, Any] = {"backoff_seconds": 0.002, "timeout_seconds": 10, **options}
    return PncpClient(base_url=base_url, limiter=limiter or AdaptiveLimiter(600_000), **settings)


def real_records() -> list[dict[str, Any]]:
    """Return the real records, or skip the test when they are not beside the repository."""
    path = SHARED / "contratacoes.jsonl.gz"
    if not path.exists():
        pytest.skip("the real records (shared/pncp) are not beside the repository")
    return [orjson.loads(line) for line in gzip.open(path)]


class Clock:
    """A clock that only moves when somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@asynccontextmanager
async def answering(
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> AsyncIterator[str]:
    """Serve every path with one handler on a free port; for what the simulator does not do."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()

"""What the integration tests share: a source to ask, owners, and searches that run."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from channels.db import database_sync_to_async
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connections

from searches.domain.query import parse_query
from searches.models import Search
from searches.owners import Owner
from searches.pipeline import run_search
from searches.pncp.client import PncpClient
from searches.pncp.limiter import AdaptiveLimiter
from searches.pncp.simulator import Simulator
from searches.services import searches as services
from searches.tokens import create_token
from tests.conftest import SHARED

#: The records' own time: most of the real ones were published in the months before.
NOW = datetime(2026, 8, 20, 15, 0, tzinfo=UTC)
RECORDS = SHARED / "pncp" / "contratacoes.jsonl.gz"


@pytest.fixture(autouse=True)
def _every_connection_closes() -> Iterator[None]:
    """Threads of a test's own executors keep connections; the next test's file is another one."""
    yield
    connections.close_all()


@pytest.fixture
def records() -> list[dict[str, Any]]:
    """The real records beside the repository."""
    if not RECORDS.exists():
        pytest.skip("the real records are not beside this checkout (shared/pncp)")
    with gzip.open(RECORDS, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def record(number: int, **changes: Any) -> dict[str, Any]:
    """Return a record as PNCP lists it, made up: `uf`, `day` (AAAA-MM-DD), `object` and others."""
    uf, day = changes.pop("uf", "SP"), changes.pop("day", "2026-08-19")
    made = {
        "numeroControlePNCP": f"{number % 10**14:014d}-1-{number % 10**6:06d}/2026",
        "anoCompra": 2026,
        "sequencialCompra": number,
        "objetoCompra": changes.pop("object", "Aquisição de gêneros alimentícios"),
        "informacaoComplementar": "",
        "orgaoEntidade": {
            "cnpj": f"{number % 10**14:014d}",
            "razaoSocial": changes.pop("body", "MUNICIPIO DE TESTE"),
            "poderId": "N",
            "esferaId": changes.pop("sphere", "M"),
        },
        "unidadeOrgao": {
            "ufSigla": uf,
            "ufNome": uf,
            "municipioNome": "Teste",
            "codigoIbge": changes.pop("ibge", "3550308"),
            "codigoUnidade": "1",
            "nomeUnidade": "Prefeitura",
        },
        "modalidadeId": changes.pop("modality", 6),
        "modalidadeNome": "Pregão - Eletrônico",
        "situacaoCompraId": 1,
        "situacaoCompraNome": "Divulgada no PNCP",
        "valorTotalEstimado": 1000.5,
        "valorTotalHomologado": None,
        "dataPublicacaoPncp": f"{day}T10:00:00",
        "dataInclusao": f"{day}T10:00:00",
        "dataAtualizacao": f"{day}T10:00:00",
        "dataAtualizacaoGlobal": f"{day}T10:00:00",
        "dataAberturaProposta": f"{day}T11:00:00",
        "dataEncerramentoProposta": "2026-09-30T10:00:00",
        "linkSistemaOrigem": None,
        "usuarioNome": "Teste",
        "srp": False,
    }
    return made | changes


@pytest_asyncio.fixture
async def simulate(settings: LazySettings) -> AsyncIterator[Callable[..., Any]]:
    """Start simulators of given records; the site's settings point to the latest one."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(records: Any, **options: Any) -> Simulator:
            options.setdefault("clock", lambda: NOW)
            simulator = Simulator(records, **options)
            settings.PNCP_BASE_URL = await stack.enter_async_context(simulator.serving())
            return simulator

        yield start


@contextlib.asynccontextmanager
async def open_client(settings: Any, **options: Any) -> AsyncIterator[PncpClient]:
    """Open a client that does not wait long between tries."""
    options = {"concurrency": 4, "backoff_seconds": 0.01, "timeout_seconds": 5} | options
    async with PncpClient(
        base_url=settings.PNCP_BASE_URL, limiter=AdaptiveLimiter(60_000), **options
    ) as client:
        yield client


def ask(**fields: Any) -> dict[str, Any]:
    """Return a request of the contract's section 5 over the made-up records."""
    return {
        "ufs": ["SP"],
        "setor_id": "alimentos",
        "data_inicial": "2026-08-01",
        "data_final": "2026-08-20",
        **fields,
    }


async def create(owner: Owner | None = None, **fields: Any) -> Search:
    """Store a search as the doors do."""
    query = parse_query(ask(**fields), today=NOW.date())
    search: Search
    search, _ = await database_sync_to_async(services.create_search)(
        query, owner=owner or Owner(visitor="alice"), limited=False
    )
    return search


async def reload(search: Search) -> Search:
    found: Search = await database_sync_to_async(
        lambda: Search.objects.select_related("artifact").get(pk=search.pk)
    )()
    return found


@pytest.fixture
def run(settings: LazySettings) -> Callable[..., Any]:
    """Create a search, run it to its ending and return it."""

    async def run_one(owner: Owner | None = None, *, client: Any = None, **fields: Any) -> Search:
        search = await create(owner, **fields)
        async with open_client(settings, **(client or {})) as opened:
            await asyncio.wait_for(
                run_search(search.pk, worker="test:1:x", client=opened), timeout=60
            )
        return await reload(search)

    return run_one


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let it be later than NOW for this site."""

    def set_clock(**later: float) -> None:
        monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(**later))

    set_clock()
    return set_clock


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


@pytest.fixture
def token(alice: User) -> dict[str, str]:
    """Return what a client of alice's sends to the API."""
    return {"Authorization": f"Bearer {create_token(alice)}"}


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="bob")

"""Faults on demand: their grammar, and that runs repeat."""

import orjson
import pytest
from aiohttp import ClientSession

from searches.pncp.faults import HELP, KINDS, BadSpec, Faults, parse_faults
from searches.pncp.simulator import Simulator
from tests.unit.pncp_support import Clock, published, quick_client, records

PATH = "/v1/contratacoes/publicacao"


def hits(faults: Faults, **params: str) -> list[str]:
    return [fault.kind for fault in faults.hitting(PATH, params)]


def test_a_specification_names_kinds_with_options():
    first, second = parse_faults("429:every=10;retry_after=2, 500:rate=0.05")
    assert (first.kind, first.every, first.retry_after) == ("429", 10, 2)
    assert (second.kind, second.rate, second.every) == ("500", 0.05, None)


def test_a_comma_inside_a_fault_is_understood():
    first, second = parse_faults("429:every=10,retry_after=2,reset")
    assert (first.every, first.retry_after, second.kind) == (10, 2, "reset")


def test_no_specification_is_no_fault():
    assert parse_faults("") == parse_faults(" , ") == []


@pytest.mark.parametrize(
    "spec",
    [
        *("nada", "500:rate", "500:rate=", "500:rate=x", "500:rate=2", "500:rate=-1"),
        *("500:rate=nan", "429:every=0", "429:every=1.5", "500:times=0", "500:cor=azul"),
        *("rate=0.5", ":", "500:=1"),
    ],
)
def test_a_bad_specification_is_told_in_one_line(spec):
    with pytest.raises(BadSpec) as caught:
        parse_faults(spec)
    assert str(caught.value).count("\n") == 0


def test_the_help_names_every_kind():
    assert all(kind in HELP for kind in KINDS)


def test_every_counts_the_requests_that_fit():
    faults = Faults.read("500:every=3;uf=MG")
    struck = [
        bool(hits(faults, uf=uf, pagina=str(page))) for page in range(6) for uf in ("MG", "SP")
    ]
    assert struck == [False, False] * 2 + [True, False] + [False, False] * 2 + [True, False]


def test_a_fault_may_be_aimed_and_limited():
    faults = Faults.read("down:uf=mg;modality=6;page=2;path=publicacao;times=1")
    aimed = {"uf": "MG", "codigoModalidadeContratacao": "6", "pagina": "2"}
    assert hits(faults, **{**aimed, "pagina": "1"}) == []
    assert [hits(faults, **aimed) for _ in range(2)] == [["down"], []]


def test_a_fault_may_have_a_time():
    clock = Clock()
    faults = Faults(parse_faults("down:after=30;for=10"), clock=clock)
    struck = []
    for _ in range(5):
        struck.append(bool(hits(faults)))
        clock.now += 10
    assert struck == [False, False, False, True, False]


def test_a_rate_strikes_the_same_requests_on_every_run_in_any_order():
    requests = [{"pagina": str(page)} for page in range(400)]
    one, other = Faults.read("500:rate=0.2", seed=5), Faults.read("500:rate=0.2", seed=5)
    struck = {request["pagina"] for request in requests if hits(one, **request)}
    assert struck == {request["pagina"] for request in reversed(requests) if hits(other, **request)}
    assert 50 < len(struck) < 110
    # Asked again, the luck is another.
    again = {request["pagina"] for request in requests if hits(one, **request)}
    assert again != struck


@pytest.mark.parametrize(
    ("kind", "status", "content_type"),
    [
        ("429", 429, "text/html"),
        ("html429", 429, "text/html"),
        ("422", 422, "application/json"),
        ("500", 500, "application/json"),
        ("503", 503, "text/html"),
        ("403", 403, "text/html"),
        ("down", 503, "text/html"),
        ("html", 200, "text/html"),
        ("truncate", 200, "application/json"),
        ("slow:seconds=0.01", 200, "application/json"),
        ("timeout:seconds=0.01", 504, "application/octet-stream"),
    ],
)
async def test_each_fault_answers_as_the_source_does(kind, status, content_type):
    query = "dataInicial=20261118&dataFinal=20261118&codigoModalidadeContratacao=6&pagina=1"
    async with (
        Simulator(records(1), faults=kind).serving() as url,
        ClientSession() as session,
        session.get(f"{url}{PATH}?{query}") as response,
    ):
        body = await response.read()
        assert (response.status, response.content_type) == (status, content_type)
        assert ("Retry-After" in response.headers) == (kind == "429")
    if kind in ("500", "truncate"):
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(body)


async def test_a_drifting_list_repeats_a_record_and_changes_its_totals():
    simulator = Simulator(records(120), faults="drift:page=2")
    async with simulator.serving() as url, quick_client(url) as client:
        first = await client.page(published("MG"), 1)
        second = await client.page(published("MG"), 2)
    assert first.notices[-1] == second.notices[0]
    assert (first.total_records, second.total_records) == (120, 121)

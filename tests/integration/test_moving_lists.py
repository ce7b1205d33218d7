"""Lists that move while they are read, and pages that are not what they should be."""

from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest

from searches.domain.brazil import UNITS
from searches.domain.errors import SourceUnavailable
from searches.domain.lifecycle import Status
from searches.domain.planning import Endpoint
from searches.models import Coverage, Notice
from searches.pncp.client import PncpClient
from searches.pncp.payload import parse_notice
from searches.pncp.simulator import Simulator
from searches.pncp.simulator_records import FileRecords
from searches.services import notices
from tests.integration.conftest import record
from tests.integration.pipeline_support import OTHER, grow_old, sync

pytestmark = pytest.mark.django_db(transaction=True)

UFS = [unit.code for unit in UNITS]
ALWAYS = 1000


def pages_asked(simulator):
    return [int(seen.params["pagina"]) for seen in simulator.requests]


def covered():
    return sync(Coverage.objects.count)


@pytest.fixture
def spoil(monkeypatch) -> Callable[..., None]:
    """Let page 2 of pregões be another one, so many times: `change` gets its envelope."""
    given = Simulator._page

    def install(change, *, times, copied=None, of_country=False):
        left = [times]

        def page(self, ask, kinds):
            fits = ask.page == 2 and ask.modality in (6, 7) and (ask.uf is None or not of_country)
            if not fits or not left[0]:
                return given(self, ask, kinds)
            left[0] -= 1
            answer = given(self, replace(ask, page=copied) if copied else ask, kinds)
            assert isinstance(answer.body, bytes)
            answer.body = orjson.dumps(orjson.loads(answer.body) | change)
            return answer

        monkeypatch.setattr(Simulator, "_page", page)

    return install


@pytest.fixture
def shift(monkeypatch) -> Callable[..., None]:
    """Let the first of a list be changed and go to its end when its first page was given, so many
    times: what stood first on the second page is on none that is asked for now. The total stays."""
    given = Simulator._page

    def install(endpoint, *, times):
        left = [times]

        def page(self, ask, kinds):
            answer = given(self, ask, kinds)
            if (ask.endpoint, ask.page) == (endpoint, 1) and left[0]:
                left[0] -= 1
                first, *others = self.records.records
                moved = first | {"dataAtualizacaoGlobal": "2026-08-20T12:00:00"}
                self.records = FileRecords([*others, moved])
            return answer

        monkeypatch.setattr(Simulator, "_page", page)

    return install


@pytest.fixture
def older():
    """Three pages of a day that is over, and one notice of today."""
    return [*(record(n, day="2026-08-10") for n in range(1, 151)), record(200, day="2026-08-20")]


async def test_a_list_that_changes_each_time_is_not_called_complete(simulate, run):
    await simulate([record(n) for n in range(1, 150)], faults="drift:rate=1")
    search = await run(modalidades=[6])
    assert search.status == Status.PARTIAL
    assert search.coverage["SP"]["motivo"] == "source.drift"
    assert search.total_raw == 149
    assert not await covered()


@pytest.mark.parametrize(
    ("change", "copied"),
    [
        ({"numeroPagina": 2}, 1),
        ({"numeroPagina": 1}, 1),
        ({"data": [], "empty": True}, None),
        ({"data": [], "totalPaginas": 2_000_000_000}, None),
        ({"data": [], "totalPaginas": 5_000, "totalRegistros": 250_000}, None),
    ],
    ids=["a copy of page 1", "page 1", "nothing", "nothing, of too many", "nothing, of many"],
)
@pytest.mark.usefixtures("at")
class TestAPageThatIsNotWhatItShouldBe:
    async def test_once_it_costs_another_reading(self, simulate, run, spoil, older, change, copied):
        spoil(change, times=1, copied=copied)
        await simulate(older)
        search = await run(modalidades=[6])
        assert (search.status, search.total_raw) == (Status.COMPLETE, 151)

    async def test_each_time_it_is_said_and_covers_nothing(
        self, simulate, run, spoil, older, change, copied
    ):
        spoil(change, times=ALWAYS, copied=copied)
        simulator = await simulate(older)
        search = await run(modalidades=[6])
        assert search.status == Status.PARTIAL
        assert search.coverage["SP"]["motivo"] in ("source.drift", "source.malformed")
        assert not await covered()
        assert len(simulator.requests) < 30

    async def test_the_country_is_asked_by_uf_then(self, simulate, run, spoil, change, copied):
        spoil(change, times=ALWAYS, copied=copied, of_country=True)
        await simulate(
            [record(n, uf=UFS[n % 27], modality=7, day="2026-08-19") for n in range(1, 101)]
        )
        search = await run(ufs=UFS, modalidades=[7])
        assert (search.status, search.total_raw) == (Status.COMPLETE, 100)


async def test_a_list_that_moved_since_it_was_cut_off_is_read_whole(simulate, run, at, older):
    """One notice left, another came: the total is the same, and one moved to a page read before."""
    simulator = await simulate(older[:120], faults="truncate:page=3")
    assert (await run(modalidades=[6])).status == Status.PARTIAL
    simulator.faults.faults.clear()
    simulator.records = FileRecords([*older[1:120], older[-1]])
    at(minutes=25)
    assert (await run(modalidades=[6])).status == Status.COMPLETE
    listed = {entry["numeroControlePNCP"] for entry in [*older[1:120], older[-1]]}
    stored = await sync(lambda: set(Notice.objects.values_list("control_number", flat=True)))
    assert listed <= stored


async def test_what_is_put_together_from_two_readings_covers_nothing(simulate, run, at, older):
    """Something may have moved between pages that were not asked for again."""
    simulator = await simulate(older, faults="truncate:page=3")
    await run(modalidades=[6])
    simulator.faults.faults.clear()
    asked = []
    for hours, covers in ((0.4, False), (3, True)):
        at(hours=hours)
        before = len(simulator.requests)
        search = await run(modalidades=[6])
        assert (search.status, search.total_raw) == (Status.COMPLETE, 151)
        assert bool(await covered()) is covers
        asked.append(len(simulator.requests) - before)
    assert asked == [2, 4]  # the first page, and what was missing; then all


@pytest.mark.parametrize(
    ("times", "status", "why"),
    [(1, Status.COMPLETE, None), (ALWAYS, Status.PARTIAL, "source.drift")],
    ids=["once", "each time"],
)
@pytest.mark.parametrize("mode", ["publicacao", "abertas"])
async def test_a_list_that_moved_and_kept_its_total_is_read_again(
    simulate, run, at, shift, mode, times, status, why
):
    at()
    shift(Endpoint.OPEN if mode == "abertas" else Endpoint.PUBLISHED, times=times)
    simulator = await simulate([record(n) for n in range(1, 131)])
    search = await run(modalidades=[6], modo_busca=mode)
    assert (search.status, search.coverage["SP"]["motivo"]) == (status, why)
    assert search.total_raw == 130
    assert bool(await covered()) is (status == Status.COMPLETE)
    assert len(simulator.requests) <= 20  # two readings of a second round, too


async def test_a_list_of_changes_that_moved_leaves_its_days_at_their_age(simulate, run, at, shift):
    at()
    question = {"modalidades": [6], "data_inicial": "2026-08-01", "data_final": "2026-08-15"}
    records = [record(n, day="2026-08-10") for n in range(1, 131)]
    simulator = await simulate(records)
    assert (await run(**question)).total_kept == 130
    for entry in records:
        entry["dataAtualizacaoGlobal"] = "2026-08-19T10:00:00"
    records[50]["objetoCompra"] = OTHER
    await grow_old(days=2)
    shift(Endpoint.UPDATED, times=1)
    asked = []
    for minutes in (0, 15, 30):
        at(minutes=minutes)
        before = len(simulator.requests)
        search = await run(**question)
        assert (search.status, search.total_kept) == (Status.COMPLETE, 129)
        asked.append(sorted(pages_asked(simulator)[before:]))
    assert asked == [[1, 1, 2, 3, 3], [1, 2, 3], []]


@pytest.mark.parametrize("twice", [False, True])
async def test_who_came_while_another_left_is_found(simulate, run, at, monkeypatch, twice):
    """Nothing that was met was changed, but the second page begins as the first one ends, were it
    with a notice that stands on the first one twice."""
    at()
    records = [record(n, day="2026-08-10") for n in range(1, 131)]
    if twice:
        records[10] = records[49]
    given = Simulator._page

    def page(self, ask, kinds):
        answer = given(self, ask, kinds)
        self.records = FileRecords([record(131, day="2026-08-10"), *records[:-1]])
        return answer

    monkeypatch.setattr(Simulator, "_page", page)
    simulator = await simulate(records)
    search = await run(modalidades=[6])
    assert search.status == Status.COMPLETE
    assert await sync(Notice.objects.filter(control_number__contains="-000131/").exists)
    assert sorted(pages_asked(simulator)) == [1, 1, 1, 2, 2, 2, 3, 3]


@pytest.mark.parametrize("kind", ["publications", "changes"])
@pytest.mark.parametrize(
    ("change", "again"),
    [({}, []), ({"dataAtualizacaoGlobal": "2026-08-20T12:00:00"}, [1, 3])],
    ids=["of old", "changed just now"],
)
async def test_what_a_list_has_on_two_pages_for_good_makes_it_no_less_whole(
    simulate, run, at, kind, change, again
):
    """Bodies publish things twice; what may be no habit is looked at once more."""
    at()
    question = {"modalidades": [6], "data_inicial": "2026-08-01", "data_final": "2026-08-15"}
    records = [record(n, day="2026-08-10") for n in range(1, 131)]
    simulator = await simulate(records)
    if kind == "changes":
        await run(**question)
        await grow_old(days=2)
        for entry in records:
            entry["dataAtualizacaoGlobal"] = "2026-08-19T10:00:00"
    records[0] |= change
    simulator.records = FileRecords([*records, records[0]])
    asked = []
    for _ in range(2):
        before = len(simulator.requests)
        search = await run(**question)
        assert (search.status, search.total_raw) == (Status.COMPLETE, 130)
        asked.append(sorted(pages_asked(simulator)[before:]))
    assert asked == [sorted([1, 2, 3, *again]), []]


@pytest.mark.parametrize(
    ("times", "status", "pages", "failed"),
    [(1, Status.COMPLETE, 3, None), (ALWAYS, Status.PARTIAL, 2, 3)],
    ids=["once", "each time"],
)
async def test_a_page_that_is_not_given_again_does_not_count_as_read(
    simulate, run, at, monkeypatch, times, status, pages, failed
):
    at()
    given, asked = PncpClient.page, []

    async def page(self, key, number):
        asked.append(number)
        if number == 3 and 1 < asked.count(3) <= 1 + times:
            raise SourceUnavailable
        return await given(self, key, number)

    monkeypatch.setattr(PncpClient, "page", page)
    changed = record(1) | {"dataAtualizacaoGlobal": "2026-08-20T12:00:00"}
    simulator = await simulate([])
    simulator.records = FileRecords([changed, *(record(n) for n in range(2, 131)), changed])
    search = await run(modalidades=[6])
    told = search.coverage["SP"]
    assert (search.status, search.total_raw, told["repetidas"]) == (status, 130, 1)
    assert (told["paginas_lidas"], told["paginas_total"]) == (pages, 3)
    assert told["pagina_que_falhou"] == failed


async def test_who_has_no_uf_in_the_country_s_list_is_found_by_that_of_its_uf(simulate, run):
    placeless = record(1, modality=7, day="2026-08-19")
    placeless["unidadeOrgao"] |= {"ufSigla": "", "codigoIbge": None}
    rest = [record(n, uf=UFS[n % 27], modality=7, day="2026-08-19") for n in range(2, 30)]
    simulator = await simulate([placeless, *rest])
    search = await run(ufs=UFS, modalidades=[7])
    assert {seen.params.get("uf") for seen in simulator.requests} == {None, *UFS}
    of_uf = parse_notice(placeless, asked_uf="SP")
    await sync(lambda: notices.upsert(search.source_id, [of_uf]))
    assert await sync(lambda: Notice.objects.get(control_number=of_uf.control_number).uf) == "SP"

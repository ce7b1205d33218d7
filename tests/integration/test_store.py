"""What the store of notices saves a search, and how it stays true: nothing twice, nothing stale."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from searches import selectors
from searches.domain.brazil import BRASILIA, UNITS
from searches.domain.lifecycle import Status
from searches.models import Coverage, PageRead
from searches.models import Notice as NoticeRow
from searches.pncp.faults import Faults
from searches.pncp.payload import parse_notice
from searches.pncp.simulator_records import FileRecords
from searches.services import notices
from tests.integration.conftest import NOW, record
from tests.integration.pipeline_support import FOOD, OTHER, grow_old, page_requests, sync

pytestmark = pytest.mark.django_db(transaction=True)


async def test_the_second_search_asks_the_source_for_nothing(simulate, run):
    simulator = await simulate([record(n) for n in range(1, 120)])
    first = await run()
    asked = len(simulator.requests)
    # The records' days are long over by this machine's clock, so nothing is missing of them.
    second = await run()
    assert len(simulator.requests) == asked
    assert second.total_kept == first.total_kept == 119
    assert second.coverage["SP"]["do_acervo"] == 119
    third = await run(data_inicial="2026-07-30")
    spans = {
        (seen.params["dataInicial"], seen.params["dataFinal"])
        for seen in list(simulator.requests)[asked:]
    }
    assert spans == {("20260730", "20260731")}
    assert third.total_kept == 119


async def test_what_cannot_be_read_is_told_each_time(simulate, run):
    """What is known of a list includes what could not be read of it."""
    unreadable = [record(n, objetoCompra=None) for n in range(1, 4)]
    simulator = await simulate([*unreadable, *(record(n) for n in range(4, 60))])
    first = await run()
    asked = len(simulator.requests)
    second = await run()
    assert len(simulator.requests) == asked
    for search in (first, second):
        assert (search.status, search.total_raw) == (Status.COMPLETE, 56)
        assert search.coverage["SP"]["ilegiveis"] == 3


RARE, COMMON, RARE_BUT_LONG = 7, 6, 4


async def test_rare_modalities_are_read_for_the_whole_country(simulate, run):
    """One list of two pages instead of one for each UF; what has many pages is asked by UF."""
    ufs = [unit.code for unit in UNITS]
    records = [
        record(n, uf=ufs[n % 27], modality=RARE if n <= 60 else COMMON) for n in range(1, 1501)
    ]
    simulator = await simulate(records)
    search = await run(ufs=ufs, modalidades=[RARE, COMMON])
    assert (search.status, search.total_raw, search.total_kept) == (Status.COMPLETE, 1500, 1500)
    rows = search.coverage.values()
    assert {row["status"] for row in rows} == {"complete"}
    assert sum(row["encontradas"] for row in rows) == 1500
    assert {row["do_acervo"] for row in rows} == {0}
    assert {row["repetidas"] for row in rows} == {0}
    asked = Counter(
        (seen.params["codigoModalidadeContratacao"], "uf" in seen.params)
        for seen in simulator.requests
    )
    assert asked[str(RARE), False] == 2
    assert asked[str(RARE), True] == 0
    assert asked[str(COMMON), False] == 0
    assert asked[str(COMMON), True] == 54
    assert set(page_requests(simulator).values()) == {1}
    seen = len(simulator.requests)
    again = await run(ufs=ufs[:20], modalidades=[RARE, COMMON])
    assert len(simulator.requests) == seen
    assert {row["do_acervo"] for row in again.coverage.values()} <= {55, 56}


async def test_a_country_that_cannot_be_read_is_read_by_ufs(simulate, run):
    ufs = [unit.code for unit in UNITS]
    records = [record(n, uf=ufs[n % 27], modality=RARE) for n in range(1, 300)]
    simulator = await simulate(records)
    simulator.faults = Faults.read("500:page=2")  # of the country's list: no UF has a second one
    search = await run(ufs=ufs, modalidades=[RARE], client={"attempts": 1})
    assert (search.status, search.total_kept) == (Status.COMPLETE, 299)


async def test_a_country_with_too_many_pages_is_read_by_ufs(simulate, run):
    ufs = [unit.code for unit in UNITS]
    records = [record(n, uf=ufs[n % 27], modality=RARE_BUT_LONG) for n in range(1, 1501)]
    simulator = await simulate(records)
    search = await run(ufs=ufs, modalidades=[RARE_BUT_LONG])
    assert (search.status, search.total_raw) == (Status.COMPLETE, 1500)
    asked = Counter("uf" in seen.params for seen in simulator.requests)
    assert asked == {False: 1, True: 54}  # one to see how long it is
    assert {row["repetidas"] for row in search.coverage.values()} == {0}


def asked_since(simulator, count):
    return [
        (seen.path.rsplit("/", 1)[-1], seen.params["dataInicial"], seen.params["dataFinal"])
        for seen in list(simulator.requests)[count:]
    ]


async def test_what_became_of_days_in_the_store_is_asked_by_their_changes(simulate, run):
    now = timezone.now().astimezone(BRASILIA)
    records = [record(n) for n in range(1, 61)]
    simulator = await simulate(records, clock=lambda: now)
    await run(modalidades=[6])
    await grow_old(days=2)
    records[0] |= {
        "objetoCompra": OTHER,
        "dataAtualizacaoGlobal": f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%S}",
    }
    asked = len(simulator.requests)
    search = await run(modalidades=[6])
    since, today = (f"{day:%Y%m%d}" for day in (now - timedelta(days=2), now))
    assert asked_since(simulator, asked) == [("atualizacao", since, today)]
    assert search.status == Status.COMPLETE
    assert (search.total_raw, search.total_kept) == (60, 59)
    assert (search.coverage["SP"]["lidas"], search.coverage["SP"]["encontradas"]) == (60, 59)
    asked = len(simulator.requests)
    assert (await run(modalidades=[6])).total_kept == 59
    assert asked_since(simulator, asked) == []


async def test_a_few_days_are_read_again_rather_than_many_days_of_changes(simulate, run):
    simulator = await simulate([record(n) for n in range(1, 61)])
    await run(modalidades=[6], data_inicial="2026-08-19", data_final="2026-08-20")
    await grow_old(days=5)
    asked = len(simulator.requests)
    search = await run(modalidades=[6], data_inicial="2026-08-19", data_final="2026-08-20")
    assert set(asked_since(simulator, asked)) == {("publicacao", "20260819", "20260820")}
    assert search.total_kept == 60


async def test_changes_that_cannot_be_read_are_said(simulate, run):
    simulator = await simulate([record(n) for n in range(1, 61)])
    await run(modalidades=[6])
    await grow_old(days=2)
    simulator.faults = Faults.read("down:path=atualizacao")
    search = await run(modalidades=[6], client={"attempts": 1})
    assert search.status == Status.PARTIAL
    assert search.coverage["SP"]["motivo"] == "source.down"
    assert search.total_kept == 60


async def test_what_a_clock_that_was_ahead_has_dated_is_read_again(simulate, run):
    simulator = await simulate([record(n) for n in range(1, 61)])
    await run(modalidades=[6])
    await grow_old(days=-2)
    asked = len(simulator.requests)
    search = await run(modalidades=[6])
    assert set(asked_since(simulator, asked)) == {("publicacao", "20260801", "20260820")}
    assert search.total_kept == 60
    asked = len(simulator.requests)
    await run(modalidades=[6])
    assert asked_since(simulator, asked) == []


@pytest.mark.parametrize("grown", [False, True])
async def test_a_list_that_was_cut_off_goes_on_later_unless_it_has_grown(
    simulate, run, monkeypatch, grown
):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    records = [record(n, day="2026-08-20") for n in range(1, 240)]
    simulator = await simulate(records, faults="truncate:page=5")
    cut_off = await run(modalidades=[6])
    assert cut_off.status == Status.PARTIAL
    later = NOW + timedelta(minutes=25)
    monkeypatch.setattr("django.utils.timezone.now", lambda: later)
    simulator.faults.faults.clear()
    if grown:
        newest = record(240, day="2026-08-20")
        simulator.records = FileRecords([*records, newest])
    asked = len(simulator.requests)
    search = await run(modalidades=[6])
    pages = sorted(int(seen.params["pagina"]) for seen in list(simulator.requests)[asked:])
    assert pages == ([1, 2, 3, 4, 5] if grown else [1, 5])
    assert (search.status, search.total_raw) == (Status.COMPLETE, 240 if grown else 239)
    assert search.coverage["SP"]["repetidas"] == 0


async def test_a_uf_of_which_something_is_known_is_incomplete(simulate, run):
    """That there is nothing is known, too."""
    simulator = await simulate([])
    await run(modalidades=[4, 5, 7])
    simulator.faults = Faults.read("down:")
    search = await run(modalidades=[4, 5, 6, 7])
    assert (search.status, search.coverage["SP"]["status"]) == (Status.PARTIAL, "partial")
    search = await run(modalidades=[6])
    assert (search.status, search.coverage["SP"]["status"]) == (Status.ERROR, "failed")


async def test_so_is_one_of_whose_open_notices_something_is_known(simulate, run, at):
    simulator = await simulate([])
    await run(modo_busca="abertas")
    await sync(lambda: Coverage.objects.update(modality=4))  # as by a source that wants one
    await sync(PageRead.objects.all().delete)
    simulator.faults = Faults.read("down:")
    search = await run(modo_busca="abertas", modalidades=[4, 6])
    assert (search.status, search.coverage["SP"]["status"]) == (Status.PARTIAL, "partial")


async def test_so_are_open_notices(simulate, run, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    simulator = await simulate([record(1)])
    question = {"modo_busca": "abertas", "data_inicial": None, "data_final": None}
    await run(**question)
    await grow_old(days=-2)
    asked = len(simulator.requests)
    assert (await run(**question)).total_kept == 1
    assert len(simulator.requests) == asked + 1


async def test_what_the_list_of_open_notices_has_no_more_is_not_open(simulate, run, at):
    async def found():
        search = await run(modo_busca="abertas", data_inicial=None, data_final=None)
        assert search.total_raw == search.total_kept
        listed = await sync(lambda: set(search.matches.values_list("notice__object", flat=True)))
        return search.status, sorted(text[-1] for text in listed)

    names = {1: f"{FOOD} 1", 2: f"{FOOD} 2", 3: f"{FOOD} 3"}
    all_three = [record(number, object=name) for number, name in names.items()]
    simulator = await simulate(all_three)
    assert await found() == (Status.COMPLETE, ["1", "2", "3"])
    brought_forward = {"dataEncerramentoProposta": "2026-08-20T08:00:00"}
    simulator.records = FileRecords([all_three[0], all_three[1] | brought_forward, all_three[2]])
    at(minutes=5)
    assert await found() == (Status.COMPLETE, ["1", "2", "3"])  # read a moment ago
    at(minutes=15)
    simulator.faults = Faults.read("down:")
    assert await found() == (Status.PARTIAL, ["1", "2", "3"])  # who can say?
    simulator.faults.faults.clear()
    assert await found() == (Status.COMPLETE, ["1", "3"])
    at(minutes=20)
    assert await found() == (Status.COMPLETE, ["1", "3"])
    simulator.records = FileRecords(all_three)  # as it was, and no newer
    at(minutes=40)
    assert await found() == (Status.COMPLETE, ["1", "2", "3"])


async def test_changes_do_not_vouch_for_a_day_that_a_wrong_clock_has_dated(simulate, run):
    simulator = await simulate([record(n) for n in range(1, 61)])
    await run(modalidades=[6])
    await grow_old(days=2)
    last_day = Coverage.objects.filter(day="2026-08-20")
    await sync(lambda: last_day.update(fetched_at=timezone.now() + timedelta(days=2)))
    simulator.faults = Faults.read("down:path=publicacao")
    assert (await run(modalidades=[6], client={"attempts": 1})).status == Status.PARTIAL
    simulator.faults.faults.clear()
    asked = len(simulator.requests)
    await run(modalidades=[6])
    assert asked_since(simulator, asked) == [("publicacao", "20260820", "20260820")]


@pytest.mark.parametrize("hours", [-1, 1])
async def test_of_two_copies_stored_at_once_the_newer_stays(monkeypatch, hours):
    """Both processes look, find nothing, and store their copy; the other one is faster."""
    ours = parse_notice(record(1, object="ours"), asked_uf=None)
    theirs = replace(ours, object="theirs", updated_at=ours.updated_at + timedelta(hours=hours))
    insert = NoticeRow.objects.bulk_create

    def after_theirs(*args, **kwargs):
        monkeypatch.setattr(NoticeRow.objects, "bulk_create", insert)
        notices.upsert(selectors.source_id(), [theirs])
        return insert(*args, **kwargs)

    monkeypatch.setattr(NoticeRow.objects, "bulk_create", after_theirs)
    keys = await sync(lambda: notices.upsert(selectors.source_id(), [ours]))
    stored = await sync(NoticeRow.objects.get)
    assert keys == {ours.control_number: stored.pk}
    assert stored.object == ("theirs" if hours > 0 else "ours")

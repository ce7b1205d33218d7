"""A search from claim to ending, over a real source that misbehaves on demand."""

import asyncio
import tempfile
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError

from searches import representation, selectors
from searches.domain.errors import ClaimLost
from searches.domain.filtering import Decider, Reason
from searches.domain.lifecycle import MAX_LOSSES, Status
from searches.domain.progress import Stage
from searches.domain.query import SearchQuery
from searches.models import Coverage, Match, Notice, PageRead, Search, SearchEvent
from searches.pipeline import run_search
from searches.pncp.client import PncpClient
from searches.pncp.payload import parse_notice
from searches.pncp.simulator import Simulator
from searches.services import events, notices, results
from searches.services import searches as services
from tests.integration.conftest import NOW, create, open_client, record, reload

pytestmark = pytest.mark.django_db(transaction=True)

FOOD = "Aquisição de gêneros alimentícios para a merenda"
OTHER = "Contratação de seguro de vida"


def sync(function):
    return database_sync_to_async(function)()


async def eventually(look, *, at_least=1):
    """Return when something that nobody announces has come to be."""
    async with asyncio.timeout(20):
        while True:
            found = look()
            if (await found if asyncio.iscoroutine(found) else found) >= at_least:
                return
            await asyncio.sleep(0.01)


async def events_of(search):
    return await sync(lambda: selectors.events_after(search.pk, 0))


def page_requests(simulator):
    """Return how often each page was asked for."""
    return Counter(tuple(sorted(seen.params.items())) for seen in simulator.requests)


async def test_it_finds_keeps_and_counts(simulate, run):
    await simulate([record(n, object=FOOD if n % 3 else OTHER) for n in range(1, 131)])
    search = await run()
    assert search.status == Status.COMPLETE
    assert (search.total_raw, search.total_kept) == (130, 87)
    assert sum(search.rejections.values()) == 43
    assert search.rejections["sem_termo"] == 43
    assert await sync(search.matches.filter(hidden=False).count) == 87
    assert search.coverage["SP"]["status"] == "complete"
    assert search.artifact is not None
    assert search.artifact.rows == 87


async def test_events_have_no_hole_their_stages_are_in_order_and_progress_never_falls(
    simulate, run
):
    await simulate([record(n, uf=("SP", "RJ", "MG")[n % 3]) for n in range(1, 240)])
    search = await run(ufs=["SP", "RJ", "MG"])
    told = await events_of(search)
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    order = [stage.value for stage in Stage]
    stages = [order.index(event["stage"]) for event in told]
    assert stages == sorted(stages)
    progress = [event["progress"] for event in told]
    assert progress == sorted(progress)
    assert progress[-1] == 100
    assert told[0]["stage"] == "queued"
    assert [event["stage"] for event in told].count("complete") == 1
    last = told[-1]["detail"]
    assert last["total_raw"] == search.total_raw
    assert last["total_filtrado"] == search.total_kept
    assert last["storage"] == "database"
    assert str(search.pk) in last["download_url"]
    fetching = [event["detail"] for event in told if event["stage"] == "fetching"]
    assert {detail["uf"] for detail in fetching} == {"SP", "RJ", "MG"}
    assert fetching[-1]["uf_index"] == fetching[-1]["uf_total"] == 3
    assert len(told) < 200


async def test_a_copy_counts_once_and_the_newest_wins(simulate, run):
    old = record(1, object=OTHER)
    new = record(1, object=FOOD, dataAtualizacaoGlobal="2026-08-19T22:00:00")
    await simulate([new, *(record(n) for n in range(2, 60)), old])
    search = await run()
    assert (search.total_raw, search.total_kept) == (59, 59)
    assert search.coverage["SP"]["repetidas"] == 1


async def test_a_unit_that_fails_is_named_and_the_rest_is_there(simulate, run):
    await simulate(
        [record(n, uf="SP") for n in range(1, 20)] + [record(99, uf="MG")], faults="down:uf=MG"
    )
    search = await run(ufs=["SP", "MG"])
    assert search.status == Status.PARTIAL
    assert search.coverage["SP"]["status"] == "complete"
    assert search.coverage["MG"]["status"] == "failed"
    assert search.coverage["MG"]["motivo"] == "source.down"
    assert search.total_kept == 19
    assert search.artifact is not None
    last = (await events_of(search))[-1]
    assert last["stage"] == "partial"
    assert "MG" in last["message"]
    assert last["progress"] == 100


async def test_the_pages_of_both_rounds_are_counted(simulate, run):
    """What the first round read of a UF is not asked again, and not forgotten either."""
    foods = [record(n, uf="RJ", modality=6) for n in range(1, 130)]
    works = [record(n, uf="RJ", modality=4) for n in range(200, 210)]
    await simulate(foods + works, faults="truncate:uf=RJ;page=2")
    search = await run(ufs=["RJ", "AC"])
    told = [
        event["detail"]
        for event in await events_of(search)
        if event["stage"] == "fetching" and event["detail"]["uf"] == "RJ"
    ]
    assert told[-1]["retrying"] == 1
    for count in ("pages_done", "pages_total", "items_found"):
        counts = [each[count] for each in told]
        assert counts == sorted(counts)
    covered = search.coverage["RJ"]
    assert covered["status"] == "partial"
    assert covered["paginas_lidas"] == 5
    assert covered["paginas_total"] == 6


async def test_a_source_that_is_down_ends_in_one_clear_error(simulate, run):
    await simulate([], faults="down:")
    search = await run(ufs=["SP", "RJ", "MG", "BA"])
    assert search.status == Status.ERROR
    assert search.error_code == "source.down"
    last = (await events_of(search))[-1]
    assert (last["stage"], last["progress"]) == ("error", -1)
    assert "PNCP não respondeu" in last["message"]
    assert search.artifact is None


@pytest.mark.parametrize(
    "faults",
    [
        "500:rate=0.2",
        "truncate:rate=0.2",
        "reset:rate=0.2",
        "422:rate=0.15",
        "429:every=7,retry_after=0",
    ],
)
async def test_passing_faults_lose_nothing(simulate, run, faults):
    await simulate([record(n) for n in range(1, 400)], faults=faults)
    search = await run(client={"attempts": 8})
    assert search.status == Status.COMPLETE
    assert search.total_raw == 399


async def test_cancelling_stops_the_requests(simulate, settings):
    simulator = await simulate([record(n) for n in range(1, 2000)], latency_seconds=0.2)
    search = await create()
    async with open_client(settings, concurrency=1) as client:
        work = asyncio.create_task(run_search(search.pk, worker="test:1:x", client=client))
        await eventually(lambda: bool(simulator.requests))
        await database_sync_to_async(services.request_cancel)(await reload(search))
        await asyncio.wait_for(work, timeout=20)
    asked = len(simulator.requests)
    ended = await reload(search)
    assert ended.status == Status.CANCELLED
    assert asked < 40
    assert ended.total_raw == ended.total_kept + sum(ended.rejections.values())
    assert ended.total_kept == await sync(search.matches.filter(hidden=False).count)
    told = await events_of(search)
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    assert (told[-1]["stage"], told[-1]["progress"]) == ("cancelled", -1)
    ended = await reload(search)
    assert {row["status"] for row in ended.coverage.values()} <= {"partial", "failed"}
    shown = await sync(lambda: representation.result(ended, page=1, page_size=10, now=NOW))
    assert (shown["status"], shown["progress"]) == ("cancelled", -1)


async def test_a_waiting_search_is_cancelled_at_once():
    search = await create()
    told = await database_sync_to_async(services.request_cancel)(search)
    assert [event["stage"] for event in told] == ["cancelled"]
    ended = await reload(search)
    assert ended.status == Status.CANCELLED
    assert await database_sync_to_async(services.claim)(search.pk, worker="w") is None
    shown = await sync(lambda: representation.result(ended, page=1, page_size=10, now=NOW))
    assert {uf: row["status"] for uf, row in shown["cobertura"].items()} == {"SP": "failed"}
    assert shown["filter_stats"] == {reason.value: 0 for reason in Reason}


async def test_a_search_that_is_given_back_keeps_its_counts(simulate, settings):
    await simulate([record(n) for n in range(1, 200)], latency_seconds=0.2)
    search = await create()
    async with open_client(settings, concurrency=1) as client:
        work = asyncio.create_task(run_search(search.pk, worker="test:1:x", client=client))

        async def pages_done() -> int:
            return (await events_of(search))[-1]["detail"].get("pages_done", 0)

        await eventually(pages_done)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert (await reload(search)).status == Status.QUEUED  # its worker was told to stop
    *_, before, given_back = await events_of(search)
    assert (given_back["stage"], given_back["status"]) == ("fetching", "queued")
    assert given_back["detail"] == {**before["detail"], "resumes": True}


async def test_an_attempt_goes_on_after_the_pages_that_another_stored(simulate, settings):
    simulator = await simulate([record(n) for n in range(1, 1000)], latency_seconds=0.05)
    settings.PNCP_CONCURRENCY = 2  # what bounds the pages that are fetched and not stored
    search = await create()
    async with open_client(settings, concurrency=2) as client:
        work = asyncio.create_task(run_search(search.pk, worker="test:1:x", client=client))
        await eventually(lambda: sync(PageRead.objects.count), at_least=8)
        work.cancel()  # as a server that is told to stop
        await asyncio.gather(work, return_exceptions=True)
    assert (await reload(search)).status == Status.QUEUED
    stored = await sync(PageRead.objects.count)
    in_flight = len(simulator.requests) - stored
    async with open_client(settings) as client:
        await run_search(search.pk, worker="test:2:y", client=client)
    ended = await reload(search)
    assert ended.status == Status.COMPLETE
    assert ended.total_raw == 999
    assert ended.attempt == 2
    again = {key: count for key, count in page_requests(simulator).items() if count > 1}
    assert len(again) <= in_flight
    assert in_flight < 8 <= stored
    told = await events_of(search)
    progress = [event["progress"] for event in told]
    assert progress == sorted(progress)
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))


async def test_two_searches_at_once_share_the_requests(simulate, settings):
    simulator = await simulate([record(n) for n in range(1, 400)], latency_seconds=0.05)
    searches = [await create(), await create()]
    async with open_client(settings) as client:
        await asyncio.gather(
            *(run_search(search.pk, worker="test:1:x", client=client) for search in searches)
        )
    for search in searches:
        assert (await reload(search)).total_raw == 399
    assert set(page_requests(simulator).values()) == {1}


async def test_open_notices_are_found_whenever_they_were_published(simulate, run, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    await simulate(
        [
            record(1, day="2025-01-10", dataEncerramentoProposta="2026-09-01T10:00:00"),
            record(2, day="2026-08-19", dataEncerramentoProposta="2026-08-19T12:00:00"),
            record(3, dataEncerramentoProposta=None),
            record(4, modality=8, dataEncerramentoProposta="2026-09-01T10:00:00"),
        ]
    )
    search = await run(modo_busca="abertas", data_inicial=None, data_final=None)
    assert search.status == Status.COMPLETE
    assert (search.total_raw, search.total_kept) == (1, 1)


async def test_a_list_that_changes_each_time_is_not_called_complete(simulate, run):
    await simulate([record(n) for n in range(1, 150)], faults="drift:rate=1")
    search = await run()
    assert search.status in (Status.PARTIAL, Status.COMPLETE)
    covered = await sync(Coverage.objects.filter(modality=6).count)
    assert (search.coverage["SP"]["status"] == "complete") == bool(covered)
    assert search.total_raw == 149


async def test_a_page_that_comes_again_under_a_steady_total_is_not_called_complete(
    simulate, run, monkeypatch
):
    asked = Simulator._page
    moved = [True]

    def page(self, ask, kinds):
        return asked(self, replace(ask, page=1) if ask.page == 2 and moved[0] else ask, kinds)

    monkeypatch.setattr(Simulator, "_page", page)
    await simulate([record(n) for n in range(1, 71)])
    search = await run()
    assert search.status == Status.PARTIAL
    assert search.coverage["SP"]["motivo"] == "source.drift"
    moved[0] = False
    again = await run()
    assert (again.status, again.total_raw) == (Status.COMPLETE, 70)


async def test_a_recorder_that_fails_over_the_last_events_leaves_no_search_hanging(
    simulate, run, monkeypatch
):
    written = events.record

    def record_events(search_id, told, **options):
        if any(each.stage is Stage.EXCEL and each.detail for each in told):
            raise RuntimeError("a fault of ours")
        return written(search_id, told, **options)

    monkeypatch.setattr(events, "record", record_events)
    await simulate([record(1)])
    search = await run()
    assert (search.status, search.error_code) == (Status.ERROR, "internal")


async def test_the_real_records_are_counted_as_an_independent_count_does(records, simulate, run):
    ufs, first, last = ["SP", "RJ", "MG", "ES"], date(2025, 8, 21), date(2026, 8, 20)
    expected = {
        entry["numeroControlePNCP"]
        for entry in records
        if entry["unidadeOrgao"]["ufSigla"] in ufs
        and first <= date.fromisoformat(entry["dataPublicacaoPncp"][:10]) <= last
        and entry["modalidadeId"] in (4, 5, 6, 7)
    }
    await simulate(records)
    search = await run(ufs=ufs, data_inicial=first.isoformat(), data_final=last.isoformat())
    assert search.status == Status.COMPLETE
    assert search.total_raw == len(expected)
    stored = await sync(lambda: set(Notice.objects.values_list("control_number", flat=True)))
    assert stored == expected
    kept = await sync(
        lambda: {
            match.notice.control_number
            for match in Match.objects.select_related("notice").filter(hidden=False)
        }
    )
    assert len(kept) == search.total_kept
    assert search.total_raw == search.total_kept + sum(search.rejections.values())


async def test_a_database_that_stays_away_leaves_the_search_to_others(
    simulate, settings, monkeypatch
):
    """In the middle of reading several UFs at once, too: the search is not lost."""
    await simulate([record(1)])
    search = await create(ufs=["SP", "RJ"])

    async def away(*args, **kwargs):
        raise OperationalError("the server has gone away")

    monkeypatch.setattr("searches.fetching.Fetcher.read_unit", away)
    async with open_client(settings) as client:
        await run_search(search.pk, worker="test:1:x", client=client)
    left = await reload(search)
    assert (left.status, left.error_code) == (Status.RUNNING, "")


async def test_only_lost_workers_count_against_a_search():
    search = await create()

    def given_back(*, is_asked):
        claimed = services.claim(search.pk, worker="w")
        assert claimed is not None
        services.give_back(claimed, is_asked=is_asked)
        return Search.objects.values_list("status", "error_code").get(pk=search.pk)

    told = [await sync(lambda: given_back(is_asked=True)) for _ in range(MAX_LOSSES + 2)]
    assert set(told) == {(Status.QUEUED, "")}
    told = [await sync(lambda: given_back(is_asked=False)) for _ in range(MAX_LOSSES)]
    assert told == [*[(Status.QUEUED, "")] * (MAX_LOSSES - 1), (Status.ERROR, "worker.lost")]


async def test_without_room_for_the_file_the_result_is_still_there(
    simulate, run, tmp_path, monkeypatch
):
    await simulate([record(n, object=FOOD) for n in range(1, 11)])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    search = await run()

    assert (search.status, search.total_kept) == (Status.COMPLETE, 10)
    assert search.artifact is None
    assert (await events_of(search))[-1]["detail"]["download_url"] is None


async def test_who_asks_while_a_worker_stops_is_heard():
    search = await create()
    claimed = await sync(lambda: services.claim(search.pk, worker="w"))
    assert await sync(lambda: services.request_cancel(search)) == []
    told = await sync(lambda: services.give_back(claimed, is_asked=True))
    assert [event["stage"] for event in told] == ["cancelled"]
    assert (await reload(search)).status == Status.CANCELLED


async def test_an_attempt_that_loses_its_search_while_it_reads_keeps_nothing(
    simulate, settings, monkeypatch
):
    await simulate([record(n) for n in range(1, 20)])
    search, ask = await create(modalidades=[6]), PncpClient.page

    def take_over():
        services.give_back(Search.objects.get(pk=search.pk))
        return services.claim(search.pk, worker="other:2:y")

    async def taken_over(*args):
        await sync(take_over)
        return await ask(*args)

    monkeypatch.setattr(PncpClient, "page", taken_over)
    async with open_client(settings) as client:
        await run_search(search.pk, worker="test:1:x", client=client)
    left = await reload(search)
    assert (left.status, left.worker) == (Status.RUNNING, "other:2:y")
    assert await sync(Notice.objects.count) > 0
    assert await sync(Match.objects.count) == 0


async def test_an_attempt_that_wakes_after_the_end_judges_in_vain(simulate, run):
    """What the search has told of its matches stays true."""
    await simulate([record(n) for n in range(1, 20)])
    search = await run()
    query = SearchQuery.from_json(search.query)
    later = parse_notice(record(20), asked_uf=None)
    await sync(lambda: notices.upsert(search.source_id, [later]))
    with pytest.raises(ClaimLost):
        await sync(lambda: results.judge_all(search, query, Decider(query, now=NOW)))
    assert await sync(search.matches.count) == search.total_kept == 19


async def test_it_ends_with_an_error_when_the_fault_is_ours(simulate, settings, monkeypatch):
    await simulate([record(1)])
    search = await create()

    def broken(*args, **kwargs):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("searches.services.results.judge_all", broken)
    async with open_client(settings) as client:
        await run_search(search.pk, worker="test:1:x", client=client)
    ended = await reload(search)
    assert (ended.status, ended.error_code) == (Status.ERROR, "internal")
    last = await sync(SearchEvent.objects.filter(search=search).order_by("-seq").first)
    assert "a fault of ours" not in str(last.payload)

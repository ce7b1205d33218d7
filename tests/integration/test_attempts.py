"""Attempts at a search: cancelled, lost, given back, and ended exactly once."""

import asyncio
import threading
from datetime import timedelta
from itertools import product

import pytest
from channels.db import database_sync_to_async
from django.core.management.base import CommandError
from django.db import OperationalError
from django.utils import timezone

from searches import representation, selectors, streams, upkeep
from searches.domain.brazil import BY_CODE
from searches.domain.errors import ClaimLost
from searches.domain.filtering import Decider, Reason
from searches.domain.lifecycle import MAX_LOSSES, Status
from searches.domain.progress import Stage, Told
from searches.domain.query import SearchQuery, parse_query
from searches.management.commands import buscar
from searches.models import Coverage, Match, Notice, PageRead, Search, SearchEvent
from searches.pipeline import run_search
from searches.pncp.client import PncpClient
from searches.pncp.payload import parse_notice
from searches.services import notices, results
from searches.services import searches as services
from tests.integration.conftest import NOW, ask, create, open_client, record, reload
from tests.integration.pipeline_support import (
    FOOD,
    events_of,
    eventually,
    page_requests,
    sync,
)

pytestmark = pytest.mark.django_db(transaction=True)


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


async def test_a_stop_in_the_middle_of_a_claim_leaves_the_search_to_others(settings, monkeypatch):
    search, loop = await create(), asyncio.get_running_loop()
    is_claimed, may_return = asyncio.Event(), threading.Event()
    claim = services.claim

    def claim_slowly(*args, **options):
        claimed = claim(*args, **options)
        loop.call_soon_threadsafe(is_claimed.set)
        assert may_return.wait(10)
        return claimed

    monkeypatch.setattr(services, "claim", claim_slowly)
    async with open_client(settings) as client:
        work = asyncio.create_task(run_search(search.pk, worker="test:1:x", client=client))
        await asyncio.wait_for(is_claimed.wait(), 10)
        work.cancel()
        may_return.set()
        with pytest.raises(asyncio.CancelledError):
            await work
    left = await reload(search)
    assert (left.status, left.worker, left.losses) == (Status.QUEUED, "", 0)


async def test_a_search_of_another_source_is_not_run_here(simulate, settings):
    """What this process would read is not what was asked for."""
    await simulate([record(1)])
    search, asked_of = await create(), settings.PNCP_BASE_URL
    other = await simulate([record(2)])
    async with open_client(settings) as client:
        await run_search(search.pk, worker="test:1:x", client=client)
    assert not other.requests
    assert (await reload(search)).status == Status.QUEUED
    assert await sync(selectors.waiting) == []
    settings.PNCP_BASE_URL = asked_of
    assert await sync(selectors.waiting) == [search.pk]


async def test_a_search_whose_source_nobody_serves_ends_after_a_while(settings):
    search, served = await create(), await create()
    claimed = await sync(lambda: services.claim(served.pk, worker="elsewhere:1:x"))

    async def told_long_ago() -> None:
        before = timezone.now() - selectors.UNSERVED_AFTER - timedelta(seconds=1)
        await SearchEvent.objects.aupdate(at=before)

    await told_long_ago()
    await upkeep.give_up_unserved()  # this process's own
    settings.PNCP_BASE_URL = "http://127.0.0.1:10"
    await upkeep.give_up_unserved()  # something of its source still runs elsewhere
    assert (await reload(search)).status == Status.QUEUED

    await sync(lambda: services.give_back(claimed, is_asked=True))
    watching = streams.follow(search.pk)
    try:
        assert [frame.is_last for frame in await anext(watching)] == [False]
        await upkeep.give_up_unserved()
        [last] = await asyncio.wait_for(anext(watching), 10)
    finally:
        await watching.aclose()
    assert "outra fonte" in last.text
    ended = await reload(search)
    assert (ended.status, ended.error_code) == (Status.ERROR, "source.gone")
    assert (await reload(served)).status == Status.QUEUED  # told of a moment ago
    await told_long_ago()
    await upkeep.give_up_unserved()
    assert (await reload(served)).status == Status.ERROR


async def test_a_search_that_is_given_back_keeps_its_counts(simulate, settings):
    await simulate([record(n) for n in range(1, 200)], latency_seconds=0.2)
    search = await create()
    async with open_client(settings, concurrency=1) as client:
        work = asyncio.create_task(run_search(search.pk, worker="test:1:x", client=client))

        async def found() -> int:
            return (await events_of(search))[-1]["detail"].get("items_matched", 0)

        await eventually(found)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert (await reload(search)).status == Status.QUEUED  # its worker was told to stop
    *_, before, given_back = await events_of(search)
    assert (given_back["stage"], given_back["status"]) == ("fetching", "queued")
    assert given_back["detail"] == {**before["detail"], "resumes": True}
    # Cancelled before the next attempt it has counted nothing, and lists nothing.
    assert await sync(search.matches.count) > 0
    await sync(lambda: services.request_cancel(search))
    ended = await reload(search)
    shown = await sync(lambda: representation.result(ended, page=1, page_size=10, now=NOW))
    assert (shown["status"], shown["total_filtrado"], shown["licitacoes"]) == ("cancelled", 0, [])


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


async def test_what_an_attempt_told_of_a_state_is_not_taken_back_by_the_next(simulate, settings):
    records = [record(n, uf="AC") for n in range(1, 40)]
    records += [record(n, uf="SP", modality=4) for n in range(160, 200)]
    records += [record(n, uf="SP") for n in range(200, 2200)]
    await simulate(records, latency_seconds=0.05)
    settings.PNCP_CONCURRENCY = 1
    search = await create(ufs=["AC", "SP", "TO"], modalidades=[4, 6])

    async def fetched(uf):
        return [e["detail"] for e in await events_of(search) if e["detail"].get("uf") == uf]

    async def is_half_way():
        acre, paulo = await fetched("AC"), await fetched("SP")
        is_whole = bool(acre) and acre[-1]["uf_status"] == "complete"
        is_a_list_whole = await sync(Coverage.objects.filter(uf="SP").exists)
        return is_whole and is_a_list_whole and bool(paulo) and paulo[-1]["pages_done"] >= 3

    async with open_client(settings, concurrency=1) as client:
        work = asyncio.create_task(run_search(search.pk, worker="test:1:x", client=client))
        await eventually(is_half_way)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    given_back = (await events_of(search))[-1]
    assert given_back["status"] == "queued"
    async with open_client(settings) as client:
        await run_search(search.pk, worker="test:2:y", client=client)
    assert (await reload(search)).attempt == 2
    told = await events_of(search)
    again = told[given_back["seq"]]
    assert (again["status"], again["stage"]) == ("running", "fetching")
    assert again["detail"] == {k: v for k, v in given_back["detail"].items() if k != "resumes"}
    fetching = [event["detail"] for event in told if event["stage"] == "fetching"]
    index = [detail["uf_index"] for detail in fetching]
    assert index == sorted(index)
    for uf in ("AC", "SP"):
        for name in ("pages_done", "pages_total", "items_found", "items_matched"):
            counts = [detail[name] for detail in await fetched(uf)]
            assert counts == sorted(counts), (uf, name)
    # It goes on being told, although a list that is whole by now is not among its pages.
    told_then = [e["detail"] for e in told[: given_back["seq"]] if e["detail"].get("uf") == "SP"]
    since = (await fetched("SP"))[len(told_then) :]
    reading = [detail for detail in since if detail["uf_status"] == "reading"]
    assert any(detail["pages_done"] > told_then[-1]["pages_done"] for detail in reading)
    states = [detail["uf_status"] for detail in await fetched("AC")]
    assert set(states[states.index("complete") :]) == {"complete"}


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
    assert (left.status, left.error_code, left.losses) == (Status.QUEUED, "", 0)


async def test_a_search_in_a_terminal_that_was_left_ends_there(simulate, monkeypatch):
    await simulate([record(1)])

    async def away(*args, **kwargs):
        raise OperationalError("the server has gone away")

    monkeypatch.setattr("searches.fetching.Fetcher.read_unit", away)
    with pytest.raises(CommandError, match="parou antes do fim") as left:
        await asyncio.wait_for(buscar._run(parse_query(ask(), today=NOW.date())), 20)
    assert left.value.returncode == 1


async def test_a_search_in_a_terminal_goes_on_with_whoever_took_it(simulate, monkeypatch):
    """A site beside it, when the machine slept."""
    await simulate([record(n) for n in range(1, 20)])
    request, is_left = PncpClient.page, buscar._is_left

    def take_over():
        search = Search.objects.get()
        services.give_back(search)
        return services.claim(search.pk, worker="other:2:y")

    async def taken_over(*args):
        await sync(take_over)
        return await request(*args)

    async def ended_elsewhere(search, work):
        left = await is_left(search, work)
        ending = Told(Stage.COMPLETE, status=Status.COMPLETE)
        attempt = (await reload(search)).attempt
        await sync(lambda: services.finish(search.pk, Status.COMPLETE, ending, attempt=attempt))
        return left

    monkeypatch.setattr(PncpClient, "page", taken_over)
    monkeypatch.setattr(buscar, "_is_left", ended_elsewhere)
    query = parse_query(ask(modalidades=[6]), today=NOW.date())
    ended = await asyncio.wait_for(buscar._run(query), 20)
    assert ended.status == Status.COMPLETE


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
    search, request = await create(modalidades=[6]), PncpClient.page

    def take_over():
        services.give_back(Search.objects.get(pk=search.pk))
        return services.claim(search.pk, worker="other:2:y")

    async def taken_over(*args):
        await sync(take_over)
        return await request(*args)

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
        await sync(lambda: results.judge_all(search, query, Decider(query, now=NOW), coverage={}))
    assert await sync(search.matches.count) == search.total_kept == 19


async def test_what_the_countrys_lists_brought_is_counted_once_its_uf_is_read(simulate, settings):
    """Cancelled before: it is neither listed nor counted."""
    of_all = [
        record(number, uf=uf, modality=modality, object=FOOD)
        for number, (uf, modality) in enumerate(product(BY_CODE, (1, 2, 3)), start=1)
    ]
    await simulate(of_all, latency_seconds=0.8)
    search = await create(ufs=list(BY_CODE), modalidades=[1, 2, 3])
    async with open_client(settings, concurrency=1) as client:
        work = asyncio.create_task(run_search(search.pk, worker="test:1:x", client=client))
        await eventually(lambda: sync(PageRead.objects.count))
        await database_sync_to_async(services.request_cancel)(await reload(search))
        await asyncio.wait_for(work, timeout=20)
    ended = await reload(search)
    assert ended.status == Status.CANCELLED
    assert ended.total_raw == ended.total_kept + sum(ended.rejections.values())
    assert ended.total_kept == await sync(search.matches.filter(hidden=False).count)

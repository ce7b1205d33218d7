"""The inline runner and the keeper of leases: what goes wrong is in the log, and they go on."""

import asyncio
import logging
import threading
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError
from django.db.models.functions import Now
from django.utils import timezone

from bidiq import logs
from searches import page_leases, pipeline, runner, selectors, upkeep
from searches.domain.lifecycle import HEARTBEAT_SECONDS, SILENCE_SECONDS, Status
from searches.models import PageLease, Search
from searches.owners import Owner
from searches.page_leases import PageLeases
from searches.runner import InlineRunner
from searches.services import leases
from searches.services import searches as services
from tests.integration.conftest import create, open_client, reload
from tests.integration.pipeline_support import eventually

pytestmark = pytest.mark.django_db(transaction=True)


async def until(is_so) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110  (what is awaited tells nobody)
            await asyncio.sleep(0.01)


@pytest.fixture
def broken(monkeypatch):
    async def run(*_, **__) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(runner, "run_search", run)
    monkeypatch.setattr(runner, "give_back_abandoned", run)
    monkeypatch.setattr(runner, "SWEEP_SECONDS", 0.01)


async def test_a_fault_of_the_sweep_or_of_a_run_is_logged(broken, caplog):
    search_id, inline = uuid4(), InlineRunner()
    with caplog.at_level(logging.WARNING, logger="searches.runner"):
        inline.wake(search_id)
        try:
            await until(lambda: caplog.text.count("the sweep failed") > 1)
            await until(lambda: f"search {search_id} was left" in caplog.text)
        finally:
            await inline.stop()


async def test_a_source_that_cannot_be_opened_is_opened_again(broken, monkeypatch, caplog):
    opened = runner.open_client
    failures = iter([OSError(24, "Too many open files"), RuntimeError("can't start new thread")])

    @asynccontextmanager
    async def open_late():
        for failure in failures:
            raise failure
        async with opened() as client:
            yield client

    monkeypatch.setattr(runner, "open_client", open_late)
    search_id, inline = uuid4(), InlineRunner()
    with caplog.at_level(logging.WARNING, logger="searches.runner"):
        inline.wake(search_id)
        try:
            await until(lambda: f"search {search_id} was left" in caplog.text)
        finally:
            await inline.stop()
    assert caplog.text.count("beginning again") == 2


async def test_what_comes_while_it_stops_waits_for_the_next_start(broken, caplog):
    inline = InlineRunner()
    inline.start()
    await inline.stop()
    inline.wake(uuid4())
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("search-")]


async def test_one_owner_leaves_places_to_others(monkeypatch, settings):
    settings.BIDIQ_SEARCHES_AT_ONCE = 4
    running: list[UUID] = []

    async def run(search_id: UUID, **_) -> None:
        running.append(search_id)
        await asyncio.Event().wait()

    monkeypatch.setattr(runner, "run_search", run)
    many = [await create() for _ in range(3)]
    one = await create(Owner(visitor="bob"))
    inline = InlineRunner()
    for search in (*many, one):
        inline.wake(search.pk)
    try:
        await until(lambda: len(running) == 3)
    finally:
        await inline.stop()
    assert set(running) == {many[0].pk, many[1].pk, one.pk}


async def test_leases_are_renewed_after_a_fault_and_for_no_search_in_particular(
    monkeypatch, caplog
):
    monkeypatch.setattr(page_leases, "RENEWAL_SECONDS", 0.01)
    rounds: list[str] = []

    def renew(pages, *, holder) -> None:
        rounds.append(logs.search_id.get())
        if len(rounds) == 1:
            raise RuntimeError("a fault of ours")

    monkeypatch.setattr(leases, "renew", renew)
    token = logs.search_id.set("of the first search")
    try:
        with caplog.at_level(logging.ERROR, logger="searches.page_leases"):
            async with PageLeases().leased("a page") as is_ours:
                assert is_ours
                await until(lambda: len(rounds) > 1)
    finally:
        logs.search_id.reset(token)
    assert set(rounds) == {""}
    assert "leases were not renewed" in caplog.text
    assert not await database_sync_to_async(leases.is_taken)("a page")


async def test_a_page_that_another_process_asks_for_is_not_asked_for_here():
    """Also beside a site that runs its own searches: a search in a terminal is one."""
    assert await database_sync_to_async(leases.take)("a page", holder="elsewhere:1:x")
    async with PageLeases().leased("a page") as is_ours:
        assert not is_ours


async def test_who_is_cancelled_while_it_takes_a_page_leaves_it_to_the_next(monkeypatch):
    """What a cancelled search keeps, the next one would wait for in silence."""
    take, is_taking, is_cancelled = leases.take, threading.Event(), threading.Event()

    def take_slowly(page: str, *, holder: str) -> bool:
        is_taking.set()
        assert is_cancelled.wait(10)
        return take(page, holder=holder)

    async def read() -> None:
        async with PageLeases().leased("a page"):
            raise AssertionError("it was cancelled before")

    monkeypatch.setattr(leases, "take", take_slowly)
    reading = asyncio.create_task(read())
    await until(is_taking.is_set)
    reading.cancel()
    asyncio.get_running_loop().call_soon(is_cancelled.set)  # once the task has heard of it
    await asyncio.gather(reading, return_exceptions=True)
    assert reading.cancelled()
    assert not await database_sync_to_async(leases.is_taken)("a page")


async def test_leases_of_killed_processes_are_forgotten_by_a_site_alone(monkeypatch):
    monkeypatch.setattr(upkeep, "FIRST_ROUND_SECONDS", 0.01)
    expired = Now() - timedelta(hours=2)
    await PageLease.objects.acreate(page="a page", holder="elsewhere:1:x", expires_at=expired)
    inline = InlineRunner()

    async def forgotten() -> bool:
        return not await PageLease.objects.aexists()

    inline.start()
    try:
        await eventually(forgotten)
    finally:
        await inline.stop()


async def test_a_machine_whose_clock_runs_ahead_takes_nothing_from_a_living_worker(monkeypatch):
    search = await create()
    await database_sync_to_async(services.claim)(search.pk, worker="elsewhere:1:x")
    take = database_sync_to_async(leases.take)
    assert await take("a page", holder="elsewhere:1:x")

    ahead = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    assert await runner.give_back_abandoned(trusts_silence=True) == []
    assert not await take("a page", holder="here:2:y")
    assert await database_sync_to_async(leases.is_taken)("a page")

    heard_long_ago = Search.objects.filter(pk=search.pk).aupdate
    await heard_long_ago(heartbeat_at=Now() - timedelta(seconds=16))
    take_back = partial(runner.give_back_abandoned, trusts_silence=True)
    assert await take_back(besides={search.pk}) == []  # a laptop that woke up
    assert await take_back() == [search.pk]


@pytest.fixture
def clock(monkeypatch):
    """Let the time that searches are kept by stand still: `clock.seconds` is what it shows."""
    stopped = SimpleNamespace(seconds=1000.0)
    stopped.monotonic = lambda: stopped.seconds
    monkeypatch.setattr(runner, "time", stopped)
    monkeypatch.setattr(pipeline, "time", stopped)
    return stopped


async def test_after_an_outage_the_living_have_time_to_say_so(monkeypatch, clock):
    """Their signs of life could not be written."""
    rounds, is_away, running = [], threading.Event(), selectors.running

    def look():
        rounds.append(is_away.is_set())
        if rounds[-1]:
            raise OperationalError("the server has gone away")
        return running()

    async def run(*_, **__) -> None:
        """The search is left to others."""

    async def a_few_rounds() -> None:
        seen = len(rounds)
        await until(lambda: len(rounds) > seen + 2)

    async def status() -> str:
        return (await reload(search)).status

    monkeypatch.setattr(selectors, "running", look)
    monkeypatch.setattr(runner, "run_search", run)
    monkeypatch.setattr(runner, "SWEEP_SECONDS", 0.01)
    search, inline = await create(), InlineRunner()
    await database_sync_to_async(services.claim)(search.pk, worker="elsewhere:1:x")
    inline.start()
    try:
        clock.seconds += SILENCE_SECONDS + 1
        await a_few_rounds()
        is_away.set()
        await a_few_rounds()
        await Search.objects.aupdate(heartbeat_at=Now() - timedelta(seconds=SILENCE_SECONDS + 1))
        is_away.clear()
        await a_few_rounds()
        assert await status() == Status.RUNNING
        clock.seconds += SILENCE_SECONDS + 1
        await a_few_rounds()
        assert await status() == Status.QUEUED
    finally:
        await inline.stop()


@pytest.fixture
async def watched(settings, monkeypatch, clock):
    """A run of a search that only gives signs of life."""
    monkeypatch.setattr(pipeline, "CANCEL_CHECK_SECONDS", 0.01)
    monkeypatch.setattr(pipeline, "_may_warn", logs.Seldom())
    created = await create()
    search = await database_sync_to_async(services.claim)(created.pk, worker="test:1:x")
    work = asyncio.create_task(asyncio.sleep(3600))
    async with open_client(settings) as client:
        watch = asyncio.create_task(pipeline._Run(search, client).watch(work))
        yield watch
        for task in (watch, work):
            task.cancel()
        await asyncio.gather(watch, work, return_exceptions=True)


async def test_after_an_outage_the_sign_of_life_comes_at_once(watched, monkeypatch, clock):
    beat, beats, looks = services.beat, [], []
    is_asked = selectors.is_cancel_requested

    def beat_at_last(*args, **options):
        beats.append(clock.seconds)
        if len(beats) < 3:
            raise OperationalError("the server has gone away")
        return beat(*args, **options)

    def look(search_id):
        looks.append(search_id)
        return is_asked(search_id)

    monkeypatch.setattr(services, "beat", beat_at_last)
    monkeypatch.setattr(selectors, "is_cancel_requested", look)
    await until(lambda: bool(looks))
    clock.seconds += HEARTBEAT_SECONDS
    await until(lambda: len(beats) == 3)
    seen = len(looks)
    await until(lambda: len(looks) > seen + 2)
    assert len(beats) == 3
    clock.seconds += HEARTBEAT_SECONDS
    await until(lambda: len(beats) == 4)


async def test_a_database_that_is_away_is_said_once_and_in_one_line(watched, monkeypatch, caplog):
    errors = [*[OperationalError("connection refused\n\tIs it running?")] * 3, RuntimeError("ours")]
    left = iter(errors)

    def fail(search_id):
        if error := next(left, None):
            raise error
        return False

    with caplog.at_level(logging.WARNING, logger="searches.pipeline"):
        monkeypatch.setattr(selectors, "is_cancel_requested", fail)
        await until(lambda: "ours" in caplog.text)
    away, ours = caplog.records
    assert "connection refused Is it running?" in away.getMessage()
    assert (away.exc_info, bool(ours.exc_info)) == (None, True)

"""follow() and the hub: the same tests on the layer in memory, core Redis and pub/sub."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import LazySettings

from searches import live, streams
from tests import processes, servers
from tests.integration.live.conftest import LAYERS_OF_REDIS, Teller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(120)]
WAIT_SECONDS = 30


class Watcher:
    """Follows a search and keeps the numbers it was given."""

    def __init__(self, search_id: UUID, *, after: int = 0) -> None:
        self.seqs: list[int] = []
        self.payloads: list[dict[str, Any]] = []
        self.beaten = asyncio.Event()
        self._more = asyncio.Event()
        self.task = asyncio.create_task(self._follow(search_id, after))

    async def _follow(self, search_id: UUID, after: int) -> None:
        async for batch in streams.follow(search_id, after=after):
            for frame in batch:
                self.seqs.append(frame.seq)
                self.payloads.append(json.loads(frame.text))
            self._more.set()
            if not batch:
                self.beaten.set()

    async def reaches(self, seq: int, *, seconds: float = WAIT_SECONDS) -> None:
        async with asyncio.timeout(seconds):
            while not self.seqs or self.seqs[-1] < seq:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def watching(*watchers: Watcher) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for watcher in watchers:
            watcher.task.cancel()
        await asyncio.gather(*(watcher.task for watcher in watchers), return_exceptions=True)


@pytest.fixture
def only_push(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is found by looking: what arrives was pushed, or led to looking by a gap."""
    monkeypatch.setattr(streams, "SILENCE_SECONDS", 600.0)


async def test_it_replays_what_was_told_before(teller: Teller) -> None:
    await teller.tell(5)
    whole, rest = Watcher(teller.id), Watcher(teller.id, after=4)
    async with watching(whole, rest):
        await whole.reaches(6)
        await rest.reaches(6)
    assert whole.seqs == [1, 2, 3, 4, 5, 6]  # the first says that it is queued
    assert rest.seqs == [5, 6]


async def test_it_beats_also_when_nothing_is_looked_up_for_long(
    teller: Teller, only_push: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.2)
    watcher = Watcher(teller.id)
    async with watching(watcher), asyncio.timeout(WAIT_SECONDS):
        await watcher.beaten.wait()


async def test_it_pushes_in_order(teller: Teller, only_push: None) -> None:
    watcher = Watcher(teller.id)
    async with watching(watcher):
        await watcher.reaches(1)
        for number in range(50):
            await teller.tell(1, first=number)
        await watcher.reaches(51)
    assert watcher.seqs == list(range(1, 52))
    assert [p["detail"]["items_found"] for p in watcher.payloads[1:]] == list(range(50))


async def test_a_gap_is_filled_from_the_database(teller: Teller, only_push: None) -> None:
    watcher = Watcher(teller.id)
    async with watching(watcher):
        await watcher.reaches(1)
        await teller.record(3)  # the layer lost these
        await teller.tell(1)
        await watcher.reaches(5)
    assert watcher.seqs == [1, 2, 3, 4, 5]


async def test_what_comes_twice_is_told_once(teller: Teller, only_push: None) -> None:
    watcher = Watcher(teller.id)
    async with watching(watcher):
        await watcher.reaches(1)
        first = await teller.tell(2)
        await live.publish(teller.id, first)
        await live.publish(teller.id, list(reversed(first)))
        await teller.tell(1)
        await watcher.reaches(4)
    assert watcher.seqs == [1, 2, 3, 4]


async def test_a_burst_of_10_000_arrives_whole(teller: Teller) -> None:
    watchers = [Watcher(teller.id) for _ in range(3)]
    async with watching(*watchers):
        for watcher in watchers:
            await watcher.reaches(1)
        for number in range(20):
            await teller.tell(500, first=500 * number)
        for watcher in watchers:
            await watcher.reaches(10_001)
    assert all(watcher.seqs == list(range(1, 10_002)) for watcher in watchers)


async def test_the_last_event_ends_it(teller: Teller, only_push: None) -> None:
    watcher = Watcher(teller.id)
    async with watching(watcher):
        await watcher.reaches(1)
        await teller.tell(2)
        await teller.end()
        await asyncio.wait_for(watcher.task, WAIT_SECONDS)
    late = Watcher(teller.id, after=3)
    await asyncio.wait_for(late.task, WAIT_SECONDS)
    assert (watcher.seqs, late.seqs) == ([1, 2, 3, 4], [4])


async def test_all_watchers_share_one_subscription_and_the_last_one_closes_it(
    teller: Teller, only_push: None
) -> None:
    watchers = [Watcher(teller.id) for _ in range(200)]
    async with watching(*watchers):
        for watcher in watchers:
            await watcher.reaches(1)
        assert [len(found) for found in live.hub()._listeners.values()] == [1]
        await teller.tell(1)
        for watcher in watchers:
            await watcher.reaches(2)
    assert not live.hub()._listeners
    assert live.hub()._keeper is None
    assert not streams._topics[asyncio.get_running_loop()]


def _run(code: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a script of the site in a process of its own."""
    variables |= {"SECRET_KEY": "test", "DJANGO_SETTINGS_MODULE": "bidiq.settings"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=processes.ROOT,
        env=processes.environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def test_events_of_another_process_arrive(
    teller: Teller, layer: dict[str, Any], kind: str, settings: LazySettings
) -> None:
    code = f"""
import asyncio, django
from django.conf import settings
settings.CHANNEL_LAYERS = {{"default": {layer!r}}}
django.setup()
from uuid import UUID
from searches import live
from searches.domain.progress import Stage, Told
from searches.services import events
search = UUID("{teller.id}")
for number in range(20):
    payloads = events.record(search, [Told(Stage.FETCHING, 0.5)], attempt=1)
    asyncio.run(live.publish(search, payloads))
"""
    variables = {
        "DATABASE_URL": f"sqlite:///{settings.DATABASES['default']['NAME']}",
    }
    watcher = Watcher(teller.id)
    async with watching(watcher):
        await watcher.reaches(1)
        done = await asyncio.to_thread(_run, code, **variables)
        assert done.returncode == 0, done.stderr
        await watcher.reaches(21)
    assert watcher.seqs == list(range(1, 22))


@pytest.mark.parametrize("name", ["url", "local_url"])
def test_the_layer_of_the_settings_takes_each_kind_of_address(
    valkey: servers.Valkey, name: str, tmp_path: Path
) -> None:
    valkey.start()
    code = """
import asyncio, django
django.setup()
from channels.layers import get_channel_layer
async def main():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("group", channel)
    await layer.group_send("group", {"type": "heard"})
    print(await layer.receive(channel))
    await layer.flush()
asyncio.run(main())
"""
    variables = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db'}",
        "REDIS_URL": getattr(valkey, name),
    }
    done = _run(code, **variables)
    assert done.stdout == "{'type': 'heard'}\n", done.stderr


@pytest.mark.parametrize("kind", LAYERS_OF_REDIS, indirect=True)
class TestRedis:
    """What only a server can do: go away, hang, come back."""

    async def test_nothing_is_lost_while_it_restarts_and_push_comes_back(
        self, teller: Teller, valkey: servers.Valkey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        watcher = Watcher(teller.id)
        async with watching(watcher):
            await watcher.reaches(1)
            await teller.tell(3)
            await asyncio.to_thread(valkey.stop)
            for _ in range(3):
                await teller.tell(1)
            await watcher.reaches(7, seconds=2 * streams.SILENCE_SECONDS + 2)
            await asyncio.to_thread(valkey.start)
            monkeypatch.setattr(streams, "SILENCE_SECONDS", 600.0)
            await _until_pushed(teller, watcher)
        assert watcher.seqs == list(range(1, len(watcher.seqs) + 1))

    async def test_a_watcher_that_comes_while_it_is_down_is_served(
        self, teller: Teller, valkey: servers.Valkey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await asyncio.to_thread(valkey.stop)
        watcher = Watcher(teller.id)
        async with watching(watcher):
            await teller.tell(2)
            await watcher.reaches(3)
            await asyncio.to_thread(valkey.start)
            monkeypatch.setattr(streams, "SILENCE_SECONDS", 600.0)
            await _until_pushed(teller, watcher)
        assert watcher.seqs == list(range(1, len(watcher.seqs) + 1))

    async def test_one_that_hangs_keeps_nobody(
        self, teller: Teller, valkey: servers.Valkey, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        early = Watcher(teller.id)
        async with watching(early):
            await early.reaches(1)
            valkey.pause()
            try:
                async with asyncio.timeout(10):
                    for _ in range(20):
                        await teller.tell(1)
                late = Watcher(teller.id)
                async with watching(late):
                    await late.reaches(21, seconds=10)
                    await early.reaches(21, seconds=10)
            finally:
                valkey.resume()
            monkeypatch.setattr(streams, "SILENCE_SECONDS", 600.0)
            await _until_pushed(teller, early)
        assert early.seqs == list(range(1, len(early.seqs) + 1))

    async def test_an_idle_subscription_hears_itself_and_lives(
        self, teller: Teller, only_push: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(live, "ECHO_SECONDS", 0.05)
        watcher = Watcher(teller.id)
        async with watching(watcher), asyncio.timeout(WAIT_SECONDS):
            await watcher.reaches(1)
            hub, channel = live.hub(), live.hub()._channel
            for _ in range(3):
                hub._echo.clear()
                await hub._echo.wait()
            assert hub._channel == channel
            await teller.tell(1)
            await watcher.reaches(2)


async def _until_pushed(teller: Teller, watcher: Watcher) -> None:
    """Tell until it arrives although nobody looks."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            last = (await teller.tell(1))[-1]["seq"]
            try:
                await watcher.reaches(last, seconds=1)
            except TimeoutError:
                continue
            return

"""follow(): replay, live and heartbeat of a search's events; one algorithm for every transport.

Floor 4. All watchers of one search in one process share a Topic: the events once in memory, in
order and without holes. A watcher is only a place in that list, so that it cannot lose or
repeat anything, however slow it is.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
from channels.db import database_sync_to_async

from bidiq import logs
from bidiq.detached import detached
from searches import live, selectors
from searches.domain.progress import LAST_STAGES

logger = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
#: With the layer silent for this long the database is asked: nothing depends on the doorbell.
SILENCE_SECONDS = 2.0


class Offer(Enum):
    """What to do with an event that arrived."""

    DELIVER = "deliver"
    SKIP = "skip"
    GAP = "gap"


def offer(told_seq: int, seq: int) -> Offer:
    """Compare an arriving event with the last one told."""
    if seq <= told_seq:
        return Offer.SKIP
    return Offer.DELIVER if seq == told_seq + 1 else Offer.GAP


class Frame:
    """An event made ready to send, once for all watchers."""

    __slots__ = ("_sse", "is_last", "seq", "text")

    def __init__(self, payload: dict[str, Any]) -> None:
        self.seq: int = payload["seq"]
        self.is_last: bool = payload["stage"] in LAST_STAGES
        self.text: str = orjson.dumps(payload).decode()
        self._sse: bytes | None = None

    @property
    def sse(self) -> bytes:
        if self._sse is None:
            self._sse = f"id: {self.seq}\ndata: {self.text}\n\n".encode()
        return self._sse


Batch = Sequence[Frame]


class Topic:
    """The events of one search as this process knows them: frames[i] is event i + 1."""

    def __init__(self, search_id: UUID) -> None:
        self.search_id = search_id
        self.frames: list[Frame] = []
        self.beats = 0
        self.watchers = 0
        self.loaded = asyncio.Event()
        self._waiters: list[asyncio.Future[None]] = []
        self._gap = asyncio.Event()
        self._heard_at = 0.0  # or last read: the latest moment at which all was known
        self._task: asyncio.Task[None] | None = None

    @property
    def finished(self) -> bool:
        return bool(self.frames) and self.frames[-1].is_last

    def start(self) -> None:
        self._task = detached(self._run(), f"topic-{self.search_id}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def changed(self) -> None:
        """Wait for a new frame or the next heartbeat."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _notify(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():  # else its watcher has just been cancelled
                waiter.set_result(None)

    def _hear(self, payloads: Sequence[dict[str, Any]]) -> None:
        """Take events from the doorbell; anything but the next one in order means re-reading."""
        self._heard_at = self._now()
        if not self.loaded.is_set():
            self._gap.set()
            return
        delivered = False
        for payload in payloads:
            match offer(len(self.frames), payload["seq"]):
                case Offer.DELIVER:
                    self.frames.append(Frame(payload))
                    delivered = True
                case Offer.GAP:
                    self._gap.set()
                    break
                case Offer.SKIP:
                    pass
        if delivered:
            self._notify()

    async def _reread(self) -> None:
        """Bring the frames up to the database, which is the truth."""
        self._gap.clear()
        payloads = await database_sync_to_async(selectors.events_after)(
            self.search_id, len(self.frames)
        )
        self._heard_at = self._now()
        before = len(self.frames)
        for payload in payloads:
            if offer(len(self.frames), payload["seq"]) is Offer.DELIVER:
                self.frames.append(Frame(payload))
        first_time = not self.loaded.is_set()
        self.loaded.set()
        if first_time or len(self.frames) > before:
            self._notify()

    async def _run(self) -> None:
        """Keep the frames true until the search ends.

        1. Join the group, then read: joining after reading would lose what happens between.
        2. Wait for a gap or a silence, and read again. 3. Beat every 15 s.
        """
        logs.search_id.set(str(self.search_id))
        hub = live.hub()
        async with hub.listening(self.search_id, self._hear):
            self._gap.set()
            beat_at = self._now() + HEARTBEAT_SECONDS
            while not self.finished:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(min(self._heard_at + SILENCE_SECONDS, beat_at)):
                        await self._gap.wait()
                if self._gap.is_set() or self._now() - self._heard_at >= SILENCE_SECONDS:
                    try:
                        await self._reread()
                    except Exception as error:  # the database is away: watchers wait, nobody is cut
                        logger.warning("re-reading events failed; trying again: %s", error)
                        await asyncio.sleep(SILENCE_SECONDS)
                if self._now() >= beat_at:
                    beat_at += HEARTBEAT_SECONDS
                    self.beats += 1
                    self._notify()


_topics: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[UUID, Topic]] = WeakKeyDictionary()


@asynccontextmanager
async def _topic(search_id: UUID) -> AsyncIterator[Topic]:
    """Share the process's topic of a search; the last watcher to go takes it down."""
    topics = _topics.setdefault(asyncio.get_running_loop(), {})
    topic = topics.get(search_id)
    if topic is None:
        topic = topics[search_id] = Topic(search_id)
        topic.start()
    topic.watchers += 1
    try:
        yield topic
    finally:
        topic.watchers -= 1
        if not topic.watchers:
            topics.pop(search_id, None)
            await topic.stop()


async def follow(search_id: UUID, *, after: int = 0) -> AsyncGenerator[Batch, None]:
    """Yield every event after `after` in batches, then live ones, until the search has ended.

    An empty batch is a heartbeat. The caller has checked that the watcher may see the search.
    """
    async with _topic(search_id) as topic:
        await topic.loaded.wait()
        told, beats = max(after, 0), topic.beats
        while True:
            batch = topic.frames[told:]
            if batch:
                told += len(batch)
                yield batch
            elif topic.beats != beats:
                beats = topic.beats
                yield ()
            elif topic.finished:
                return
            else:
                await topic.changed()

"""The doorbell: tells other processes that an event was recorded. Floor 1.

The only module that touches the channel layer. Nothing depends on delivery: whoever watches
re-reads the database on a gap or a silence (see streams.py).
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from channels.layers import get_channel_layer

logger = logging.getLogger(__name__)

Payload = dict[str, Any]
Listener = Callable[[Sequence[Payload]], None]

#: A message carries at most this many events, so that a burst stays within every layer's limits.
MOST_EVENTS_A_MESSAGE = 100
_WARNING_GAP_SECONDS = 60.0


def group_for(search_id: UUID) -> str:
    """Return the layer's group of a search: ASCII, under 100 characters, no user text."""
    return f"search.{search_id.hex}"


class _Warner:
    """Logs the same trouble at most once a minute."""

    def __init__(self) -> None:
        self._quiet_until = 0.0

    def warn(self, what: str, error: Exception) -> None:
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _WARNING_GAP_SECONDS
            logger.warning("channel layer: %s failed (%s); going on by re-reading", what, error)


_warner = _Warner()


async def publish(search_id: UUID, payloads: Sequence[Payload]) -> None:
    """Ring: send copies of recorded events to whoever watches. Never raises.

    Whoever watches in this process hears at once, whatever the layer is and does; the copy that
    comes back through the layer is an old number by then.
    """
    here = _hubs.get(asyncio.get_running_loop())
    if here is not None:
        here.hand_on(search_id.hex, payloads)
        await asyncio.sleep(0)  # they go first
    try:
        for start in range(0, len(payloads), MOST_EVENTS_A_MESSAGE):
            await get_channel_layer().group_send(
                group_for(search_id),
                {
                    "type": "search.progress",
                    "search": search_id.hex,
                    "events": list(payloads[start : start + MOST_EVENTS_A_MESSAGE]),
                },
            )
    except Exception as error:  # the border: the layer's trouble must never stop a search
        _warner.warn("sending", error)


class Hub:
    """All that this process listens to: one channel, one receive task, any number of searches."""

    def __init__(self) -> None:
        self._layer = get_channel_layer()
        self._channel = ""
        self._listeners: dict[str, set[Listener]] = {}
        self._deaf: set[str] = set()  # groups that could not be joined yet
        self._lock = asyncio.Lock()
        self._receiver: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def listening(self, search_id: UUID, listener: Listener) -> AsyncIterator[None]:
        """Call `listener` with each message's events while the block runs."""
        group, key = group_for(search_id), search_id.hex
        async with self._lock:
            if self._receiver is None:
                self._channel = await self._layer.new_channel()
                self._receiver = asyncio.create_task(self._receive(), name="live-hub")
            if not self._listeners.get(key):
                await self._join(group)
            self._listeners.setdefault(key, set()).add(listener)
        try:
            yield
        finally:
            # Shielded: a watcher that is cancelled must still leave the group.
            await asyncio.shield(self._leave(group, key, listener))

    async def _join(self, group: str) -> None:
        try:
            await self._layer.group_add(group, self._channel)
            self._deaf.discard(group)
        except Exception as error:  # the layer's own errors have no common class
            self._deaf.add(group)
            _warner.warn("joining", error)

    async def _leave(self, group: str, key: str, listener: Listener) -> None:
        async with self._lock:
            listeners = self._listeners.get(key, set())
            listeners.discard(listener)
            if listeners:
                return
            self._listeners.pop(key, None)
            self._deaf.discard(group)
            with suppress(Exception):  # leaving an absent layer: nothing is left to do
                await self._layer.group_discard(group, self._channel)
            if not self._listeners and self._receiver is not None:
                self._receiver.cancel()
                with suppress(asyncio.CancelledError):
                    await self._receiver
                self._receiver = None

    async def _receive(self) -> None:
        """Hand each message on. One task for the hub's life: never cancel a receive to time it."""
        while True:
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:  # Redis went away under the core layer
                _warner.warn("receiving", error)
                await asyncio.sleep(1)
                continue
            self.hand_on(message.get("search", ""), message.get("events", ()))

    def hand_on(self, key: str, payloads: Sequence[Payload]) -> None:
        """Tell those who listen for a search."""
        for listener in tuple(self._listeners.get(key, ())):
            listener(payloads)

    async def rejoin(self) -> None:
        """Try again to join the groups that the layer refused; cheap when there are none."""
        if self._deaf:
            async with self._lock:
                for group in tuple(self._deaf):
                    await self._join(group)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the running loop's hub: one for each process, but tests run many loops."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


async def is_up() -> bool:
    """Return whether the layer takes messages now."""
    try:
        async with asyncio.timeout(3):
            await get_channel_layer().group_send("health", {"type": "health"})
    except Exception:  # the layer's own errors have no common class
        return False
    return True

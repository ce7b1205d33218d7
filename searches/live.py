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
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

from channels import DEFAULT_CHANNEL_LAYER
from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer
from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from bidiq.detached import detached
from bidiq.logs import Seldom

logger = logging.getLogger(__name__)

Payload = dict[str, Any]
Listener = Callable[[Sequence[Payload]], None]

#: A message carries at most this many events, so that a burst stays within every layer's limits.
MOST_EVENTS_A_MESSAGE = 100
#: No call of the layer may keep anybody longer: a Redis that hangs must not hang the site.
PATIENCE_SECONDS = 1.0
#: After a failed sending nothing is sent for a while: a search must not wait for each event.
REST_SECONDS = 1.0
#: How often a hub rings its own bell, and how long it waits to hear it.
ECHO_SECONDS = 3.0
ECHO_PATIENCE_SECONDS = 2.0


def group_for(search_id: UUID) -> str:
    """Return the layer's group of a search: ASCII, under 100 characters, no user text."""
    return f"search.{search_id.hex}"


_may_warn = Seldom()


def _warn(what: str, error: Exception) -> None:
    if _may_warn():
        logger.warning("channel layer: %s failed (%r); going on by re-reading", what, error)


_rests_until = 0.0


async def publish(search_id: UUID, payloads: Sequence[Payload]) -> None:
    """Ring: send copies of recorded events to whoever watches. Never raises, never waits long.

    Whoever watches in this process hears at once, whatever the layer is and does; the copy that
    comes back through the layer is an old number by then.
    """
    global _rests_until
    here = _hubs.get(asyncio.get_running_loop())
    if here is not None:
        here.hand_on(search_id.hex, payloads)
        await asyncio.sleep(0)  # they go first
    if time.monotonic() < _rests_until:
        return
    try:
        for start in range(0, len(payloads), MOST_EVENTS_A_MESSAGE):
            message = {
                "type": "search.progress",
                "search": search_id.hex,
                "events": list(payloads[start : start + MOST_EVENTS_A_MESSAGE]),
            }
            async with asyncio.timeout(PATIENCE_SECONDS):
                await get_channel_layer().group_send(group_for(search_id), message)
    except Exception as error:  # the border: the layer's trouble must never stop a search
        _rests_until = time.monotonic() + REST_SECONDS
        _warn("sending", error)


class Hub:
    """All that this process listens to: one channel, one receive task, any number of searches.

    The layer may be away when a watcher comes, or go away later: nobody waits for it longer than
    a moment, and a keeper brings the subscription back. A subscription can also die without a
    word (a hung connection, a core layer whose Redis forgot its groups), so the hub rings its own
    bell now and then to hear whether it hears.
    """

    def __init__(self) -> None:
        self._layer = _listening_layer()
        self._listeners: dict[str, set[Listener]] = {}
        self._joined: set[str] = set()
        self._channel = ""  # none yet, or the last one is dead
        self._own_group = ""
        self._receiver: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._nudge = asyncio.Event()
        self._echo = asyncio.Event()
        self._word = ""
        self._rests_until = 0.0

    @property
    def hears(self) -> bool:
        """Return whether the subscription stands, as far as is known."""
        return bool(self._channel)

    @asynccontextmanager
    async def listening(self, search_id: UUID, listener: Listener) -> AsyncIterator[None]:
        """Call `listener` with each message's events while the block runs."""
        key = search_id.hex
        self._listeners.setdefault(key, set()).add(listener)
        if self._keeper is None:
            self._keeper = detached(self._keep(), "live-hub")
        try:
            await self._join_all()
            yield
        finally:
            # Shielded: a watcher that is cancelled must still leave the group.
            await asyncio.shield(self._leave(key, listener))

    async def _leave(self, key: str, listener: Listener) -> None:
        listeners = self._listeners.get(key, set())
        listeners.discard(listener)
        if listeners:
            return
        self._listeners.pop(key, None)
        async with self._lock:
            if key in self._joined and key not in self._listeners:
                self._joined.discard(key)
                with suppress(Exception):  # leaving an absent layer: nothing is left to do
                    async with asyncio.timeout(PATIENCE_SECONDS):
                        await self._layer.group_discard(group_for(UUID(key)), self._channel)
            if not self._listeners and self._keeper is not None:
                keeper, self._keeper = self._keeper, None
                await _ended(keeper)
                await self._let_go()

    async def _keep(self) -> None:
        """Open the channel when there is none, join what is not joined, listen for the echo."""
        while True:
            self._nudge.clear()
            await self._join_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(ECHO_SECONDS if self.hears else REST_SECONDS):
                    await self._nudge.wait()
            if self.hears and not await self._hears_itself():
                async with self._lock:
                    await self._let_go()

    async def _join_all(self) -> None:
        """Bring the subscription up to who listens; what fails is the keeper's to try again."""
        async with self._lock:
            if time.monotonic() < self._rests_until:
                return
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    if not self._channel:
                        await self._open()
                    for key in self._listeners.keys() - self._joined:
                        await self._layer.group_add(group_for(UUID(key)), self._channel)
                        self._joined.add(key)
            except Exception as error:  # the layer's own errors have no common class
                _warn("joining", error)
                self._rests_until = time.monotonic() + REST_SECONDS
                await self._let_go()

    async def _open(self) -> None:
        channel = await self._layer.new_channel()
        self._own_group = f"hub.{uuid4().hex}"
        await self._layer.group_add(self._own_group, channel)
        self._channel = channel
        self._receiver = detached(self._receive(channel), "live-receive")

    async def _hears_itself(self) -> bool:
        """Ring through the layer's server and back, by a group as the searches' events come."""
        self._word = uuid4().hex
        self._echo.clear()
        try:
            async with asyncio.timeout(ECHO_PATIENCE_SECONDS):
                message = {"type": "echo", "of": self._word}
                await self._layer.group_send(self._own_group, message)
                await self._echo.wait()
        except Exception as error:  # the layer's own errors have no common class
            _warn("listening", error)
            return False
        return True

    async def _let_go(self) -> None:
        """Drop the channel and its connections; the next joining starts with new ones."""
        if self._receiver is not None:
            await _ended(self._receiver)
            self._receiver = None
        self._channel = ""
        self._joined.clear()
        old, self._layer = self._layer, _listening_layer()
        if old is not self._layer:
            await _closed(old)

    async def _receive(self, channel: str) -> None:
        """Hand each message on. One task for the channel: never cancel a receive to time it."""
        while True:
            try:
                message = await self._layer.receive(channel)
            except Exception as error:  # Redis went away under the core layer
                _warn("receiving", error)
                self._nudge.set()
                await asyncio.sleep(REST_SECONDS)
                continue
            if message.get("type") == "echo":
                if message.get("of") == self._word:
                    self._echo.set()
                continue
            self.hand_on(message.get("search", ""), message.get("events", ()))

    def hand_on(self, key: str, payloads: Sequence[Payload]) -> None:
        """Tell those who listen for a search."""
        for listener in tuple(self._listeners.get(key, ())):
            listener(payloads)


def _listening_layer() -> Any:
    """Return a layer to listen on: with Redis one of its own, that can be thrown away alone."""
    shared = get_channel_layer()
    if isinstance(shared, InMemoryChannelLayer):
        return shared
    return channel_layers.make_backend(DEFAULT_CHANNEL_LAYER)


async def _closed(layer: Any) -> None:
    """Close a layer's connections, as far as they let themselves be closed."""
    # The core layer's flush() would empty Redis; the pub/sub layer's only closes.
    close = getattr(layer, "close_pools", None) or layer.flush
    with suppress(Exception):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await close()


async def _ended(task: "asyncio.Task[None]") -> None:
    """Cancel a task; its own cleaning up may hang on the layer, which nobody waits for."""
    task.cancel()
    await asyncio.wait({task}, timeout=PATIENCE_SECONDS)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the running loop's hub: one for each process, but tests run many loops."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


def warn_if_down() -> None:
    """Say that the layer's server does not answer, also when nothing is sent and nobody listens."""
    try:
        _ask()
    except (RedisError, OSError) as error:
        _warn("asking", error)


def is_up() -> bool:
    """Return whether the layer's server takes what is written now; in memory there is none."""
    try:
        _ask()
    except (RedisError, OSError):
        return False
    return True


def _ask() -> None:
    """Write something small; raises RedisError or OSError.

    Full or read-only the server answers a ping, but keeps no budget of requests for all processes.
    """
    if settings.REDIS_URL:
        with Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=PATIENCE_SECONDS / 2,
            socket_connect_timeout=PATIENCE_SECONDS / 2,
            retry=Retry(NoBackoff(), 0),
        ) as client:
            client.set("bidiq:alive", 1, ex=60)

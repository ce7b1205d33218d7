"""How often we may ask the source: a paced rate that falls on 429 and recovers. Floor 1.

No rate is published; sources point to 10 to 16 requests a minute (source README, section 7). Each
429 pauses every request, because the source counts them together.
"""

import asyncio
import threading
import time
import weakref
from collections.abc import Awaitable, Callable
from typing import Protocol

#: Requests a minute below which the rate never falls: slower would look like a hang.
FLOOR_PER_MINUTE = 4.0
#: What one 429 leaves of the rate, and what one success gives back (a share of the ceiling).
FALL, RECOVERY = 0.5, 1 / 40
#: Requests allowed at once after a rest: the source's first 429 came after 10 calls in 4 s.
CAREFUL_BURST = 8


class Limiter(Protocol):
    """Permission to send, shared by all requests of a client (or of all processes)."""

    async def acquire(self) -> None:
        """Wait until one request may be sent; first asked, first sent."""

    async def throttled(self, retry_after_seconds: float) -> None:
        """Hold every request back for a while and slow down: the source answered 429."""

    def succeeded(self) -> None:
        """Recover a little of the rate: the source answered."""

    async def aclose(self) -> None:
        """Let go of connections, if there are any."""


def default_burst(ceiling_per_minute: float) -> int:
    """Return the burst for a ceiling: 8 for the real API, a second's worth for faster servers.

    A burst is also what makes up for late wake-ups: at 6,000 a minute a timer is late by more
    than one slot.
    """
    return max(CAREFUL_BURST, round(ceiling_per_minute / 60))


class AdaptiveLimiter:
    """The limiter of one process.

    Promises: never over the ceiling (plus one burst after a rest), never below the floor, first
    asked first sent, nothing lost when a waiter is cancelled. Works on any event loop, also on one
    after another.
    """

    def __init__(
        self,
        ceiling_per_minute: float,
        *,
        burst: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.ceiling_per_minute = float(ceiling_per_minute)
        self.floor_per_minute = min(FLOOR_PER_MINUTE, self.ceiling_per_minute)
        self.rate_per_minute = self.ceiling_per_minute
        self._burst = default_burst(ceiling_per_minute) if burst is None else max(1, burst)
        self._clock = clock
        self._sleep = sleep
        self._guard = threading.Lock()
        # The moment the next request would be due if none came in a burst (GCRA).
        self._due_at = float("-inf")
        self._paused_until = float("-inf")
        self._fell_at = float("-inf")
        # asyncio.Lock is fair, but belongs to one loop.
        self._lines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            weakref.WeakKeyDictionary()
        )

    async def acquire(self) -> None:
        """Wait until one request may be sent; first asked, first sent."""
        line = self._lines.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with line:
            # A pause may begin while the first in line sleeps: look again before going.
            while (wait_seconds := self.try_acquire()) > 0:
                await self._sleep(wait_seconds)

    async def throttled(self, retry_after_seconds: float) -> None:
        """Hold every request back for a while and slow down: the source answered 429."""
        with self._guard:
            now = self._clock()
            # Requests that were under way together get their 429 together: that is one fall.
            if now >= self._paused_until and now - self._fell_at >= 1:
                self.rate_per_minute = max(self.floor_per_minute, self.rate_per_minute * FALL)
                self._fell_at = now
            self._paused_until = max(self._paused_until, now + max(0.0, retry_after_seconds))
            # No burst after a pause: the first goes when it ends, the next one interval later.
            self._due_at = max(self._due_at, self._paused_until + self._slack_seconds())

    def succeeded(self) -> None:
        """Recover a little of the rate: the source answered."""
        with self._guard:
            self.rate_per_minute = min(
                self.ceiling_per_minute, self.rate_per_minute + self.ceiling_per_minute * RECOVERY
            )

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""

    def try_acquire(self) -> float:
        """Count one request and return 0, or return the seconds until it may be sent."""
        with self._guard:
            now = self._clock()
            interval_seconds = 60 / self.rate_per_minute
            wait_seconds = max(self._due_at - self._slack_seconds() - now, self._paused_until - now)
            if wait_seconds > 0:
                return wait_seconds
            self._due_at = max(self._due_at, now) + interval_seconds
            return 0.0

    def pause_left(self) -> float:
        """Return the seconds for which the source asked to be left alone."""
        with self._guard:
            return max(0.0, self._paused_until - self._clock())

    def _slack_seconds(self) -> float:
        return (self._burst - 1) * 60 / self.rate_per_minute

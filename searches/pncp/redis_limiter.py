"""One rate for all processes, kept in Redis; alone when Redis is down. Floor 1."""

import asyncio
import logging
import time
import weakref
from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from searches.pncp.limiter import (
    FALL,
    FLOOR_PER_MINUTE,
    RECOVERY,
    AdaptiveLimiter,
    Limiter,
    default_burst,
)
from searches.pncp.retry import LONGEST_PAUSE_SECONDS

logger = logging.getLogger(__name__)

#: How long Redis is left alone after it failed, and how often we say so.
REST_SECONDS = 5.0
WARNING_SECONDS = 60.0
#: Longer than a local Redis ever takes; a search must not wait for one that is gone.
TIMEOUT_SECONDS = 0.5

# State: due, paused, fell (microseconds of Redis' own clock) and rate (a minute). Redis' clock, so
# that processes on several machines agree; %.0f, because Lua would write 1.7e+15.
_STATE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local ceiling, floor, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local kept = redis.call('HMGET', KEYS[1], 'due', 'paused', 'fell', 'rate')
local due, paused, fell = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
local rate = math.max(floor, math.min(ceiling, tonumber(kept[4]) or ceiling))
local slack = (burst - 1) * 60000000 / rate
-- The machine's clock was set back: what was due soon must not be due in an hour.
local longest = tonumber(ARGV[4]) * 1000000
if paused > now + longest then paused = now end
if due > now + longest + 2 * slack then due = now end
if fell > now then fell = 0 end
local function keep()
  redis.call('HSET', KEYS[1], 'due', string.format('%.0f', due),
    'paused', string.format('%.0f', paused), 'fell', string.format('%.0f', fell), 'rate', rate)
  redis.call('EXPIRE', KEYS[1], 3600)
end
"""
#: ARGV 5: successes since the last call, 6: what each gives back. Returns microseconds to wait.
_ACQUIRE = (
    _STATE
    + """
rate = math.min(ceiling, rate + tonumber(ARGV[5]) * tonumber(ARGV[6]) * ceiling)
slack = (burst - 1) * 60000000 / rate
local wait = math.max(due - slack - now, paused - now)
if wait <= 0 then
  due = math.max(due, now) + 60000000 / rate
  wait = 0
end
keep()
return math.ceil(wait)
"""
)
#: ARGV 5: seconds to pause, 6: what is left of the rate.
_THROTTLED = (
    _STATE
    + """
if now >= paused and now - fell >= 1000000 then
  rate = math.max(floor, rate * tonumber(ARGV[6]))
  slack = (burst - 1) * 60000000 / rate
  fell = now
end
paused = math.max(paused, now + tonumber(ARGV[5]) * 1000000)
due = math.max(due, paused + slack)
keep()
return 0
"""
)


class RedisLimiter:
    """The limiter of all processes that share a Redis.

    Promises: one ceiling, one rate and one pause for all of them. With Redis down each process
    goes on at once with its own limiter, says so once a minute, and comes back by itself.
    """

    def __init__(
        self,
        redis_url: str,
        ceiling_per_minute: float,
        *,
        burst: int | None = None,
        name: str = "pncp",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = redis_url
        self._key = f"bidiq:limiter:{name}"
        burst = default_burst(ceiling_per_minute) if burst is None else max(1, burst)
        self._local = AdaptiveLimiter(ceiling_per_minute, burst=burst, clock=clock)
        floor = min(FLOOR_PER_MINUTE, ceiling_per_minute)
        self._arguments = (ceiling_per_minute, floor, burst, LONGEST_PAUSE_SECONDS)
        self._clock = clock
        self._success_count = 0
        self._rests_until = float("-inf")
        self._warned_at = float("-inf")
        # Connections and locks belong to one loop.
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Scripts] = (
            weakref.WeakKeyDictionary()
        )

    async def acquire(self) -> None:
        """Wait until one request may be sent; of one process first asked, first sent."""
        scripts = self._scripts()
        async with scripts.line:
            while True:
                successes, self._success_count = self._success_count, 0
                waits = await self._run(scripts.acquire, successes, RECOVERY)
                if waits is None:
                    await self._local.acquire()
                    return
                if waits == 0:
                    # Redis may have forgotten a pause, restarted without its data.
                    await asyncio.sleep(self._local.pause_left())
                    # Keep the local one in step: it takes over without a fresh burst.
                    self._local.try_acquire()
                    return
                await asyncio.sleep(waits / 1_000_000)

    async def throttled(self, retry_after_seconds: float) -> None:
        """Hold every request of every process back for a while and slow all of them down."""
        await self._local.throttled(retry_after_seconds)
        await self._run(self._scripts().throttled, max(0.0, retry_after_seconds), FALL)

    def succeeded(self) -> None:
        """Recover a little of the rate; Redis hears of it with the next request."""
        self._local.succeeded()
        self._success_count += 1

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        scripts = self._loops.pop(asyncio.get_running_loop(), None)
        if scripts is not None:
            await scripts.client.aclose()

    def _scripts(self) -> "_Scripts":
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            self._loops[loop] = _Scripts(self._url)
        return self._loops[loop]

    async def _run(self, script: AsyncScript, *arguments: float) -> int | None:
        """Run a script; None when Redis is down or was a moment ago."""
        if self._clock() < self._rests_until:
            return None
        try:
            result = await script(keys=[self._key], args=[*self._arguments, *arguments])
        except (RedisError, OSError, TimeoutError) as error:
            now = self._clock()
            self._rests_until = now + REST_SECONDS
            if now - self._warned_at >= WARNING_SECONDS:
                self._warned_at = now
                logger.warning("Redis is down, the PNCP rate is kept alone here: %s", error)
            return None
        return int(result)


class _Scripts:
    """What belongs to one event loop."""

    def __init__(self, url: str) -> None:
        self.line = asyncio.Lock()
        self.client: Redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            # One more try for an idle connection that the server closed; redis-py's own default
            # of three with waits would keep a search waiting for seconds.
            retry=Retry(NoBackoff(), 1),
        )
        self.acquire: AsyncScript = self.client.register_script(_ACQUIRE)
        self.throttled: AsyncScript = self.client.register_script(_THROTTLED)


def make_limiter(redis_url: str, ceiling_per_minute: float, *, name: str = "pncp") -> Limiter:
    """Return the limiter of a process: shared through Redis when there is an address of one."""
    if redis_url:
        return RedisLimiter(redis_url, ceiling_per_minute, name=name)
    return AdaptiveLimiter(ceiling_per_minute)

"""One rate for all processes, on a real Valkey."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterator
from typing import cast

import pytest
from redis.asyncio import Redis

from searches.pncp.redis_limiter import RedisLimiter
from tests.servers import Valkey, valkey
from tests.unit.pncp_support import Clock

WARNINGS = "searches.pncp.redis_limiter"
KEY = "bidiq:limiter:pncp"


@pytest.fixture(scope="module")
def server() -> Iterator[Valkey]:
    with valkey() as server:
        yield server


@pytest.fixture
async def url(server: Valkey) -> str:
    async with Redis.from_url(server.url) as redis:
        await redis.flushdb()
    return server.url


async def rate_in(url: str) -> float:
    async with Redis.from_url(url, decode_responses=True) as redis:
        return float(await cast("Awaitable[str]", redis.hget(KEY, "rate")))


def test_two_processes_share_one_ceiling(url):
    """Two event loops stand for two processes: they share nothing but Redis."""
    moments: list[float] = []

    async def one() -> None:
        limiter = RedisLimiter(url, 1200, burst=1)
        for _ in range(10):
            await limiter.acquire()
            moments.append(time.monotonic())
        await limiter.aclose()

    async def both() -> None:
        await asyncio.gather(
            asyncio.to_thread(asyncio.run, one()), asyncio.to_thread(asyncio.run, one())
        )

    asyncio.run(both())
    # 20 a second: 19 intervals of 50 ms, however they fell.
    assert 0.94 <= max(moments) - min(moments) < 3


async def test_a_pause_outlives_a_redis_that_forgot_it(url):
    limiter = RedisLimiter(url, 6000)
    await limiter.throttled(0.4)
    began = time.monotonic()
    async with Redis.from_url(url) as redis:
        await redis.flushdb()
    await limiter.acquire()
    assert time.monotonic() - began > 0.3
    await limiter.aclose()


async def test_a_throttle_anywhere_pauses_all_and_slows_all(url):
    here, there = RedisLimiter(url, 6000), RedisLimiter(url, 6000)
    await here.acquire()
    await there.throttled(0.3)
    started_at = time.monotonic()
    await here.acquire()
    assert 0.29 <= time.monotonic() - started_at < 3
    assert await rate_in(url) == 3000
    async with Redis.from_url(url) as redis:
        assert 0 < await redis.ttl(KEY) <= 3600
    here.succeeded()
    await here.acquire()
    assert await rate_in(url) == 3150
    await here.aclose()
    await there.aclose()


async def test_throttles_of_requests_under_way_together_are_one_fall(url):
    limiters = [RedisLimiter(url, 6000) for _ in range(3)]
    await asyncio.gather(*(limiter.throttled(0.05) for limiter in limiters))
    assert await rate_in(url) == 3000
    for limiter in limiters:
        await limiter.aclose()


async def test_sources_of_another_name_have_a_rate_of_their_own(url):
    real, demo = RedisLimiter(url, 16), RedisLimiter(url, 16, name="demo")
    await real.throttled(60)
    await asyncio.wait_for(demo.acquire(), timeout=5)
    await real.aclose()
    await demo.aclose()


async def test_a_clock_set_back_in_redis_does_not_hold_requests_for_an_hour(url):
    limiter = RedisLimiter(url, 16)
    async with Redis.from_url(url) as redis:
        future = int((time.time() + 7200) * 1_000_000)
        await cast("Awaitable[int]", redis.hset(KEY, mapping={"due": future, "paused": future}))
    await asyncio.wait_for(limiter.acquire(), timeout=5)
    await limiter.aclose()


async def test_a_cancelled_waiter_leaves_at_once(url):
    limiter = RedisLimiter(url, 1, burst=1)
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    waiting.cancel()
    await asyncio.wait({waiting}, timeout=1)
    assert waiting.cancelled()
    await limiter.aclose()


async def test_without_redis_it_goes_on_alone_and_says_so_once_a_minute(caplog):
    clock = Clock()
    limiter = RedisLimiter("redis://127.0.0.1:1/0", 6000, clock=clock)
    with caplog.at_level(logging.WARNING, logger=WARNINGS):
        for _ in range(20):
            await asyncio.wait_for(limiter.acquire(), timeout=5)
            clock.now += 1
        assert len(caplog.records) == 1
        clock.now += 60
        await limiter.acquire()
        assert len(caplog.records) == 2
    await limiter.aclose()


async def test_its_own_pause_holds_also_while_redis_is_down():
    clock = Clock()
    limiter = RedisLimiter("redis://127.0.0.1:1/0", 6000, clock=clock)
    await limiter.throttled(60)
    waiting = asyncio.create_task(limiter.acquire())
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    waiting.cancel()
    await asyncio.wait({waiting})
    await limiter.aclose()


async def test_a_frozen_redis_costs_a_moment_only(server, url):
    limiter = RedisLimiter(url, 6000)
    await limiter.acquire()
    server.pause()
    try:
        started_at = time.monotonic()
        for _ in range(20):
            await limiter.acquire()
        assert time.monotonic() - started_at < 3
    finally:
        server.resume()
    await limiter.aclose()


async def test_it_comes_back_to_redis_by_itself(server, url):
    clock = Clock()
    limiter = RedisLimiter(url, 6000, clock=clock)
    await limiter.acquire()
    server.stop()
    try:
        await asyncio.wait_for(limiter.acquire(), timeout=5)
    finally:
        server.start()
    async with Redis.from_url(url) as redis:
        await redis.flushdb()
        clock.now += 10
        await limiter.acquire()
        assert await redis.exists(KEY)
    await limiter.aclose()

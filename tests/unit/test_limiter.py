"""The adaptive rate of one process, on a clock that moves only when somebody sleeps."""

import asyncio

import pytest

from searches.pncp.limiter import AdaptiveLimiter, default_burst
from searches.pncp.redis_limiter import RedisLimiter, make_limiter
from tests.unit.pncp_support import Clock


def limiter_on(clock: Clock, ceiling_per_minute: float, **options: int) -> AdaptiveLimiter:
    return AdaptiveLimiter(ceiling_per_minute, clock=clock, sleep=clock.sleep, **options)


async def test_it_starts_with_a_small_burst_and_then_keeps_the_pace():
    clock = Clock()
    limiter = limiter_on(clock, 16)
    moments = []
    for _ in range(12):
        await limiter.acquire()
        moments.append(clock.now - 1000)
    assert moments[:8] == [0] * 8
    assert moments[8:] == pytest.approx([3.75, 7.5, 11.25, 15])


async def test_over_a_long_time_it_never_passes_the_ceiling_by_more_than_a_burst():
    clock = Clock()
    limiter = limiter_on(clock, 60)
    for _ in range(500):
        await limiter.acquire()
        limiter.succeeded()
    assert clock.now - 1000 == pytest.approx(500 - 8, abs=1e-6)


async def test_a_throttle_pauses_everybody_and_halves_the_rate_without_a_new_burst():
    clock = Clock()
    limiter = limiter_on(clock, 16)
    await limiter.acquire()
    await limiter.throttled(60)
    moments = []
    for _ in range(3):
        await limiter.acquire()
        moments.append(clock.now - 1000)
    assert moments == pytest.approx([60, 67.5, 75])
    assert limiter.rate_per_minute == 8


async def test_throttles_of_requests_under_way_together_are_one_fall():
    clock = Clock()
    limiter = limiter_on(clock, 16)
    for seconds in (60, 30, 60, 10):
        await limiter.throttled(seconds)
    assert limiter.rate_per_minute == 8
    await limiter.acquire()
    assert clock.now - 1000 == pytest.approx(60)


async def test_the_rate_has_a_floor_and_recovers_up_to_the_ceiling_only():
    clock = Clock()
    limiter = limiter_on(clock, 16)
    for _ in range(6):
        await limiter.throttled(0)
        clock.now += 100
    assert limiter.rate_per_minute == 4
    limiter.succeeded()
    assert limiter.rate_per_minute == pytest.approx(4.4)
    for _ in range(100):
        limiter.succeeded()
    assert limiter.rate_per_minute == 16


async def test_a_ceiling_below_the_floor_is_kept():
    clock = Clock()
    limiter = limiter_on(clock, 2, burst=1)
    await limiter.throttled(0)
    clock.now += 30
    await limiter.acquire()
    await limiter.acquire()
    assert clock.now - 1000 == pytest.approx(60)


async def test_who_asks_first_sends_first():
    limiter = AdaptiveLimiter(60_000, burst=1)
    order: list[int] = []

    async def ask(number: int) -> None:
        await limiter.acquire()
        order.append(number)

    await asyncio.gather(*(ask(number) for number in range(30)))
    assert order == list(range(30))


async def test_a_cancelled_waiter_leaves_at_once_and_costs_nobody_a_request():
    clock = Clock()
    gate = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await gate.wait()
        clock.now += seconds

    limiter = AdaptiveLimiter(60, burst=1, clock=clock, sleep=sleep)
    await limiter.acquire()
    first, second = (asyncio.create_task(limiter.acquire()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait({first}, timeout=5)
    assert first.cancelled()
    gate.set()
    await second
    assert clock.now - 1000 == pytest.approx(1)


async def test_a_pause_that_begins_while_somebody_waits_holds_for_him_too():
    clock = Clock()
    limiter: AdaptiveLimiter

    async def sleep(seconds: float) -> None:
        clock.now += seconds
        if len(clock.slept) == 0:
            await limiter.throttled(30)
        clock.slept.append(seconds)

    limiter = AdaptiveLimiter(60, burst=1, clock=clock, sleep=sleep)
    await limiter.acquire()
    await limiter.acquire()
    assert clock.now - 1000 == pytest.approx(31)


async def test_late_timers_do_not_cost_rate_at_high_ceilings():
    clock = Clock()

    async def sleep(seconds: float) -> None:
        clock.now += seconds + 0.015  # a coarse timer

    limiter = AdaptiveLimiter(6000, clock=clock, sleep=sleep)
    for _ in range(3000):
        await limiter.acquire()
    # 100 a second, the burst of 100 free.
    assert clock.now - 1000 == pytest.approx(29, rel=0.01)


def test_it_works_on_one_event_loop_after_another():
    limiter = AdaptiveLimiter(60_000, burst=1)

    async def many() -> None:
        await asyncio.gather(*(limiter.acquire() for _ in range(5)))

    asyncio.run(many())
    asyncio.run(many())


def test_the_burst_follows_the_ceiling():
    assert [default_burst(ceiling) for ceiling in (1, 16, 480, 6000)] == [8, 8, 8, 100]


def test_the_limiter_is_shared_when_there_is_a_redis():
    assert isinstance(make_limiter("", 16), AdaptiveLimiter)
    assert isinstance(make_limiter("redis://127.0.0.1:1/0", 16), RedisLimiter)

"""Work shared between callers, and writes that outlive the caller that asked for them."""

import asyncio
import threading

import pytest

from searches.database import patiently_to_the_end
from searches.single_flight import SingleFlight


async def test_equal_calls_that_overlap_share_one_piece_of_work():
    flights: SingleFlight[int] = SingleFlight()
    began = 0

    async def work() -> int:
        nonlocal began
        began += 1
        await asyncio.sleep(0)
        return began

    assert await asyncio.gather(*(flights.do("page", work) for _ in range(3))) == [1, 1, 1]
    assert await flights.do("page", work) == 2


async def test_who_comes_while_the_last_caller_leaves_waits_and_begins_anew():
    flights: SingleFlight[str] = SingleFlight()
    under_way, may_leave = asyncio.Event(), asyncio.Event()
    told: list[str] = []

    async def interrupted() -> str:
        try:
            under_way.set()
            return await asyncio.Future()
        finally:
            await may_leave.wait()
            told.append("first left")

    async def anew() -> str:
        told.append("second began")
        return "second"

    first = asyncio.create_task(flights.do("page", interrupted))
    await under_way.wait()
    first.cancel()
    await asyncio.sleep(0)
    second = asyncio.create_task(flights.do("page", anew))
    await asyncio.sleep(0)
    may_leave.set()
    assert await second == "second"
    assert told == ["first left", "second began"]
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_closing_ends_what_is_under_way():
    flights: SingleFlight[None] = SingleFlight()
    caller = asyncio.create_task(flights.do("page", asyncio.Event().wait))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    await flights.close()
    with pytest.raises(asyncio.CancelledError):
        await caller


# The bridge looks after the thread's connection, and an earlier test may have left one.
@pytest.mark.django_db(transaction=True)
async def test_what_has_arrived_is_written_though_its_caller_is_cancelled():
    began, may_end = threading.Event(), threading.Event()
    written: list[int] = []

    def write(page: int) -> None:
        began.set()
        may_end.wait(5)
        written.append(page)

    caller = asyncio.create_task(patiently_to_the_end(write, 7))
    await asyncio.to_thread(began.wait, 5)
    caller.cancel()
    await asyncio.sleep(0)
    assert not caller.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert written == [7]

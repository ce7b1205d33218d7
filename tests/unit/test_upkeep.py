"""Chores go on whatever happens to one of them."""

import asyncio

from searches.upkeep import Chore, keep_up


async def test_a_chore_that_fails_is_done_again_and_stops_no_other():
    done: list[str] = []
    enough = asyncio.Event()

    async def failing() -> None:
        done.append("failing")
        raise RuntimeError("the database is away")

    async def working() -> None:
        done.append("working")
        if min(done.count("failing"), done.count("working")) > 2:
            enough.set()

    upkeep = asyncio.create_task(keep_up([Chore(0.001, failing), Chore(0.001, working)]))
    await asyncio.wait_for(enough.wait(), 5)
    assert not upkeep.done()
    upkeep.cancel()
    await asyncio.wait({upkeep})
    assert upkeep.cancelled()

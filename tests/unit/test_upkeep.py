"""Chores go on whatever happens to one of them, and what hangs aside stops nobody else."""

import asyncio
import threading

import pytest

from bidiq.logs import Seldom
from searches import live
from searches import upkeep as upkeeping
from searches.database import apart, patiently_aside
from searches.upkeep import Chore, keep_up, shared_chores
from tests.processes import free_port


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


@pytest.mark.django_db
async def test_a_part_that_is_down_is_said_although_nobody_uses_it(settings, monkeypatch, caplog):
    monkeypatch.setattr(live, "_may_warn", Seldom())
    chores = shared_chores()[-2:]
    for url in ("", f"redis://:secret@127.0.0.1:{free_port()}/0"):
        settings.REDIS_URL = url
        for chore in (*chores, *chores):
            await chore.do()
    (warning,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert warning.name == "searches.live"
    assert "ConnectionError" in warning.getMessage()
    assert "secret" not in caplog.text


async def _done(chore: Chore) -> None:
    await chore.do()


@pytest.mark.django_db  # the threads look after connections that they have from other tests
async def test_what_waits_for_another_server_leaves_the_other_threads_to_the_searches(monkeypatch):
    goes_on = threading.Event()

    def hang() -> None:
        goes_on.wait(60)

    for chore in ("saved.run_due", "digests.send_due", "promote_pending", "expire_due"):
        monkeypatch.setattr(f"searches.upkeep.{chore}", hang)
    hanging = [asyncio.create_task(patiently_aside(apart(hang))) for _ in range(40)]
    hanging += [asyncio.create_task(_done(chore)) for chore in shared_chores()[:4]]
    try:
        async with asyncio.timeout(20):
            assert await patiently_aside(lambda: "judged") == "judged"
            assert await asyncio.to_thread(lambda: "closed") == "closed"
    finally:
        goes_on.set()
        await asyncio.gather(*hanging)


@pytest.mark.django_db
async def test_each_of_the_chores_has_a_thread():
    """A barrier lets them go on only when all of them have come."""
    chores = shared_chores()
    barrier = threading.Barrier(len(chores))
    await asyncio.gather(*(upkeeping._aside(lambda: barrier.wait(20))() for _ in chores))

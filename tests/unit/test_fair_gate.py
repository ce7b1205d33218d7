"""Places given in turns: by asker, within an asker by age, never more than there are."""

import asyncio
from contextlib import ExitStack

import pytest

from searches.fair_gate import FairGate


class Visit:
    """Somebody who wants a thing, has a place when it is given one, and leaves when told."""

    def __init__(self, gate: FairGate, what: str, came: list[str], *askers: str) -> None:
        self._gate, self._what, self._came, self._askers = gate, what, came, askers
        self._may_leave = asyncio.Event()
        self.task = asyncio.create_task(self._stay())

    async def _stay(self) -> None:
        with ExitStack() as wishes:
            for asker in self._askers:
                wishes.enter_context(self._gate.wish(self._what, asker=asker))
            async with self._gate.place(self._what):
                self._came.append(self._what)
                await self._may_leave.wait()

    async def leave(self) -> None:
        self._may_leave.set()
        await self.task
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def leave_in_order(came: list[str], visits: dict[str, Visit]) -> None:
    for turn in range(len(visits)):
        await visits[came[turn]].leave()


async def test_askers_take_turns_and_each_ones_things_come_in_the_order_of_asking():
    gate, came = FairGate(1), list[str]()
    visits = {what: Visit(gate, what, came, what[0]) for what in ("a1", "a2", "a3", "a4")}
    await settled()
    visits |= {what: Visit(gate, what, came, what[0]) for what in ("b1", "b2", "c1")}
    await settled()
    await leave_in_order(came, visits)
    assert came == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_what_several_want_comes_with_the_first_that_has_a_turn():
    gate, came = FairGate(1), list[str]()
    visits = {what: Visit(gate, what, came, "a") for what in ("a1", "a2", "a3")}
    visits["shared"] = Visit(gate, "shared", came, "a", "b")
    await settled()
    await leave_in_order(came, visits)
    assert came == ["a1", "a2", "shared", "a3"]


async def test_one_asker_alone_has_all_places_and_no_more():
    gate, came = FairGate(2), list[str]()
    visits = {what: Visit(gate, what, came, "a") for what in ("a1", "a2", "a3")}
    await settled()
    assert came == ["a1", "a2"]
    await leave_in_order(came, visits)
    assert came == ["a1", "a2", "a3"]


async def test_most_for_one_leaves_places_to_others():
    gate, came = FairGate(3, most_for_one=2), list[str]()
    visits = {what: Visit(gate, what, came, what[0]) for what in ("a1", "a2", "a3", "b1")}
    await settled()
    assert came == ["a1", "a2", "b1"]
    await leave_in_order(came, visits)
    assert came == ["a1", "a2", "b1", "a3"]


@pytest.mark.parametrize("has_place", [True, False], ids=["with a place", "waiting"])
async def test_who_is_cancelled_keeps_no_place(has_place):
    gate, came = FairGate(1), list[str]()
    visits = [Visit(gate, what, came, "a") for what in ("a1", "a2", "a3")]
    await settled()
    visits[0 if has_place else 1].task.cancel()
    await settled()
    if not has_place:
        await visits[0].leave()
    assert came == (["a1", "a2"] if has_place else ["a1", "a3"])
    for visit in visits:
        visit.task.cancel()


async def test_who_is_cancelled_in_the_moment_of_its_turn_passes_it_on():
    gate, came = FairGate(1), list[str]()
    first, second, third = (Visit(gate, what, came, "a") for what in ("a1", "a2", "a3"))
    await settled()
    first._may_leave.set()
    await asyncio.sleep(0)
    assert first.task.done()
    second.task.cancel()  # it has been given the place, and has not run since
    await settled()
    assert came == ["a1", "a3"]
    await third.leave()

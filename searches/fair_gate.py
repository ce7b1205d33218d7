"""Places that are given in turns to those who ask. Floor 0, asyncio only."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager


class FairGate:
    """So many places; a free one goes to the asker whose turn it is, not to who came first.

    Whoever wants hundreds of things does not keep waiting who wants one. What several want comes
    with the first of them that has a turn. Use it on one event loop.
    """

    def __init__(self, places: int, *, most_for_one: int | None = None) -> None:
        self._free = places
        self._most_for_one = most_for_one or places
        #: What each asker wants, oldest first; who has had a turn goes to the end.
        self._wishes: dict[Hashable, dict[object, Hashable]] = {}
        self._waiting: dict[Hashable, asyncio.Future[Hashable]] = {}
        self._held: Counter[Hashable] = Counter()  # places, by the asker whose turn it was

    @contextmanager
    def wish(self, what: Hashable, *, asker: Hashable) -> Iterator[None]:
        """Say who wants a thing, for as long as they do; it gets a place through its wishes."""
        wishes = self._wishes.setdefault(asker, {})
        mine = object()
        wishes[mine] = what
        if what in self._waiting:  # through others, who may have had all that they may
            self._hand_out()
        try:
            yield
        finally:
            del wishes[mine]
            if not wishes:
                del self._wishes[asker]

    @asynccontextmanager
    async def place(self, what: Hashable) -> AsyncIterator[None]:
        """Wait for a place for a thing that is wished for, and hold it. One at a time for each."""
        turn = self._waiting[what] = asyncio.get_running_loop().create_future()
        try:
            self._hand_out()
            await turn
            yield
        finally:
            self._waiting.pop(what, None)
            if turn.done() and not turn.cancelled():
                self._free += 1
                self._held[turn.result()] -= 1
                self._held += Counter()  # forgets who holds none
                self._hand_out()

    def _hand_out(self) -> None:
        while self._free and (following := self._next()) is not None:
            asker, what = following
            self._free -= 1
            self._held[asker] += 1
            self._wishes[asker] = self._wishes.pop(asker)
            self._waiting.pop(what).set_result(asker)

    def _next(self) -> tuple[Hashable, Hashable] | None:
        for asker, wishes in self._wishes.items():
            if self._held[asker] < self._most_for_one:
                for what in wishes.values():
                    turn = self._waiting.get(what)
                    if turn is not None and not turn.done():  # it is, when it was just cancelled
                        return asker, what
        return None

"""Reading lists of the source into the store: pages, leases, drift; nothing twice. Floor 5."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from django.conf import settings
from django.utils import timezone

from searches import selectors
from searches.database import patiently, patiently_to_the_end
from searches.domain.brazil import BRASILIA
from searches.domain.errors import SourceError, SourceUnavailable
from searches.domain.notice import Notice
from searches.domain.planning import Endpoint, ListKey
from searches.fair_gate import FairGate
from searches.page_leases import page_leases
from searches.pncp.client import PncpClient
from searches.services import notices
from searches.single_flight import SingleFlight
from searches.units import UnitState

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: After so many pages in a row without an answer, in several UFs, the source counts as down.
FAILURES_IN_A_ROW = 6
#: The same when it has not answered a single time.
FAILURES_AT_FIRST = 3
#: As many notices that all are on another page too are a page that came again.
FEWEST_REPEATED = 5
#: Pages of a list that are waited for side by side.
PAGES_AT_ONCE = 200


class SourceDrift(SourceError):
    """The list changed each time it was read."""

    code = "source.drift"


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page that is in the store now."""

    total_pages: int
    total_records: int
    listed_count: int  # records the source listed on it
    malformed_count: int
    order: tuple[int, ...]  # primary keys of its notices, as listed
    #: (primary key, notice) of a page just fetched; empty when the ledger already had it.
    notices: tuple[tuple[int, Notice], ...] = ()
    fetched_at: datetime | None = None  # when the ledger had it

    @property
    def keys(self) -> frozenset[int]:
        return frozenset(self.order)


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run side by side; a fault of one ends the others too and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in coroutines]
    except ExceptionGroup as failed:
        raise _first_of(failed) from failed
    return [task.result() for task in tasks]


def _first_of(group: ExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, ExceptionGroup) else first


_flights: SingleFlight[StoredPage] = SingleFlight()
#: Pages that a client has asked for and that are not stored yet: what a power cut costs. No more
#: than its requests at once, although the next request then waits the moment that storing takes.
_hands: WeakKeyDictionary[PncpClient, FairGate] = WeakKeyDictionary()


def _hand(client: PncpClient) -> FairGate:
    return _hands.setdefault(client, FairGate(settings.PNCP_CONCURRENCY))


async def read_page(
    client: PncpClient, source: int, key: ListKey, number: int, *, asker: Hashable
) -> StoredPage:
    """Return a page, from the store when the ledger has it; else fetch and store it.

    Searches that want the same page at the same moment share one request, in this process by
    joining it, in others by waiting for it. Those who ask take turns. Raises SourceError.
    """
    page = f"{source} {key} {number}"

    async def known() -> StoredPage | None:
        row = await patiently(selectors.page_read, source, key, number, now=timezone.now())
        if row is None:
            return None
        return StoredPage(
            row.total_pages,
            row.total_records,
            row.notices_count,
            row.malformed_count,
            tuple(row.notice_keys or ()),
            fetched_at=row.fetched_at,
        )

    async def fetch() -> StoredPage:
        stored = await known()
        while stored is None:
            async with _hand(client).place(page), page_leases().leased(page) as is_ours:
                if is_ours:
                    # Another process may have stored it while we waited for the lease.
                    stored = await known()
                    return stored or await _fetch(client, source, key, number)
            await page_leases().over(page)
            stored = await known()
        return stored

    with _hand(client).wish(page, asker=asker):
        return await _flights.do(page, fetch)


async def _fetch(client: PncpClient, source: int, key: ListKey, number: int) -> StoredPage:
    page = await client.page(key, number)
    malformed_count = page.malformed_count
    if key.uf is None:  # a notice without a UF is not read until the UF's own list tells which
        malformed_count += sum(not notice.uf for notice in page.notices)
    # What the source has given is kept, whatever happens to the search that asked for it.
    keys = await patiently_to_the_end(
        notices.store_page,
        source,
        key,
        page.notices,
        number=number,
        total_pages=page.total_pages,
        total_records=page.total_records,
        listed_count=page.listed_count,
        malformed_count=malformed_count,
        now=timezone.now(),
    )
    return StoredPage(
        page.total_pages,
        page.total_records,
        page.listed_count,
        malformed_count,
        tuple(keys),
        tuple(zip(keys, page.notices, strict=True)),
    )


class ListReader:
    """Reads lists whole, for an asker. `changed` is called after each thing learnt of a unit."""

    def __init__(
        self,
        client: PncpClient,
        *,
        source: int,
        asker: Hashable,
        changed: Callable[[UnitState], None],
    ) -> None:
        self.client = client
        self.source = source
        self.asker = asker
        self.changed = changed
        self._answered = False
        self._failed_in_a_row: list[str] = []  # the UFs of the latest failures

    @property
    def is_down(self) -> bool:
        """Whether the source has stopped answering, so that asking on is only waiting.

        One UF that fails says nothing of the others, also when it is the first to be heard of.
        """
        return self.is_silent and len(set(self._failed_in_a_row)) > 1

    @property
    def is_silent(self) -> bool:
        """Whether the latest pages all went without an answer, were they of one UF alone."""
        enough = FAILURES_IN_A_ROW if self._answered else FAILURES_AT_FIRST
        return len(self._failed_in_a_row) >= enough

    def ask_again(self) -> None:
        """Forget the failures before another round."""
        self._failed_in_a_row.clear()

    async def read_lists(self, unit: UnitState, lists: list[ListKey]) -> list[SourceError]:
        for key in lists:  # each has a page at least; more is learnt from its first
            unit.lists.setdefault(key, 1)
        outcomes = await together(self._read_list(unit, key) for key in lists)
        return [error for error in outcomes if error is not None]

    async def _read_list(self, unit: UnitState, key: ListKey) -> SourceError | None:
        """Read a list whole and mark it as covered; what drifted meanwhile is read once more."""
        began_at = timezone.now()
        read = key
        pages, error = await self._read_whole(unit, read)
        if isinstance(error, SourceDrift):
            if key.endpoint is Endpoint.UPDATED:
                # What changed meanwhile moved to its end. All that was met is in the store; the
                # days keep their age, so that the next search looks again.
                logger.info("list %s changed while it was read", key)
                return None
            read = _drifting_part(key, pages, today=began_at.astimezone(BRASILIA).date())
            await patiently(notices.forget_pages, self.source, key)
            await patiently(notices.forget_pages, self.source, read)
            unit.lists.setdefault(read, 1)
            pages, error = await self._read_whole(unit, read)
            if isinstance(error, SourceDrift):
                logger.warning("list %s changed while it was read, twice", key)
                await patiently(notices.forget_pages, self.source, read)
        if error is not None:
            return error
        malformed_count = sum(page.malformed_count for page in pages)
        unit.malformed += malformed_count
        as_of = _as_of(pages, began_at)
        # A list with records that cannot be read is not covered: the next search goes through its
        # pages in the ledger and tells of them again. Nor is one put together from two readings:
        # between them what stood on one page may have moved to another and been met on neither.
        if not malformed_count and selectors.is_one_reading(read, as_of, began_at=began_at):
            await patiently(notices.mark_covered, self.source, key, read=read, fetched_at=as_of)
            if key.endpoint is not Endpoint.UPDATED:
                await self._mark_gone(unit, read, pages, as_of=as_of)
        return None

    async def _mark_gone(
        self, unit: UnitState, key: ListKey, pages: list[StoredPage], *, as_of: datetime
    ) -> None:
        listed = {pk for page in pages for pk in page.keys}
        if _copies(pages) or _listed_count(pages) != pages[0].total_records:
            return  # copies on other pages: in the place of something that moved, perhaps
        if key.endpoint is Endpoint.PUBLISHED and not listed:
            return  # days are seldom emptied: no proof
        gone = await patiently(notices.mark_gone, self.source, key, listed, as_of=as_of)
        unit.is_behind |= gone > 0

    async def _read_whole(
        self, unit: UnitState, key: ListKey
    ) -> tuple[list[StoredPage], SourceError | None]:
        """Read every page; SourceDrift when the list did not stand still meanwhile."""
        began_at = timezone.now()
        pages, error = await self._read_pages(unit, key)
        if error is None and not _is_steady(pages):
            error = SourceDrift()
        return pages, error or await self._ask_again(unit, key, pages, began_at)

    async def _ask_again(
        self, unit: UnitState, key: ListKey, pages: list[StoredPage], began_at: datetime
    ) -> SourceError | None:
        """Read the pages again that make doubt: SourceDrift unless they have what they had.

        Of a list that moved under its reading, totals unchanged, something is met on two pages and
        something else on none. Most copies are the source's own habit, and no sign of that: none
        has been changed meanwhile, and no page begins as the one before it ends.
        """
        if not (copies := _copies(pages)):  # nor anything at the seams: it stands on two pages
            return None
        since = _as_of(pages, began_at) - selectors.CLOCKS_DIFFER
        changed = await patiently(selectors.changed_since, copies, since)
        doubtful = changed | _at_seams(pages)
        met = {
            n: Counter(k for k in page.order if k in doubtful) for n, page in enumerate(pages, 1)
        }
        numbers = [number for number, keys in met.items() if keys]
        for start in range(0, len(numbers), PAGES_AT_ONCE):
            asked = numbers[start : start + PAGES_AT_ONCE]
            await patiently(notices.forget_pages, self.source, key, numbers=asked)
            outcomes = await together(self._outcome(unit, key, number) for number in asked)
            for number, outcome in zip(asked, outcomes, strict=True):
                if isinstance(outcome, SourceError):
                    return outcome
                if not met[number] <= Counter(outcome.order):
                    return SourceDrift()
        return None

    async def _read_pages(
        self, unit: UnitState, key: ListKey
    ) -> tuple[list[StoredPage], SourceError | None]:
        """Read every page, the later ones side by side; follow a list that grows meanwhile."""
        pages: list[StoredPage] = []
        wanted = [1]
        last = 1
        while wanted:
            asked, wanted = wanted[:PAGES_AT_ONCE], wanted[PAGES_AT_ONCE:]
            outcomes = await together(self._outcome(unit, key, number) for number in asked)
            for outcome in outcomes:
                if isinstance(outcome, SourceError):
                    return pages, outcome
                pages.append(outcome)
            if any(not page.listed_count for page in pages):
                break  # nothing follows an empty page, whatever it announces
            newest = max(page.total_pages for page in pages)
            wanted += range(last + 1, newest + 1)
            unit.lists[key] = max(unit.lists.get(key, 1), newest)
            last = max(last, newest)
            self.changed(unit)
        return pages, None

    async def _outcome(
        self, unit: UnitState, key: ListKey, number: int
    ) -> StoredPage | SourceError:
        # A page that the source does not give leaves the others what they are.
        try:
            return await self._page(unit, key, number)
        except SourceError as error:
            unit.read.discard((key, number))  # it was forgotten, when it was asked for again
            return error

    async def _page(self, unit: UnitState, key: ListKey, number: int) -> StoredPage:
        if self.is_down:
            raise SourceUnavailable
        try:
            page = await read_page(self.client, self.source, key, number, asker=self.asker)
        except SourceError as error:
            if error.retryable:
                self._failed_in_a_row.append(unit.uf)
            logger.warning("%s page %d: %s (%s)", key, number, error.code, error)
            # The first page of a list counts most: without it nobody knows how many there are.
            unit.failed_page = min(unit.failed_page or number, number)
            raise
        self._answered = True
        self._failed_in_a_row.clear()
        await self.arrived(unit, key, page, is_again=(key, number) in unit.met)
        unit.read.add((key, number))
        unit.met.add((key, number))
        self.changed(unit)
        # The notices are in the store: a list may have many pages.
        return replace(page, notices=())

    async def arrived(
        self, unit: UnitState, key: ListKey, page: StoredPage, *, is_again: bool
    ) -> None:
        """Look at a page that is in the store now, before it counts as read.

        `is_again`: this unit has read it before.
        """
        unit.found.update(key for key, _ in page.notices)


def _is_steady(pages: list[StoredPage]) -> bool:
    """Return whether a list kept its totals while it was read, and was given whole."""
    return len({page.total_records for page in pages}) == 1 and _is_whole(pages)


def _is_whole(pages: list[StoredPage]) -> bool:
    """Return whether a list gave as much as it announced.

    A page that was on another one already stands where something else should: the list moved, or
    an old copy was given. Single notices may come again for good: see `_ask_again`.
    """
    copies = _copies(pages)
    is_repeated = any(len(page.keys) >= FEWEST_REPEATED and page.keys <= copies for page in pages)
    announced = max(page.total_records for page in pages)
    return _listed_count(pages) >= announced and not is_repeated


def _copies(pages: list[StoredPage]) -> set[int]:
    """Return the keys of what stands on several pages. Two copies on one page are no doubt: they
    are in nobody's place."""
    counts = Counter(key for page in pages for key in page.keys)
    return {key for key, count in counts.items() if count > 1}


def _at_seams(pages: list[StoredPage]) -> set[int]:
    """Return the keys that a page ends with and the next begins with, in the same order."""
    found = set[int]()
    for before, after in pairwise(page.order for page in pages):
        for start in range(len(before)):  # a notice may stand on a page twice
            end = before[start:]
            found.update(end if end == after[: len(end)] else ())
    return found


def _as_of(pages: list[StoredPage], began_at: datetime) -> datetime:
    """Return when the oldest of the pages was read, by a reading that began at a moment."""
    return min([began_at, *(page.fetched_at for page in pages if page.fetched_at is not None)])


def _listed_count(pages: list[StoredPage]) -> int:
    return sum(page.listed_count for page in pages)


def _drifting_part(key: ListKey, pages: list[StoredPage], *, today: date) -> ListKey:
    """Return what to read again of a list that changed: a list that only grew has new notices of
    the days that are not over; its older ones moved to later pages, where they were met."""
    totals = [page.total_records for page in pages]  # in the order of the pages
    has_grown = totals == sorted(totals) and totals[0] < totals[-1] and _is_whole(pages)
    if key.endpoint is Endpoint.PUBLISHED and has_grown:
        open_day = max(key.first_day, today - timedelta(days=1))
        if open_day <= key.last_day:
            return replace(key, first_day=open_day)
    return key

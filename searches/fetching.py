"""Reading the source into the store: pages, lists and units, nothing twice. Floor 5."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from django.conf import settings
from django.utils import timezone

from searches import selectors
from searches.database import patiently, patiently_aside
from searches.domain.brazil import BRASILIA
from searches.domain.errors import SourceError, SourceRejected, SourceUnavailable
from searches.domain.filtering import Decider, Tally, Verdict
from searches.domain.notice import Notice
from searches.domain.planning import Endpoint, ListKey, days_between, missing_lists
from searches.domain.query import Mode, SearchQuery
from searches.page_turns import turns
from searches.pncp.client import PncpClient
from searches.services import matches, notices
from searches.single_flight import SingleFlight

logger = logging.getLogger(__name__)

#: How far ahead a deadline may lie to count as open; the next is asked when one is refused.
OPEN_HORIZONS_DAYS = (5 * 365, 365)
#: After so many lists in a row without an answer, in several UFs, the source counts as down.
FAILURES_IN_A_ROW = 6
#: The same when it has not answered a single time.
FAILURES_AT_FIRST = 3


class UnitStatus(StrEnum):
    """What became of a UF."""

    WAITING = "waiting"
    READING = "reading"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass
class UnitState:
    """What is known of one UF while it is read. Counts are absolute."""

    uf: str
    status: UnitStatus = UnitStatus.WAITING
    pages_done: int = 0
    pages_total: int = 0
    from_store: int = 0  # notices that needed no request
    repeated: int = 0  # copies of a notice that the source listed again
    malformed: int = 0
    failed_page: int | None = None
    reason: str = ""  # error code, when something is missing
    judged_at: datetime | None = None  # when what the store has was counted
    is_behind: bool = False  # others have stored pages of it since then
    found: set[int] = field(default_factory=set)  # notices' primary keys
    tally: Tally = field(default_factory=Tally)

    def add(self, judged: Iterable[tuple[int, Verdict]], *, from_store: bool) -> None:
        """Count verdicts by primary key; a notice that is known already is a repetition."""
        for key, verdict in judged:
            if key in self.found:
                self.repeated += not from_store
                continue
            self.found.add(key)
            self.from_store += from_store
            self.tally.add(verdict)

    def coverage(self) -> dict[str, Any]:
        """Return what is said of this UF's reading (contract: `cobertura`)."""
        return {
            "status": self.status.value,
            "motivo": self.reason or None,
            "pagina_que_falhou": self.failed_page,
            "lidas": len(self.found),
            "encontradas": self.tally.kept,
            "do_acervo": self.from_store,
            "repetidas": self.repeated,
            "ilegiveis": self.malformed,
            "paginas_lidas": self.pages_done,
            "paginas_total": self.pages_total,
        }

    @property
    def is_over(self) -> bool:
        return self.status not in (UnitStatus.WAITING, UnitStatus.READING)


@dataclass(frozen=True, slots=True)
class StoredPage:
    """A page that is in the store now."""

    total_pages: int
    total_records: int
    listed_count: int  # records the source listed on it
    malformed_count: int
    #: (primary key, notice) of a page just fetched; empty when the ledger already had it.
    notices: tuple[tuple[int, Notice], ...] = ()
    fetched_at: datetime | None = None  # when the ledger had it


_flights: SingleFlight[StoredPage] = SingleFlight()
#: Pages that a client has asked for and that are not stored yet: what a power cut costs. A little
#: more than its requests at once, so that the source never waits for the database.
_hands: WeakKeyDictionary[PncpClient, asyncio.Semaphore] = WeakKeyDictionary()
_PAGES_BEYOND_REQUESTS = 2


def _hand(client: PncpClient) -> asyncio.Semaphore:
    most = settings.PNCP_CONCURRENCY + _PAGES_BEYOND_REQUESTS
    return _hands.setdefault(client, asyncio.Semaphore(most))


async def read_page(client: PncpClient, source: int, key: ListKey, number: int) -> StoredPage:
    """Return a page, from the store when the ledger has it; else fetch and store it.

    Searches that want the same page at the same moment share one request, in this process by
    joining it, in others by waiting for it. Raises SourceError.
    """

    async def known() -> StoredPage | None:
        row = await patiently(selectors.page_read, source, key, number, now=timezone.now())
        if row is None:
            return None
        return StoredPage(
            row.total_pages, row.total_records, row.notices_count, 0, fetched_at=row.fetched_at
        )

    async def fetch() -> StoredPage:
        name = f"{source} {key.endpoint} {key.modality} {key.uf} {key.first_day} {key.last_day}"
        page = f"{name} {number}"
        stored = await known()
        while stored is None:
            async with _hand(client), turns().turn(page) as is_ours:
                if is_ours:
                    # Somebody may have stored it while we waited for our turn.
                    return await known() or await _fetch(client, source, key, number)
            await turns().over(page)
            stored = await known()
        return stored

    return await _flights.do((source, key, number), fetch)


async def _fetch(client: PncpClient, source: int, key: ListKey, number: int) -> StoredPage:
    page = await client.page(key, number)
    listed_count = len(page.notices) + page.malformed_count
    keys = await patiently(
        notices.store_page,
        source,
        key,
        page.notices,
        number=number,
        total_pages=page.total_pages,
        total_records=page.total_records,
        notices_count=listed_count,
        now=timezone.now(),
    )
    return StoredPage(
        page.total_pages,
        page.total_records,
        listed_count,
        page.malformed_count,
        tuple(zip(keys, page.notices, strict=True)),
    )


class Fetcher:
    """Reads what one search needs. `changed` is called after each thing learnt of a unit."""

    def __init__(
        self,
        client: PncpClient,
        *,
        search_id: UUID,
        source: int,
        query: SearchQuery,
        decider: Decider,
        changed: Callable[[UnitState], None],
    ) -> None:
        self.client = client
        self.search_id = search_id
        self.source = source
        self.query = query
        self.decider = decider
        self.changed = changed
        self._answered = False
        self._failed_in_a_row: list[str] = []  # the UFs of the latest failures

    @property
    def is_down(self) -> bool:
        """Whether the source has stopped answering, so that asking on is only waiting."""
        failures = len(self._failed_in_a_row)
        if not self._answered:
            return failures >= FAILURES_AT_FIRST
        return failures >= FAILURES_IN_A_ROW and len(set(self._failed_in_a_row)) > 1

    async def read_unit(self, unit: UnitState) -> None:
        """Read all that is missing of a UF; what fails is written into the unit, not raised.

        Reading a unit again costs only what failed the first time.
        """
        unit.status, unit.reason, unit.failed_page = UnitStatus.READING, "", None
        unit.pages_done = unit.pages_total = 0
        unit.judged_at = timezone.now()
        await patiently_aside(self._judge_stored, unit)
        self.changed(unit)
        if self.query.mode is Mode.OPEN:
            errors = await self._read_open(unit)
        else:
            lists = await patiently(self._missing, unit.uf)
            errors = await self._read_lists(unit, lists)
        if unit.is_behind:
            await patiently_aside(self._judge_stored, unit)
        if not errors:
            unit.status = UnitStatus.COMPLETE
            unit.pages_total = unit.pages_done = max(unit.pages_total, 1)
        else:
            unit.reason = errors[0].code
            has_some = unit.found or unit.pages_done
            unit.status = UnitStatus.PARTIAL if has_some else UnitStatus.FAILED
        self.changed(unit)

    def ask_again(self) -> None:
        """Forget the failures before another round."""
        self._failed_in_a_row.clear()

    def _missing(self, uf: str) -> list[ListKey]:
        query = self.query
        covered = selectors.covered_days(
            source=self.source,
            uf=uf,
            first_day=query.first_day,
            last_day=query.last_day,
            now=timezone.now(),
        )
        days = days_between(query.first_day, query.last_day)
        return missing_lists(uf=uf, modalities=query.modalities, days=days, covered=covered)

    async def _read_open(self, unit: UnitState) -> list[SourceError]:
        """Read a UF's open notices: all modalities in one list, unless the source refuses that."""
        fresh = await patiently(
            selectors.fresh_open_modalities, source=self.source, uf=unit.uf, now=timezone.now()
        )
        wanted = [code for code in self.query.modalities if code not in fresh]
        if 0 in fresh or not wanted:
            return []
        today = timezone.now().astimezone(BRASILIA).date()
        last_days = [today + timedelta(days=days) for days in OPEN_HORIZONS_DAYS]
        refused: SourceError | None = None
        for last_day in last_days:
            whole = ListKey(Endpoint.OPEN, None, unit.uf, today, last_day)
            errors = await self._read_lists(unit, [whole])
            refused = errors[0] if errors else None
            if not isinstance(refused, SourceRejected):
                return errors
            unit.pages_total = unit.pages_done = 0
            if refused.status == 400:  # this server wants a modality
                break
        return await self._read_lists(unit, _by_modality(unit.uf, wanted, today, last_days[-1]))

    async def _read_lists(self, unit: UnitState, lists: list[ListKey]) -> list[SourceError]:
        unit.pages_total += len(lists)  # each has a page at least; more is learnt from its first
        outcomes = await asyncio.gather(*(self._read_list(unit, key) for key in lists))
        return [error for error in outcomes if error is not None]

    async def _read_list(self, unit: UnitState, key: ListKey) -> SourceError | None:
        """Read a list whole and mark it as covered; what drifted meanwhile is read once more."""
        began_at = timezone.now()
        pages, error = await self._read_pages(unit, key)
        if error is not None:
            return error
        if not _is_steady(pages):
            again = _drifting_part(key, pages, today=began_at.astimezone(BRASILIA).date())
            await patiently(notices.forget_pages, self.source, key)
            await patiently(notices.forget_pages, self.source, again)
            unit.pages_total += 1
            pages, error = await self._read_pages(unit, again)
            if error is None and not _is_steady(pages):
                error = SourceDrift()
            if error is not None:
                logger.warning("list %s changed while it was read, twice", key)
                return error
        await patiently(notices.mark_covered, self.source, key, fetched_at=began_at)
        return None

    async def _read_pages(
        self, unit: UnitState, key: ListKey
    ) -> tuple[list[StoredPage], SourceError | None]:
        """Read every page, the later ones side by side; follow a list that grows meanwhile."""
        pages: list[StoredPage] = []
        wanted = [1]
        last = 1
        while wanted:
            outcomes = await asyncio.gather(
                *(self._page(unit, key, number) for number in wanted), return_exceptions=True
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    if isinstance(outcome, SourceError):
                        return pages, outcome
                    raise outcome
                pages.append(outcome)
            newest = max(page.total_pages for page in pages)
            wanted = list(range(last + 1, newest + 1))
            unit.pages_total += len(wanted)
            last = max(last, newest)
            self.changed(unit)
        return pages, None

    async def _page(self, unit: UnitState, key: ListKey, number: int) -> StoredPage:
        if self.is_down:
            raise SourceUnavailable
        try:
            page = await read_page(self.client, self.source, key, number)
        except SourceError as error:
            if error.retryable:
                self._failed_in_a_row.append(unit.uf)
            logger.warning("%s page %d: %s (%s)", key, number, error.code, error)
            unit.failed_page = unit.failed_page or number
            raise
        self._answered = True
        self._failed_in_a_row.clear()
        unit.malformed += page.malformed_count
        if page.notices:
            await patiently(self._judge_page, unit, page)
        elif page.fetched_at is not None and unit.judged_at is not None:
            # Another process stored it after we had looked at what the store has.
            unit.is_behind |= page.fetched_at > unit.judged_at
        unit.pages_done += 1
        self.changed(unit)
        return page

    def _judge_stored(self, unit: UnitState) -> None:
        """Count and match what the store already has of a UF."""
        stored = selectors.scope(
            source=self.source, query=self.query, now=self.decider.now, ufs=(unit.uf,)
        )
        self._judge(unit, selectors.domain_notices(stored), from_store=True)

    def _judge_page(self, unit: UnitState, page: StoredPage) -> None:
        # What the source lists outside of the question stays in the store, uncounted.
        inside = [pair for pair in page.notices if self.decider.is_in_scope(pair[1])]
        self._judge(unit, inside, from_store=False)

    def _judge(
        self, unit: UnitState, pairs: Iterable[tuple[int, Notice]], *, from_store: bool
    ) -> None:
        judged = [(key, self.decider.decide(notice)) for key, notice in pairs]
        matches.add(self.search_id, judged)
        unit.add(judged, from_store=from_store)


class SourceDrift(SourceError):
    """The list changed each time it was read."""

    code = "source.drift"


def _is_steady(pages: list[StoredPage]) -> bool:
    """Return whether a list kept its totals while it was read, and gave as much as it announced."""
    announced = {page.total_records for page in pages}
    return len(announced) == 1 and sum(page.listed_count for page in pages) >= max(announced)


def _drifting_part(key: ListKey, pages: list[StoredPage], *, today: date) -> ListKey:
    """Return what to read again of a list that changed: a list that only grew has new notices of
    the days that are not over; its older ones moved to later pages, where they were met."""
    totals = [page.total_records for page in pages]  # in the order of the pages
    if key.endpoint is Endpoint.PUBLISHED and totals == sorted(totals):
        open_day = max(key.first_day, today - timedelta(days=1))
        if open_day <= key.last_day:
            return replace(key, first_day=open_day)
    return key


def _by_modality(uf: str, modalities: list[int], first: date, last: date) -> list[ListKey]:
    return [ListKey(Endpoint.OPEN, code, uf, first, last) for code in modalities]


def new_units(query: SearchQuery) -> dict[str, UnitState]:
    """Return a unit to read for each UF of a query, in its order."""
    return {uf: UnitState(uf) for uf in query.ufs}

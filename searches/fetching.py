"""Reading what a search needs of each UF, and matching it as it comes. Floor 5."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from searches import selectors
from searches.database import patiently, patiently_aside
from searches.domain.brazil import BRASILIA
from searches.domain.errors import SourceError, SourceRejected
from searches.domain.filtering import Decider, Verdict
from searches.domain.notice import Notice
from searches.domain.planning import Endpoint, ListKey, days_between, is_partly_known
from searches.domain.query import Mode, SearchQuery
from searches.lists import ListReader, StoredPage
from searches.models import Notice as NoticeRow
from searches.pncp.client import PncpClient
from searches.services import matches
from searches.single_flight import SingleFlight
from searches.units import UnitState, UnitStatus

#: From so many UFs on the whole country may cost fewer requests: rare modalities fill few pages,
#: and an empty list is a request, too.
MANY_UFS = 14
#: Of pregão eletrônico, dispensa and inexigibilidade one weekday alone fills more pages of the
#: country's list than there are UFs (PNCP's README, section 7: volume): not worth a look.
COMMON_MODALITIES = frozenset({6, 8, 9})
#: Open notices are listed up to a deadline, and some bodies set one decades ahead. A source that
#: refuses to look so far is asked for a year (which PNCP is known to take).
FAR_HORIZON, NEAR_HORIZON = date(2200, 12, 31), timedelta(days=365)

Judged = list[tuple[int, Verdict]]  # by primary key


class Fetcher(ListReader):
    """Reads what one attempt at a search needs. Raises ClaimLost once it is another's."""

    def __init__(
        self,
        client: PncpClient,
        *,
        search_id: UUID,
        attempt: int,
        asker: Hashable,
        source: int,
        query: SearchQuery,
        refresh_after: timedelta,
        decider: Decider,
        units: Collection[UnitState],
        changed: Callable[[UnitState], None],
    ) -> None:
        # The country has no tile: what is read of it shows in the UFs that needed it.
        super().__init__(
            client,
            source=source,
            asker=asker,
            changed=lambda unit: changed(unit) if unit.uf else None,
        )
        self.search_id = search_id
        self.attempt = attempt
        self.query = query
        self.refresh_after = refresh_after
        self.decider = decider
        self.units = units
        #: How many UFs need a list, by the list's name for the whole country.
        self._askers: Counter[ListKey] = Counter()
        self._country_reads: dict[ListKey, UnitState | None] = {}
        self._country_flights: SingleFlight[UnitState | None] = SingleFlight()
        #: Primary keys of the notices that came that way: news, although from the store.
        self._fetched: set[int] = set()
        self._keeping = threading.Lock()
        self._is_closed = False

    async def look_around(self) -> None:
        """Find out which lists so many UFs need that the whole country's may be shorter."""
        if len(self.units) >= MANY_UFS and self.query.mode is Mode.PUBLISHED:
            for unit in self.units:
                self._askers.update(
                    replace(key, uf=None)
                    for key in await patiently(self._needed, unit.uf)
                    if key.modality not in COMMON_MODALITIES
                )

    async def read_unit(self, unit: UnitState) -> None:
        """Read all that is missing of a UF; what fails is written into the unit, not raised.

        Reading a unit again costs only what failed the first time.
        """
        unit.status, unit.reason, unit.failed_page = UnitStatus.READING, "", None
        unit.malformed = 0  # lists with such records are read again
        unit.judged_at = timezone.now()
        await patiently_aside(self._judge_stored, unit)
        self.changed(unit)
        if self.query.mode is Mode.OPEN:
            errors = await self._read_open(unit)
        else:
            lists = await patiently(self._needed, unit.uf)
            unit.is_partly_known = is_partly_known(
                lists,
                modalities=self.query.modalities,
                days=days_between(self.query.first_day, self.query.last_day),
            )
            errors = await self.read_lists(unit, lists)
        if unit.is_behind:
            await patiently_aside(self._judge_again, unit)
        if not errors:
            unit.status, unit.failed_page = UnitStatus.COMPLETE, None
        else:
            unit.reason = errors[0].code
            unit.status = unit.status_of_a_part
        self.changed(unit)

    def _needed(self, uf: str) -> list[ListKey]:
        query = self.query
        return selectors.lists_needed(
            self.source,
            uf,
            query.modalities,
            query.first_day,
            query.last_day,
            now=timezone.now(),
            refresh_after=self.refresh_after,
        )

    async def _read_list(self, unit: UnitState, key: ListKey) -> SourceError | None:
        """Read a list of a UF, or leave it to the country's when that takes fewer requests."""
        whole = replace(key, uf=None)
        if self._askers[whole] >= MANY_UFS and (country := await self._country_of(whole)):
            await patiently_aside(self._judge_stored, unit, modality=key.modality)
            unit.is_behind |= country.is_behind
            unit.read.add((key, 1))
            self.changed(unit)
            return None
        return await super()._read_list(unit, key)

    async def _country_of(self, key: ListKey) -> UnitState | None:
        if key not in self._country_reads:
            self._country_reads[key] = await self._country_flights.do(
                key, lambda: self._read_country(key)
            )
        return self._country_reads[key]

    async def _read_country(self, key: ListKey) -> UnitState | None:
        """Read a list of the whole country if it has fewer pages than there are UFs to ask.

        None: it cannot be read that way, each UF is asked.
        """
        country = UnitState("")
        try:
            first = await self._page(country, key, 1)
        except SourceError:
            return None
        is_read = (
            first.total_pages <= self._askers[key]
            and await super()._read_list(country, key) is None
            and not country.malformed  # whose UF is not known: the UFs' own lists tell
        )
        return country if is_read else None

    async def _read_open(self, unit: UnitState) -> list[SourceError]:
        """Read a UF's open notices: all modalities in one list, unless the source refuses that."""
        fresh = await patiently(
            selectors.fresh_open_modalities, source=self.source, uf=unit.uf, now=timezone.now()
        )
        wanted = [code for code in self.query.modalities if code not in fresh]
        if 0 in fresh or not wanted:
            return []
        unit.is_partly_known = len(wanted) < len(self.query.modalities)
        today = timezone.now().astimezone(BRASILIA).date()
        last_days = [FAR_HORIZON, today + NEAR_HORIZON]
        refused: SourceError | None = None
        for last_day in last_days:
            whole = ListKey(Endpoint.OPEN, None, unit.uf, today, last_day)
            errors = await self.read_lists(unit, [whole])
            refused = errors[0] if errors else None
            if not isinstance(refused, SourceRejected):
                return errors
            del unit.lists[whole]
            if refused.status == 400:  # this server wants a modality
                break
        return await self.read_lists(unit, _by_modality(unit.uf, wanted, today, last_days[-1]))

    async def arrived(
        self, unit: UnitState, key: ListKey, page: StoredPage, *, is_again: bool
    ) -> None:
        """Match what a page brought; what it changed is judged again at the unit's end."""
        if key.endpoint is Endpoint.UPDATED:
            unit.is_behind |= page.listed_count > 0
        elif page.notices and not unit.uf:
            self._fetched.update(pk for pk, _ in page.notices)  # each UF counts its own
        elif page.notices:
            await patiently(self._judge_page, unit, page, is_again=is_again)
        elif page.fetched_at is not None and unit.judged_at is not None:
            # Another process stored it after we had looked at what the store has.
            unit.is_behind |= page.fetched_at > unit.judged_at

    def _judge_stored(self, unit: UnitState, *, modality: int | None = None) -> None:
        """Count and match what the store has of a UF and the unit has not: kept from before, or
        just read with the whole country. By modality while the unit's other lists are read."""
        stored = self._stored(unit.uf)
        if modality is not None:
            stored = stored.filter(modality=modality)
        # One after another: a UF may have very many.
        pairs = (pair for pair in selectors.domain_notices(stored) if pair[0] not in unit.found)

        def count(judged: Judged) -> None:
            for is_fetched in (True, False):
                group = [each for each in judged if (each[0] in self._fetched) is is_fetched]
                unit.add(group, from_store=not is_fetched)

        self._keep(unit, self._judged(pairs), count)

    def _judge_again(self, unit: UnitState) -> None:
        """Count and match all of a UF once more: it is not what it was when it was counted."""
        judged = self._judged(selectors.domain_notices(self._stored(unit.uf)))
        gone = unit.found - {key for key, _ in judged}

        def count(judged: Judged) -> None:
            matches.remove(self.search_id, gone, attempt=self.attempt)
            unit.recount(judged)

        self._keep(unit, judged, count)

    def _stored(self, uf: str) -> "QuerySet[NoticeRow]":
        return selectors.scope(
            source=self.source, query=self.query, now=self.decider.now, ufs=(uf,)
        )

    def _judge_page(self, unit: UnitState, page: StoredPage, *, is_again: bool) -> None:
        # What the source lists outside of the question stays in the store, uncounted; what the
        # country's list had is no repetition, nor is what we ask for twice.
        known = unit.found if is_again else unit.found & self._fetched
        inside = [
            pair
            for pair in page.notices
            if pair[0] not in known and self.decider.is_in_scope(pair[1])
        ]
        judged = self._judged(inside)
        self._keep(unit, judged, lambda judged: unit.add(judged, from_store=False))

    def _judged(self, pairs: Iterable[tuple[int, Notice]]) -> Judged:
        return [(key, self.decider.decide(notice)) for key, notice in pairs]

    def _keep(self, unit: UnitState, judged: Judged, count: Callable[[Judged], None]) -> None:
        """Store matches and count them as one: whoever counts what is there finds them equal.

        A notice is counted once: an older copy of it may stand in the list of another UF.
        """
        keys = {key for key, _ in judged}
        with self._keeping:
            if self._is_closed:
                return
            others = (other.found for other in self.units if other is not unit)
            elsewhere = set[int]().union(*(found & keys for found in others))
            judged = [each for each in judged if each[0] not in elsewhere]
            matches.add(self.search_id, judged, attempt=self.attempt)
            count(judged)

    def close(self) -> None:
        """Keep nothing more; returns when what is being kept is. Threads outlive a cancelled task.

        May wait for the database.
        """
        with self._keeping:
            self._is_closed = True


def _by_modality(uf: str, modalities: list[int], first: date, last: date) -> list[ListKey]:
    return [ListKey(Endpoint.OPEN, code, uf, first, last) for code in modalities]

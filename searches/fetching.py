"""Reading what a search needs of each UF, and matching it as it comes. Floor 5."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from uuid import UUID

from django.utils import timezone

from searches import selectors
from searches.database import patiently, patiently_aside
from searches.domain.brazil import BRASILIA
from searches.domain.errors import SourceError, SourceRejected
from searches.domain.filtering import Decider, Verdict
from searches.domain.notice import Notice
from searches.domain.planning import Endpoint, ListKey, Plan, days_between, plan_lists
from searches.domain.query import Mode, SearchQuery
from searches.lists import ListReader, StoredPage
from searches.pncp.client import PncpClient
from searches.services import matches
from searches.units import UnitState, UnitStatus

#: How far ahead a deadline may lie to count as open; the next is asked when one is refused.
OPEN_HORIZONS_DAYS = (5 * 365, 365)


class Fetcher(ListReader):
    """Reads what one search needs."""

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
        super().__init__(client, source=source, changed=changed)
        self.search_id = search_id
        self.query = query
        self.decider = decider

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
            plan = await patiently(self._plan, unit.uf)
            errors = await self.read_lists(unit, plan.lists + plan.updates)
        if unit.is_behind:
            await patiently_aside(self._judge_again, unit)
        if not errors:
            unit.status, unit.failed_page = UnitStatus.COMPLETE, None
            unit.pages_total = unit.pages_done = max(unit.pages_total, 1)
        else:
            unit.reason = errors[0].code
            has_some = unit.found or unit.pages_done
            unit.status = UnitStatus.PARTIAL if has_some else UnitStatus.FAILED
        self.changed(unit)

    def _plan(self, uf: str) -> Plan:
        query, now = self.query, timezone.now()
        first_day, last_day = query.first_day, query.last_day
        covered = selectors.covered_days(
            source=self.source, uf=uf, first_day=first_day, last_day=last_day, now=now
        )
        days = days_between(first_day, last_day)
        return plan_lists(uf=uf, modalities=query.modalities, days=days, covered=covered, now=now)

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
            errors = await self.read_lists(unit, [whole])
            refused = errors[0] if errors else None
            if not isinstance(refused, SourceRejected):
                return errors
            unit.pages_total = unit.pages_done = 0
            if refused.status == 400:  # this server wants a modality
                break
        return await self.read_lists(unit, _by_modality(unit.uf, wanted, today, last_days[-1]))

    async def arrived(self, unit: UnitState, key: ListKey, page: StoredPage) -> None:
        """Match what a page brought; what it changed is judged again at the unit's end."""
        if key.endpoint is Endpoint.UPDATED:
            unit.is_behind |= page.listed_count > 0
        elif page.notices:
            await patiently(self._judge_page, unit, page)
        elif page.fetched_at is not None and unit.judged_at is not None:
            # Another process stored it after we had looked at what the store has.
            unit.is_behind |= page.fetched_at > unit.judged_at

    def _judge_stored(self, unit: UnitState) -> None:
        """Count and match what the store already has of a UF."""
        unit.add(self._judged(self._stored(unit.uf)), from_store=True)

    def _judge_again(self, unit: UnitState) -> None:
        """Count and match all of a UF once more: it is not what it was when it was counted."""
        unit.recount(self._judged(self._stored(unit.uf)))

    def _stored(self, uf: str) -> Iterable[tuple[int, Notice]]:
        stored = selectors.scope(
            source=self.source, query=self.query, now=self.decider.now, ufs=(uf,)
        )
        return selectors.domain_notices(stored)

    def _judge_page(self, unit: UnitState, page: StoredPage) -> None:
        # What the source lists outside of the question stays in the store, uncounted.
        inside = [pair for pair in page.notices if self.decider.is_in_scope(pair[1])]
        unit.add(self._judged(inside), from_store=False)

    def _judged(self, pairs: Iterable[tuple[int, Notice]]) -> list[tuple[int, Verdict]]:
        judged = [(key, self.decider.decide(notice)) for key, notice in pairs]
        matches.add(self.search_id, judged)
        return judged


def _by_modality(uf: str, modalities: list[int], first: date, last: date) -> list[ListKey]:
    return [ListKey(Endpoint.OPEN, code, uf, first, last) for code in modalities]

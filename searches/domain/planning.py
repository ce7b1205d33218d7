"""What must be fetched for a query, given what the store already covers. Floor 0."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from searches.domain.brazil import BRASILIA


class Endpoint(StrEnum):
    """The source's lists of notices."""

    PUBLISHED = "publicacao"  # by day of publication; needs a modality
    UPDATED = "atualizacao"  # by day of the last change, whenever published; needs a modality
    OPEN = "proposta"  # still receiving proposals now; all modalities in one list


@dataclass(frozen=True, slots=True, order=True)
class ListKey:
    """One paged list of the source: the unit of fetching, of the ledger and of retrying.

    `uf` is None for the whole country, `modality` None for all (only OPEN). For OPEN,
    `first_day` is the day of asking and `last_day` the last deadline asked for.
    """

    endpoint: Endpoint
    modality: int | None
    uf: str | None
    first_day: date
    last_day: date

    def __str__(self) -> str:
        what = f"{self.endpoint} {self.uf or 'BR'} {self.modality or '*'}"
        return f"{what} {self.first_day} {self.last_day}"


def runs_of(days: Iterable[date], *, longest: int) -> list[tuple[date, date]]:
    """Group days into runs of neighbours, each at most `longest` days, oldest first."""
    runs: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if runs:
            first, last = runs[-1]
            if day - last == timedelta(days=1) and (day - first).days < longest:
                runs[-1] = (first, day)
                continue
        runs.append((day, day))
    return runs


def days_between(first: date, last: date) -> list[date]:
    """Return every day from first to last, both included."""
    return [first + timedelta(days=offset) for offset in range((last - first).days + 1)]


#: The source's longest span, from a list's first day to its last. One long list costs fewer
#: requests than many short ones, and the ledger of pages already makes it resumable.
LONGEST_SPAN_DAYS = 365
LONGEST_LIST_DAYS = LONGEST_SPAN_DAYS + 1


#: How old what is known of a day that is over may be: deadlines move, notices are revoked.
REFRESH_AFTER = timedelta(hours=12)


def plan_lists(
    *,
    uf: str | None,
    modalities: Iterable[int],
    days: Iterable[date],
    covered: Mapping[tuple[int, date], datetime],
    now: datetime,
    refresh_after: timedelta = REFRESH_AFTER,
) -> list[ListKey]:
    """Return the lists that a UF (None: the country) still needs.

    `covered` has the moment as of which each (modality, day) is known. What is old is refreshed by
    the list of changes since then, or read again when that has fewer days: a day has at least as
    many changes as publications.
    """
    wanted = list(days)
    lists = []
    for modality in modalities:
        known = {day: covered[modality, day] for day in wanted if (modality, day) in covered}
        missing = [day for day in wanted if day not in known]
        old = {day: as_of for day, as_of in known.items() if now - as_of > refresh_after}
        if old:
            since, today = (m.astimezone(BRASILIA).date() for m in (min(old.values()), now))
            if len(days_between(since, today)) <= min(len(old), LONGEST_LIST_DAYS):
                lists.append(ListKey(Endpoint.UPDATED, modality, uf, since, today))
            else:
                missing += old
        lists.extend(
            ListKey(Endpoint.PUBLISHED, modality, uf, first, last)
            for first, last in runs_of(missing, longest=LONGEST_LIST_DAYS)
        )
    return lists


def is_partly_known(
    lists: Iterable[ListKey], *, modalities: Collection[int], days: Collection[date]
) -> bool:
    """Return whether a plan leaves out something that was wanted: it is known, were it that there
    is nothing."""
    unknown = sum(
        len(days_between(key.first_day, key.last_day))
        for key in lists
        if key.endpoint is Endpoint.PUBLISHED
    )
    return unknown < len(modalities) * len(days)

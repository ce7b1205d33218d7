"""What must be fetched for a query, given what the store already covers. Floor 0."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class Endpoint(StrEnum):
    """The source's lists of notices."""

    PUBLISHED = "publicacao"  # by day of publication; needs a modality
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


#: The source's longest span. One long list costs fewer requests than many short ones, and the
#: ledger of pages already makes it resumable.
LONGEST_LIST_DAYS = 366


def missing_lists(
    *,
    uf: str | None,
    modalities: Iterable[int],
    days: Iterable[date],
    covered: Collection[tuple[int, date]],
) -> list[ListKey]:
    """Return the lists of publication that a UF (None: the country) still needs.

    `covered` has (modality, day) pairs.
    """
    wanted = list(days)
    return [
        ListKey(Endpoint.PUBLISHED, modality, uf, first, last)
        for modality in modalities
        for first, last in runs_of(
            (day for day in wanted if (modality, day) not in covered), longest=LONGEST_LIST_DAYS
        )
    ]

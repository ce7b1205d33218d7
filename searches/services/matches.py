"""Writing what a search keeps. Floor 3."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from searches.domain.filtering import Verdict
from searches.models import Match
from searches.services import events
from searches.services import searches as services

_BATCH = 1000
_VERDICT = ["relevance", "terms", "spans", "hidden"]


def _row(search_id: UUID, notice_id: int, verdict: Verdict) -> Match | None:
    """Return a verdict as a row; None for notices that nobody may see among the results."""
    if verdict.match is None or not verdict.is_listed:
        return None
    return Match(
        search_id=search_id,
        notice_id=notice_id,
        relevance=verdict.match.relevance,
        terms=list(verdict.match.terms),
        spans=[list(span) for span in verdict.match.spans],
        hidden=not verdict.kept,
    )


def add(search_id: UUID, judged: Iterable[tuple[int, Verdict]], *, attempt: int) -> None:
    """Add what a page brought, while the search runs; what is there already stays.

    Raises ClaimLost when the search is no longer this attempt's; nothing is added then.
    """
    rows = [row for notice_id, verdict in judged if (row := _row(search_id, notice_id, verdict))]
    if not rows:
        return
    with _fenced(search_id, attempt):
        Match.objects.bulk_create(rows, ignore_conflicts=True)


def remove(search_id: UUID, notice_ids: Collection[int], *, attempt: int) -> None:
    """Take out what is no longer in scope, while the search runs. Raises ClaimLost."""
    if notice_ids:
        with _fenced(search_id, attempt):
            _delete(Match.objects.filter(search_id=search_id), notice_ids)


def replace(
    search_id: UUID,
    judged: Iterable[tuple[int, Verdict]],
    *,
    attempt: int,
    figures: dict[str, Any],
) -> None:
    """Put the final verdicts in the place of what the pages brought, and the figures of the search
    beside them, in one transaction: who ends it meanwhile finds both or neither.

    Nearly all stand there already: only what differs is written, or whoever else writes on SQLite
    would wait for very many rows. Raises ClaimLost when the search is no longer this attempt's;
    nothing changes then.
    """
    mine = Match.objects.filter(search_id=search_id)
    stored = {
        notice_id: verdict for notice_id, *verdict in mine.values_list("notice_id", *_VERDICT)
    }
    rows = []
    for notice_id, verdict in judged:
        row = _row(search_id, notice_id, verdict)
        if row is None or stored.pop(notice_id, None) == [getattr(row, name) for name in _VERDICT]:
            continue
        rows.append(row)
    with transaction.atomic():
        _delete(mine, stored)
        Match.objects.bulk_create(
            rows,
            batch_size=_BATCH,
            update_conflicts=True,
            unique_fields=["search", "notice"],
            update_fields=_VERDICT,
        )
        services.save_result(search_id, attempt=attempt, **figures)  # last: see `_fenced`


def strays(search_id: UUID, counted: Mapping[int, bool]) -> dict[bool | None, list[int]]:
    """Return the notices that stand in the list otherwise than they were counted, by how they
    should: hidden or not, or (None) not at all. `counted`: notice -> whether hidden."""
    found: dict[bool | None, list[int]] = {}
    standing = Match.objects.filter(search_id=search_id).values_list("notice_id", "hidden")
    for notice_id, hidden in standing.iterator():
        if (should := counted.get(notice_id)) is not hidden:
            found.setdefault(should, []).append(notice_id)
    return found


def put_right(search_id: UUID, strays: Mapping[bool | None, Collection[int]]) -> None:
    """Let such notices stand as they were counted; the caller holds a transaction."""
    mine = Match.objects.filter(search_id=search_id)
    for hidden, notice_ids in strays.items():
        if hidden is None:
            _delete(mine, notice_ids)
        else:
            for some in _batches(notice_ids):
                mine.filter(notice_id__in=some).update(hidden=hidden)


def _delete(matches: QuerySet[Match], notice_ids: Iterable[int]) -> None:
    for some in _batches(notice_ids):
        matches.filter(notice_id__in=some).delete()


def _batches(notice_ids: Iterable[int]) -> Iterator[list[int]]:
    left = iter(notice_ids)
    while some := list(islice(left, _BATCH)):
        yield some


@contextmanager
def _fenced(search_id: UUID, attempt: int) -> Iterator[None]:
    """Write in one transaction, which is undone unless this attempt holds the search at its end."""
    with transaction.atomic():
        yield
        # Last, not first: the search stays locked from here to the commit, and signs of life must
        # not wait for very many rows. Nobody sees them before it.
        events.keep_hold(search_id, attempt)

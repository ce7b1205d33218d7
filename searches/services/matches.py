"""Writing what a search keeps. Floor 3."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from searches.domain.filtering import Reason, Verdict
from searches.models import Match

_BATCH = 1000


def _row(search_id: UUID, notice_id: int, verdict: Verdict) -> Match | None:
    """Return a verdict as a row; None for notices that nobody may see among the results."""
    if verdict.match is None or verdict.reason not in (None, Reason.BELOW_FLOOR):
        return None
    return Match(
        search_id=search_id,
        notice_id=notice_id,
        relevance=verdict.match.relevance,
        terms=list(verdict.match.terms),
        spans=[list(span) for span in verdict.match.spans],
        hidden=not verdict.kept,
    )


def add(search_id: UUID, judged: Iterable[tuple[int, Verdict]]) -> None:
    """Add what a page brought, while the search runs; what is there already stays."""
    rows = (_row(search_id, notice_id, verdict) for notice_id, verdict in judged)
    Match.objects.bulk_create((row for row in rows if row), ignore_conflicts=True)


def replace(search_id: UUID, judged: Iterable[tuple[int, Verdict]]) -> None:
    """Put the final verdicts in the place of what the pages brought, in one transaction."""
    rows = [row for notice_id, verdict in judged if (row := _row(search_id, notice_id, verdict))]
    with transaction.atomic():
        Match.objects.filter(search_id=search_id).delete()
        Match.objects.bulk_create(rows, batch_size=_BATCH)

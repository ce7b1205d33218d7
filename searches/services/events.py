"""Recording: what is told becomes a numbered row, and only then a ring of the bell. Floor 3."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from searches import messages
from searches.domain.errors import ClaimLost
from searches.domain.lifecycle import Status
from searches.domain.progress import Told, payload
from searches.models import Search, SearchEvent

Payloads = list[dict[str, Any]]


def append(search_id: UUID, told: Sequence[Told]) -> Payloads:
    """Number and store events; the caller holds a transaction in which the search is locked.

    Returns them as clients see them, for `live.publish` after the commit.
    """
    at = timezone.now()
    search = Search.objects.only("last_seq", "progress", "stage").get(pk=search_id)
    seq, progress = search.last_seq, search.progress
    payloads = []
    for event in told:
        seq += 1
        entry = payload(
            event, seq=seq, at=at, message=messages.event_text(event), told_before=progress
        )
        progress = max(progress, entry["progress"])
        payloads.append(entry)
    SearchEvent.objects.bulk_create(
        SearchEvent(
            search_id=search_id, seq=entry["seq"], at=at, stage=entry["stage"], payload=entry
        )
        for entry in payloads
    )
    Search.objects.filter(pk=search_id).update(
        last_seq=seq, progress=progress, stage=payloads[-1]["stage"]
    )
    return payloads


def record(
    search_id: UUID, told: Sequence[Told], *, attempt: int, units_done: int | None = None
) -> Payloads:
    """Store events of a running search in one short transaction.

    Raises ClaimLost when the search is no longer this attempt's: the attempt number is the
    fencing token, an old worker cannot write over a new one.
    """
    changes: dict[str, Any] = {"heartbeat_at": Now()}
    if units_done is not None:
        changes["units_done"] = units_done
    with transaction.atomic():
        # The update comes first: on PostgreSQL it locks the row until the commit.
        if not held(search_id, attempt).update(**changes):
            raise ClaimLost
        return append(search_id, told)


def keep_hold(search_id: UUID, attempt: int) -> None:
    """See to it that this attempt holds the search until the caller's transaction ends.

    Raises ClaimLost. Gives no sign of life, so that it may end a transaction that took long: its
    Now() is the moment it began.
    """
    if held(search_id, attempt).select_for_update(no_key=True).values("pk").first() is None:
        raise ClaimLost


def held(search_id: UUID, attempt: int) -> Any:
    """Return the rows (one or none) of a search that this attempt still holds."""
    return Search.objects.filter(pk=search_id, status=Status.RUNNING, attempt=attempt)

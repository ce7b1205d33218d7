"""The moves of a search from asking to its ending. Floor 3."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from exports.models import Artifact
from searches import selectors
from searches.domain.errors import ClaimLost, IllegalMove
from searches.domain.lifecycle import MAX_LOSSES, TERMINAL, Status, may_move
from searches.domain.progress import Stage, Told, ending
from searches.domain.query import SearchQuery
from searches.models import Match, SavedSearch, Search, SearchEvent
from searches.owners import Owner
from searches.services import events
from searches.services.events import Payloads
from searches.services.turns import take_turn

#: Figures of an attempt that has counted nothing yet.
_NO_FIGURES: dict[str, Any] = {
    "total_raw": 0,
    "total_kept": 0,
    "rejections": {},
    "coverage": {},
    "summary": {},
    "matching": {},
}


class TooManySearches(Exception):
    """The owner has started too many searches in the last minute."""

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"wait {retry_after_seconds} s")


class SearchIdTaken(Exception):
    """The id that the client made belongs to somebody else's search."""


def create_search(
    query: SearchQuery,
    *,
    owner: Owner,
    search_id: UUID | None = None,
    limited: bool = True,
    deferred: bool = True,
    saved: SavedSearch | None = None,
) -> tuple[Search, bool]:
    """Store a search with its first event, and hand it to a worker in the same transaction.

    Returns (search, whether it is new): an id that the same owner used before gives the same
    search again. `deferred=False`: the caller runs it itself; `saved`: what it is a run of.
    Raises TooManySearches and SearchIdTaken.
    """
    if search_id is not None and (known := _known(search_id, owner)):
        return known, False
    try:
        with transaction.atomic():
            if limited:
                _check_rate(owner)
            search = Search.objects.create(
                id=search_id or uuid4(),
                **owner.columns,
                source_id=selectors.source_id(),
                query=query.to_json(),
                question_key=query.key,
                saved=saved,
                units_total=len(query.ufs),
            )
            events.append(search.pk, [Told(Stage.QUEUED, status=Status.QUEUED)])
            if deferred:
                _defer(search)
    except IntegrityError:  # the same id twice at the same moment
        if search_id is None:
            raise
        known = _known(search_id, owner)
        if known is None:
            raise
        return known, False
    search.refresh_from_db()
    return search, True


def _defer(search: Search) -> None:
    """Put a search into the workers' queue, in the running transaction."""
    if settings.BIDIQ_RUNNER == "worker":
        from searches.services import queue  # procrastinate is not installed on SQLite

        queue.defer_search(search)


def _defer_next(ended: Search) -> None:
    """The same for what waits behind a search that has ended."""
    if settings.BIDIQ_RUNNER == "worker":
        from searches.services import queue

        queue.defer_next(ended)


def _known(search_id: UUID, owner: Owner) -> Search | None:
    if not Search.objects.filter(pk=search_id).exists():
        return None
    # Asked second: what was stored between two looks must not seem to be somebody else's.
    search = selectors.get_visible(search_id, owner)
    if search is None:
        raise SearchIdTaken
    return search


def _check_rate(owner: Owner) -> None:
    """Raise TooManySearches over the limit; within the transaction that stores the search."""
    take_turn(f"searches of {owner.user_id or owner.visitor}")
    count, first_at = selectors.recent_count(owner, seconds=60)
    if count >= settings.BIDIQ_SEARCHES_PER_MINUTE and first_at is not None:
        left = first_at + timedelta(seconds=60) - timezone.now()
        raise TooManySearches(max(1, int(left.total_seconds()) + 1))


def claim(search_id: UUID, *, worker: str) -> Search | None:
    """Take a waiting search. Returns it with its attempt number, or None when somebody else did.

    One of another source than this process's is left alone, too: what is read here is not its.
    The figures of an attempt before go: among its matches come those of this one, which counts
    all anew.
    """
    waiting = Search.objects.filter(
        pk=search_id, status=Status.QUEUED, source=selectors.source_id()
    )
    taken = waiting.update(
        status=Status.RUNNING,
        worker=worker,
        attempt=F("attempt") + 1,
        started_at=timezone.now(),
        heartbeat_at=Now(),
        **_NO_FIGURES,
    )
    return Search.objects.get(pk=search_id) if taken else None


def beat(search_id: UUID, *, attempt: int) -> bool:
    """Give a sign of life. Returns whether somebody asked to cancel; raises ClaimLost."""
    if not events.held(search_id, attempt).update(heartbeat_at=Now()):
        raise ClaimLost
    return selectors.is_cancel_requested(search_id)


def save_result(search_id: UUID, *, attempt: int, **fields: Any) -> None:
    """Store figures of a running search. Raises ClaimLost."""
    if not events.held(search_id, attempt).update(**fields):
        raise ClaimLost


def finish(search_id: UUID, status: Status, told: Told, *, attempt: int, **fields: Any) -> Payloads:
    """End a running search: the move, its figures and the last event in one transaction.

    Raises ClaimLost.
    """
    if status not in TERMINAL or not may_move(Status.RUNNING, status):
        raise IllegalMove(f"running -> {status}")
    with transaction.atomic():
        moved = events.held(search_id, attempt).update(
            status=status, finished_at=timezone.now(), worker="", **fields
        )
        if not moved:
            raise ClaimLost
        search = Search.objects.get(pk=search_id)
        _own_file(search)
        _defer_next(search)
        return events.append(search_id, [told])


def _own_file(search: Search) -> None:
    """Give a search's file its owner, who may have logged in since the writing began."""
    if search.artifact_id is not None:
        owner = Owner(user_id=search.owner_user_id, visitor=search.owner_visitor)
        Artifact.objects.filter(pk=search.artifact_id).update(**owner.columns)


def give_back(search: Search, *, is_asked: bool = False) -> Payloads:
    """Return a running search to the queue, or give it up when too many workers died of it.

    `is_asked`: its worker was told to stop, which says nothing against the search. Returns the
    events to publish; none when another process was faster.
    """
    with transaction.atomic():
        held = events.held(search.pk, search.attempt).filter(worker=search.worker)
        # As it is now: its owner may have asked to cancel since the caller read it.
        locked = held.select_for_update(no_key=True).first()
        if locked is None:
            return []
        search = locked
        # Not the attempts: those of orderly restarts say nothing against the search.
        losses = search.losses + (not is_asked)
        exhausted = losses >= MAX_LOSSES
        if search.cancel_requested_at is not None:
            changes: dict[str, Any] = {"status": Status.CANCELLED, "finished_at": timezone.now()}
            told = ending(Status.CANCELLED, last_detail(search))
        elif exhausted:
            code = "worker.lost"
            changes = {
                "status": Status.ERROR, "finished_at": timezone.now(), "error_code": code,
            }  # fmt: skip
            told = ending(Status.ERROR, last_detail(search), code=code)
        else:
            changes = {"status": Status.QUEUED, "heartbeat_at": None, "losses": losses}
            # Stage and counts stay: who watches sees a pause, not a search that begins again.
            last = SearchEvent.objects.filter(search=search).latest("seq").payload
            told = Told(
                Stage(last["stage"]),
                status=Status.QUEUED,
                detail={**last["detail"], "resumes": True},
            )
        held.update(worker="", **changes)
        if changes["status"] == Status.QUEUED:
            _defer(search)
            return events.append(search.pk, [told])
        return _end_unrun(search, told)


def give_back_claimed(search_id: UUID, *, worker: str) -> Payloads:
    """Return a search to the queue if this worker has just claimed it, as `give_back` does."""
    rows = Search.objects.filter(pk=search_id, status=Status.RUNNING, worker=worker)
    claimed = rows.first()
    return give_back(claimed, is_asked=True) if claimed is not None else []


def give_up_unserved() -> dict[UUID, Payloads]:
    """End the searches that wait for a source nobody serves; return each one's events to publish.

    The site was pointed to another source meanwhile: they would wait for ever.
    """
    told: dict[UUID, Payloads] = {}
    code = "source.gone"
    for search_id in selectors.unserved():
        with transaction.atomic():
            moved = Search.objects.filter(pk=search_id, status=Status.QUEUED).update(
                status=Status.ERROR, finished_at=timezone.now(), error_code=code
            )
            if not moved:
                continue
            search = Search.objects.get(pk=search_id)
            last = ending(Status.ERROR, last_detail(search), code=code)
            told[search_id] = _end_unrun(search, last)
    return told


def request_cancel(search: Search) -> Payloads:
    """Ask a search to stop: a waiting one ends at once, a running one at its next breath.

    Returns the events to publish. Asking again, or after the end, changes nothing.
    """
    now = timezone.now()
    with transaction.atomic():
        # The state is read once and locked: of two looks, one for each state, a search that is
        # given back between them would meet neither. PostgreSQL waits here for a move that is
        # being made; on SQLite this transaction has waited for the one before.
        rows = Search.objects.filter(pk=search.pk)
        current = rows.select_for_update(no_key=True).first()
        if current is not None and current.status == Status.QUEUED:
            rows.update(status=Status.CANCELLED, finished_at=now, cancel_requested_at=now)
            return _end_unrun(current, ending(Status.CANCELLED, last_detail(current)))
        rows.filter(status=Status.RUNNING, cancel_requested_at=None).update(cancel_requested_at=now)
    return []


def _end_unrun(search: Search, told: Told) -> Payloads:
    """Leave a search behind that has just ended and that nobody runs; return its last event."""
    # An attempt that is gone has stored its result or counted nothing: its matches would be listed
    # beside totals of 0. What it read stays in the store.
    if not search.is_judged:
        Match.objects.filter(search=search).delete()
    _defer_next(search)
    return events.append(search.pk, [told])


def last_detail(search: Search) -> dict[str, Any]:
    """Return the detail of a last event without a file."""
    return {
        "total_raw": search.total_raw,
        "total_filtrado": search.total_kept,
        "download_url": None,
        "storage": None,
    }

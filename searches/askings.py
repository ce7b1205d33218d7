"""The same question again: its results before, and what is new since. Floor 3, reads only."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import islice
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet

from searches import selectors
from searches.domain.lifecycle import DigestState, Status
from searches.domain.query import SearchQuery
from searches.domain.schedule import first_asked
from searches.models import Match, SavedSearch, Search
from searches.owners import Owner

_WITH_RESULT = (Status.COMPLETE, Status.PARTIAL)


def earlier(search: Search, owner: Owner) -> QuerySet[Search]:
    """Return the owner's earlier results of a search's question, newest first."""
    if not search.question_key:  # asked before questions had one
        return Search.objects.none()
    return selectors.visible_to(owner).filter(
        status__in=_WITH_RESULT,
        question_key=search.question_key,
        created_at__lt=search.created_at,
    )


def predecessors(searches: Iterable[Search], owner: Owner) -> dict[UUID, UUID]:
    """Return, for each search with a result, the result of its question before it, if any."""
    wanted = [s for s in searches if s.status in _WITH_RESULT and s.question_key]
    askings: dict[str, list[tuple[datetime, UUID]]] = {}
    for key, asked_at, pk in (
        selectors.visible_to(owner)
        .filter(status__in=_WITH_RESULT, question_key__in={s.question_key for s in wanted})
        .values_list("question_key", "created_at", "pk")
    ):
        askings.setdefault(key, []).append((asked_at, pk))  # newest first
    found: dict[UUID, UUID] = {}
    for search in wanted:
        before = (pk for at, pk in askings[search.question_key] if at < search.created_at)
        found.update((search.pk, pk) for pk in islice(before, 1))
    return found


def _told_runs(saved_id: UUID | OuterRef | None) -> QuerySet[Search]:
    """Return the results of a saved question that its owner has been told of, newest first.

    A run that failed has shown nothing to anybody, whatever it had stored until then. What was in
    a mail that could not be sent is for the next one to tell.
    """
    if saved_id is None:
        return Search.objects.none()
    runs = Search.objects.filter(saved_id=saved_id, status__in=_WITH_RESULT)
    return runs.exclude(digest__state=DigestState.FAILED).order_by("-created_at")


def earlier_runs(search: Search) -> QuerySet[Search]:
    """Return the results of a search's saved question before it that were told, newest first."""
    return _told_runs(search.saved_id).filter(created_at__lt=search.created_at)


def untold_since(saved: SavedSearch, query: SearchQuery) -> date | None:
    """Return the first day that was asked for and not told of, for each UF of a saved question: by
    runs since the last one told, or by those that days without one lack; None when of one of the
    UFs nothing was ever told. A mail that waits has told nothing yet."""
    unread, untold = set(query.ufs), list[date]()
    runs = saved.runs.order_by("-created_at")
    columns = ("query", "coverage", "status", "digest__state")
    for asked, coverage, status, mail in runs.values_list(*columns).iterator(chunk_size=20):
        if status in _WITH_RESULT and mail not in (DigestState.FAILED, DigestState.WAITING):
            unread -= {uf for uf, row in coverage.items() if row["status"] == "complete"}
        if not unread:
            next_day = date.fromisoformat(asked["data_final"]) + timedelta(days=1)
            return min([first_asked(query, next_day), *untold])
        untold.append(date.fromisoformat(asked["data_inicial"]))
    return None


def unseen(
    matches: QuerySet[Match], earlier: QuerySet[Search], *, or_hidden: bool = False
) -> QuerySet[Match]:
    """Return those of some matches whose notices no earlier search has shown; `or_hidden`: nor had
    among its hidden ones."""
    shown = Match.objects.filter(
        notice=OuterRef("notice"), search__in=earlier.order_by().values("pk")
    )
    return matches.exclude(Exists(shown if or_hidden else shown.filter(hidden=False)))


def new_counts(runs: Iterable[Search]) -> dict[UUID, int]:
    """Return how many notices are new in each of some results that have earlier runs."""
    before = _told_runs(OuterRef("saved")).filter(created_at__lt=OuterRef("created_at"))
    later = Search.objects.filter(Exists(before), pk__in=[run.pk for run in runs])
    shown = _told_runs(OuterRef("search__saved")).filter(
        created_at__lt=OuterRef("search__created_at"),
        matches__notice=OuterRef("notice"),
        matches__hidden=False,
    )
    new = Match.objects.filter(~Exists(shown), search__in=later.values("pk"), hidden=False)
    counts = dict(new.values_list("search").annotate(Count("pk")))
    return {pk: counts.get(pk, 0) for pk in later.values_list("pk", flat=True)}

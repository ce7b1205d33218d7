"""Saving questions, and asking them again each day. Floor 3."""

import logging
from collections.abc import Collection
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from searches import askings, selectors
from searches.domain.brazil import BRASILIA
from searches.domain.errors import QueryError
from searches.domain.lifecycle import TERMINAL
from searches.domain.query import SearchQuery
from searches.domain.schedule import asked_daily, daily_days, next_daily
from searches.domain.stored import stored_query
from searches.domain.text import clipped, one_line
from searches.models import Digest, SavedSearch, Search
from searches.owners import Owner
from searches.services.searches import create_search
from searches.services.turns import take_turn

logger = logging.getLogger(__name__)

MOST_SAVED = 20
LONGEST_NAME = 120
#: What a visitor without an account has not looked at for so long is no longer asked each day.
VISITOR_PATIENCE = timedelta(days=30)


class TooManySaved(Exception):
    """The owner keeps as many questions as one may."""


class OtherDays(Exception):
    """The owner keeps the question already, about another number of days."""

    def __init__(self, saved: SavedSearch) -> None:
        self.saved = saved
        super().__init__(f"saved search {saved.pk} is about other days")


def save(search: Search, *, owner: Owner, name: str, replaces_days: bool = False) -> SavedSearch:
    """Keep a search's question, and the search as its first run; what was kept already stays.

    A name that another question of the owner's has gets a number. A user hears of it by mail from
    the start, once there is a confirmed address. `replaces_days`: what was kept already is about
    this search's number of days from now on. Raises OtherDays, TooManySaved, and QueryError for
    what was asked by rules that hold no more.
    """
    query = SearchQuery.from_json(search.query)
    key = query.key
    mine = selectors.saved_by(owner)
    with transaction.atomic():
        take_turn(f"saved by {owner.user_id or owner.visitor}")
        kept = list(mine.filter(question_key=key))
        # A visitor's and the account's own may be about different days.
        saved = next((each for each in kept if _days(each) == daily_days(query)), None)
        if saved is None and kept:
            saved = kept[0]
            if not replaces_days:
                raise OtherDays(saved)
            saved.query = search.query
            saved.save(update_fields=["query"])
        if saved is None:
            if mine.count() >= MOST_SAVED:
                raise TooManySaved
            saved = SavedSearch(
                **owner.columns,
                name=_free(name, taken=set(mine.values_list("name", flat=True))),
                query=search.query,
                question_key=key,
                wants_mail=owner.user_id is not None,
            )
            saved.next_run_at = next_daily(timezone.now(), of=saved.pk)
            saved.save(force_insert=True)
        Search.objects.filter(pk=search.pk, saved=None).update(saved=saved)
    return saved


def _days(saved: SavedSearch) -> int:
    return daily_days(stored_query(saved.query))


def _free(name: str, *, taken: Collection[str]) -> str:
    name = clipped(one_line(name), LONGEST_NAME)
    start = clipped(name, LONGEST_NAME - len(f" ({MOST_SAVED})"))
    numbered = (f"{start} ({number})" for number in range(2, MOST_SAVED + 1))
    return next((each for each in (name, *numbered) if each not in taken), name)


def change(
    saved: SavedSearch, *, owner: Owner, name: str, is_daily: bool, wants_mail: bool
) -> None:
    """Rename it, pause it or let it go on; mail is only for users.

    What was saved before its owner had an account belongs to the account from now on. Raises
    QueryError when it is to go on, and was asked by rules that hold no more.
    """
    if is_daily and saved.next_run_at is None:
        SearchQuery.from_json(saved.query)
    now = timezone.now()
    user_id = saved.owner_user_id or owner.user_id
    wanted = {
        "owner_user_id": user_id,
        "name": clipped(one_line(name), LONGEST_NAME) or saved.name,
        "next_run_at": (saved.next_run_at or next_daily(now, of=saved.pk)) if is_daily else None,
        "wants_mail": wants_mail and user_id is not None,
    }
    # Only what differs: the daily run moves the next one, and a moment written back from before
    # would be run again.
    changes = {key: value for key, value in wanted.items() if value != getattr(saved, key)}
    SavedSearch.objects.filter(pk=saved.pk).update(seen_at=now, **changes)


def adopt(owner: Owner) -> None:
    """Give a user what it saved before its login, with mail about it.

    Not about a question that the account keeps already: one mail is enough, or none was wanted.
    """
    found = SavedSearch.objects.filter(owner_user=None, owner_visitor=owner.visitor)
    kept = SavedSearch.objects.filter(owner_user_id=owner.user_id).values("question_key")
    with transaction.atomic():
        found.exclude(question_key__in=kept).update(**owner.columns, wants_mail=True)
        found.update(**owner.columns)


def stop_mail(saved_id: UUID) -> None:
    """Send no more mail about a saved search."""
    SavedSearch.objects.filter(pk=saved_id).update(wants_mail=False)


def saw(owner: Owner) -> None:
    """Note that an owner has looked at what it keeps; a note a day is enough."""
    now = timezone.now()
    selectors.saved_by(owner).filter(seen_at__lt=now - timedelta(days=1)).update(seen_at=now)


def run(saved: SavedSearch, *, now: datetime, limited: bool = True) -> Search:
    """Ask a saved question today, from no later than the first day that was asked for and not told:
    runs or mails that failed, and days without one, leave nothing out.

    Raises TooManySearches, and QueryError for what was asked by rules that hold no more.
    """
    query = SearchQuery.from_json(saved.query)
    today = now.astimezone(BRASILIA).date()
    query = asked_daily(query, today, since=_untold_since(saved, query))
    owner = Owner(user_id=saved.owner_user_id, visitor=saved.owner_visitor)
    search, _ = create_search(query, owner=owner, limited=limited, saved=saved)
    return search


def _untold_since(saved: SavedSearch, query: SearchQuery) -> date:
    kept_on = saved.created_at.astimezone(BRASILIA).date()
    asked_since = kept_on - timedelta(days=query.days - 1)
    # The first run may have been about a month of last year: that is not what is asked each day.
    return max(asked_since, askings.untold_since(saved, query) or asked_since)


def run_due(*, now: datetime | None = None) -> list[UUID]:
    """Ask every saved question whose moment has come; return the searches.

    Any number of processes may do it: who moves the next moment asks, in the same transaction.
    After a pause of days a question is asked once.
    """
    moment = now or timezone.now()
    _pause_unread(moment)
    started = []
    for saved in SavedSearch.objects.filter(next_run_at__lte=moment):
        try:
            with transaction.atomic():
                search = _run_once(saved, moment)
        except QueryError as error:
            logger.warning("saved search %s cannot be asked any more: %s", saved.pk, error)
            SavedSearch.objects.filter(pk=saved.pk).update(next_run_at=None)
            continue
        except (KeyError, TypeError, ValueError):  # no question at all: the others must not wait
            logger.exception("saved search %s cannot be read", saved.pk)
            SavedSearch.objects.filter(pk=saved.pk).update(next_run_at=None)
            continue
        if search is not None:
            started.append(search.pk)
    return started


def _run_once(saved: SavedSearch, now: datetime) -> Search | None:
    """Ask what is due; None when another process had it, or yesterday's run is not over."""
    unmoved = SavedSearch.objects.filter(pk=saved.pk, next_run_at=saved.next_run_at)
    if not unmoved.update(next_run_at=next_daily(now, of=saved.pk)):
        return None
    saved.refresh_from_db()  # its owner may have logged in since all that are due were read
    if saved.runs.exclude(status__in=TERMINAL).exists():
        return None
    search = run(saved, now=now, limited=False)
    if saved.wants_mail:
        Digest.objects.create(search=search)
    return search


def _pause_unread(now: datetime) -> None:
    unread = Q(owner_user=None, seen_at__lt=now - VISITOR_PATIENCE)
    SavedSearch.objects.filter(unread, next_run_at__lte=now).update(next_run_at=None)

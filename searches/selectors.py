"""Reads that know a rule; mere look-ups stand with who needs them. Floor 3. None, []: not there."""

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Now
from django.utils import timezone

from bidiq.logs import without_credentials
from searches.domain import tables
from searches.domain.brazil import BRASILIA
from searches.domain.lifecycle import SILENCE_SECONDS, TERMINAL, Status
from searches.domain.notice import Notice as DomainNotice
from searches.domain.planning import REFRESH_AFTER, Endpoint, ListKey, days_between, plan_lists
from searches.domain.query import Mode, Order, SearchQuery
from searches.models import (
    Coverage,
    Match,
    Notice,
    PageRead,
    SavedSearch,
    Search,
    SearchEvent,
    Source,
)
from searches.owners import Owner

#: How old the reading of a day that is not over may be and still count.
FRESH_FOR = timedelta(minutes=10)
#: The same for a page of a list whose total has not moved since.
STEADY_FOR = timedelta(hours=2)
#: Publications of a day may show up this long after its end.
GRACE = timedelta(hours=1)
#: By how much the clocks of machines that share a database may differ. A reading dated later than
#: that was made while a clock was ahead: of when it was made nothing is known, so it counts as
#: none.
CLOCKS_DIFFER = timedelta(minutes=1)
#: How long a search of another source than this process's may wait for somebody who serves it.
UNSERVED_AFTER = timedelta(minutes=10)


def source_id() -> int:
    """Return the id of the source that this process is configured for, making its row once.

    Its address without a password, which may change, and is nothing to be kept or shown.
    """
    name = settings.BIDIQ_SOURCE_NAME or without_credentials(settings.PNCP_BASE_URL)
    source, _ = Source.objects.get_or_create(base_url=name)
    return source.pk


def visible_to(owner: Owner) -> QuerySet[Search]:
    """Return the searches of an owner, newest first."""
    return Search.objects.filter(owner.mine()).order_by("-created_at")


def get_visible(search_id: UUID, owner: Owner) -> Search | None:
    """Return a search if it is the owner's; a stranger's looks as if it were not there."""
    return visible_to(owner).select_related("artifact", "saved").filter(pk=search_id).first()


def recent_count(owner: Owner, *, seconds: int) -> tuple[int, datetime | None]:
    """Return how many searches an owner started in the last seconds, and when the first of them."""
    since = timezone.now() - timedelta(seconds=seconds)
    moments = list(
        visible_to(owner).filter(created_at__gt=since).values_list("created_at", flat=True)
    )
    return len(moments), min(moments, default=None)


def events_after(search_id: UUID, after: int) -> list[dict[str, Any]]:
    """Return the events told after a number, in order, as clients see them."""
    return list(
        SearchEvent.objects.filter(search_id=search_id, seq__gt=after)
        .order_by("seq")
        .values_list("payload", flat=True)
    )


def latest_of_each_uf(search_id: UUID, *, upto: int) -> dict[str, dict[str, Any]]:
    """Return the last thing told of each UF while it was read, up to an event."""
    details: dict[str, dict[str, Any]] = {}
    for payload in (
        SearchEvent.objects.filter(search_id=search_id, stage="fetching", seq__lte=upto)
        .order_by("seq")
        .values_list("payload", flat=True)
    ):
        if uf := payload["detail"].get("uf"):
            details[uf] = payload["detail"]
    return details


def saved_by(owner: Owner) -> QuerySet[SavedSearch]:
    """Return what an owner keeps, oldest first."""
    return SavedSearch.objects.filter(owner.mine()).order_by("created_at")


# --- who runs ---------------------------------------------------------------------------------


def waiting(*, older_than_seconds: float = 0) -> list[UUID]:
    """Return the searches of this process's source nobody has taken yet, oldest first."""
    before = timezone.now() - timedelta(seconds=older_than_seconds)
    return list(
        Search.objects.filter(status=Status.QUEUED, source=source_id(), created_at__lte=before)
        .order_by("created_at")
        .values_list("pk", flat=True)
    )


def asker_of(search_id: UUID) -> int | str | None:
    """Return who waits for a search."""
    search = Search.objects.only("owner_user", "owner_visitor").filter(pk=search_id).first()
    return search.asker if search else None


def unfinished_of_asker(search: Search) -> QuerySet[Search]:
    """Return what the asker of a search waits for from its source, oldest first."""
    mine = Search.objects.filter(
        owner_user=search.owner_user_id, owner_visitor=search.owner_visitor, source=search.source_id
    )
    return mine.exclude(status__in=TERMINAL).order_by("created_at")


def unserved() -> list[UUID]:
    """Return the waiting searches of a source that nobody seems to serve any more.

    Not this process's; nothing of it runs, and nothing was told of the search for UNSERVED_AFTER.
    """
    since = timezone.now() - UNSERVED_AFTER
    running = Search.objects.filter(status=Status.RUNNING, source=OuterRef("source"))
    told = SearchEvent.objects.filter(search=OuterRef("pk"), at__gt=since)
    others = Search.objects.filter(status=Status.QUEUED).exclude(source=source_id())
    return list(others.exclude(Exists(running) | Exists(told)).values_list("pk", flat=True))


def running() -> list[Search]:
    """Return the searches that some worker has, `is_silent` set when it gives no more signs.

    By the database's clock, as the signs are: machines need not agree on the time.
    """
    silent = Q(heartbeat_at__lt=Now() - timedelta(seconds=SILENCE_SECONDS))
    return list(Search.objects.filter(status=Status.RUNNING).annotate(is_silent=silent))


def is_cancel_requested(search_id: UUID) -> bool:
    return Search.objects.filter(pk=search_id, cancel_requested_at__isnull=False).exists()


# --- the store of notices ------------------------------------------------------------------------


def list_columns(source: int, key: ListKey) -> dict[str, Any]:
    """Return a list's name as columns: 0 for all modalities, "" for the whole country."""
    return {
        "source_id": source,
        "endpoint": key.endpoint.value,
        "modality": key.modality or 0,
        "uf": key.uf or "",
    }


def is_final(day: date, fetched_at: datetime) -> bool:
    """Return whether a day was read after it was over: then nothing is missing of it."""
    end = datetime.combine(day + timedelta(days=1), time(), BRASILIA)
    return fetched_at >= end + GRACE


def _still_good(day: date, fetched_at: datetime, now: datetime) -> bool:
    age = now - fetched_at
    return age >= -CLOCKS_DIFFER and (is_final(day, fetched_at) or age <= FRESH_FOR)


def covered_days(
    *,
    source: int,
    uf: str,
    modalities: Iterable[int],
    first_day: date,
    last_day: date,
    now: datetime,
) -> dict[tuple[int, date], datetime]:
    """Return as of when each (modality, day) of publication of a UF is known, as far as it is."""
    rows = (
        Coverage.objects.filter(
            source_id=source,
            endpoint=Endpoint.PUBLISHED,
            modality__in=tuple(modalities),
            uf__in=(uf, ""),  # a reading of the whole country covers every UF
            day__range=(first_day, last_day),
        )
        .order_by("fetched_at")
        .values_list("modality", "day", "fetched_at")
    )
    return {(modality, day): at for modality, day, at in rows if _still_good(day, at, now)}


def lists_needed(
    source: int,
    uf: str | None,
    modalities: Iterable[int],
    first_day: date,
    last_day: date,
    *,
    now: datetime,
    refresh_after: timedelta = REFRESH_AFTER,
) -> list[ListKey]:
    """Return the lists to read for days of a UF (None: the country) that the store has not."""
    modalities = tuple(modalities)
    covered = covered_days(
        source=source,
        uf=uf or "",
        modalities=modalities,
        first_day=first_day,
        last_day=last_day,
        now=now,
    )
    days = days_between(first_day, last_day)
    return plan_lists(
        uf=uf,
        modalities=modalities,
        days=days,
        covered=covered,
        now=now,
        refresh_after=refresh_after,
    )


def fresh_open_modalities(*, source: int, uf: str, now: datetime) -> set[int]:
    """Return the modalities (0: all) whose open notices in a UF were read a moment ago."""
    return set(
        Coverage.objects.filter(
            source_id=source,
            endpoint=Endpoint.OPEN,
            uf__in=(uf, ""),
            fetched_at__range=(now - FRESH_FOR, now + CLOCKS_DIFFER),
        ).values_list("modality", flat=True)
    )


def page_read(source: int, key: ListKey, number: int, *, now: datetime) -> PageRead | None:
    """Return the ledger's row of a page that is in the store and still good.

    A list of publications that may still grow has grown when its total is another one: as long as
    a page read a moment ago tells the same, the older ones of a list that was cut off hold, and it
    costs that page and what is missing. One that was read whole is read whole again: what it has
    may have changed.
    """
    pages = list_pages(source, key)
    row = pages.filter(number=number, notice_keys__isnull=False).first()
    if row is None:
        return None
    age = now - row.fetched_at
    is_published = key.endpoint is Endpoint.PUBLISHED
    is_over = is_published and is_final(key.last_day, row.fetched_at)
    if -CLOCKS_DIFFER <= age <= (REFRESH_AFTER if is_over else FRESH_FOR):
        return row
    if is_over or row.is_whole or not is_published or not FRESH_FOR < age <= STEADY_FOR:
        return None
    fresh = pages.filter(fetched_at__range=(now - FRESH_FOR, now + CLOCKS_DIFFER))
    latest = fresh.order_by("-fetched_at").first()
    is_steady = latest is not None and latest.total_records == row.total_records
    return row if is_steady else None


def is_one_reading(key: ListKey, oldest: datetime, *, began_at: datetime) -> bool:
    """Return whether the pages of a list are of one state of it: days that are over stand still,
    others as long as the oldest page was fresh when reading began."""
    return is_final(key.last_day, oldest) or began_at - oldest <= FRESH_FOR


def list_pages(source: int, key: ListKey) -> QuerySet[PageRead]:
    """Return the ledger's rows of a list."""
    return PageRead.objects.filter(
        **list_columns(source, key), first_day=key.first_day, last_day=key.last_day
    )


def published_in(notices: QuerySet[Notice], first_day: date, last_day: date) -> QuerySet[Notice]:
    """Return those of some notices that were published in days of Brasília, and are listed."""
    return notices.filter(
        published_at__gte=datetime.combine(first_day, time(), BRASILIA),
        published_at__lt=datetime.combine(last_day + timedelta(days=1), time(), BRASILIA),
        unlisted_at=None,
    )


def scope(
    *, source: int, query: SearchQuery, now: datetime, ufs: Iterable[str] = ()
) -> QuerySet[Notice]:
    """Return the stored notices that a query looks at: UF, modality, and period or deadline."""
    notices = Notice.objects.filter(
        source_id=source, uf__in=tuple(ufs) or query.ufs, modality__in=query.modalities
    )
    if query.mode is Mode.OPEN:
        return notices.filter(closes_at__gt=now, gone_at=None)
    return published_in(notices, query.first_day, query.last_day)


def municipalities(source: int) -> QuerySet[Notice, tuple[str, str, str]]:
    """Return (IBGE code, name, UF) of each municipality that the store has met."""
    named = Notice.objects.filter(source_id=source).exclude(ibge="").exclude(municipality="")
    places = named.values_list("ibge", "municipality", "uf")
    return places.order_by("uf", "municipality").distinct()


def changed_since(keys: Collection[int], moment: datetime) -> set[int]:
    """Return those of some notices that the source has changed at a moment or later."""
    changed = Notice.objects.filter(pk__in=keys, updated_at__gte=moment)
    return set(changed.values_list("pk", flat=True))


NOTICE_FIELDS = tuple(DomainNotice.__dataclass_fields__)


def domain_notices(notices: QuerySet[Notice]) -> Iterator[tuple[int, DomainNotice]]:
    """Yield (primary key, notice of the domain) without holding more than a chunk in memory."""
    for pk, *values in notices.values_list("pk", *NOTICE_FIELDS).iterator(chunk_size=2000):
        yield pk, DomainNotice(*values)


# --- results -----------------------------------------------------------------------------------

_ORDERS = {
    Order.NEWEST: (F("notice__published_at").desc(),),
    Order.OLDEST: (F("notice__published_at").asc(),),
    Order.DEAREST: (F("notice__value").desc(nulls_last=True),),
    Order.CHEAPEST: (F("notice__value").asc(nulls_last=True),),
    Order.DEADLINE: (F("notice__closes_at").asc(nulls_last=True),),
    Order.RELEVANCE: (F("relevance").desc(), F("notice__published_at").desc()),
}


def receiving(now: datetime) -> Q:
    """Return the condition of a match whose notice receives proposals (see `infer_status`)."""
    return Q(notice__closes_at__gt=now) & ~Q(
        notice__situation__in=(*tables.CALLED_OFF, tables.SUSPENDED)
    )


def results(
    search: Search,
    *,
    order: Order,
    ufs: Iterable[str] = (),
    hidden: bool | None = False,
    now: datetime | None = None,
) -> QuerySet[Match]:
    """Return the matches of a search in order, each with its notice; `hidden=None`: all.

    By deadline or relevance and with `now`, what receives proposals comes before the rest: for who
    wants to bid a tender that is over is not among the best. Pages and mails give it; the API and
    the file keep to the order by its letter.
    """
    matches = search.matches.select_related("notice")
    if hidden is not None:
        matches = matches.filter(hidden=hidden)
    if ufs := tuple(ufs):
        matches = matches.filter(notice__uf__in=ufs)
    if order in {Order.DEADLINE, Order.RELEVANCE} and now is not None:
        is_over = Case(When(receiving(now), then=0), default=1)
        return matches.order_by(is_over, *_ORDERS[order], "notice__control_number")
    return matches.order_by(*_ORDERS[order], "notice__control_number")

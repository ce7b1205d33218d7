"""Writing the store: pages with their mark in the ledger, days covered. Floor 3."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from searches.domain.brazil import BRASILIA
from searches.domain.notice import Notice as DomainNotice
from searches.domain.planning import Endpoint, ListKey, days_between
from searches.models import Coverage, Notice, PageRead
from searches.selectors import FRESH_FOR, is_final, list_columns, list_pages, published_in

#: How long the ledger of pages and the marks of open notices are kept.
KEEP_PAGES = timedelta(days=7)
KEEP_OPEN_DAYS = timedelta(days=1)

_BATCH = 500

_FIELDS = [field.name for field in fields(DomainNotice)]
_LIMITS: dict[str, int] = {
    field.name: limit
    for field in Notice._meta.concrete_fields
    if (limit := getattr(field, "max_length", None))
}


def store_page(
    source: int,
    key: ListKey,
    notices: Sequence[DomainNotice],
    *,
    number: int,
    total_pages: int,
    total_records: int,
    listed_count: int,
    malformed_count: int,
    now: datetime,
) -> list[int]:
    """Store a page and its mark in the ledger in one transaction; return the notices' keys.

    Of two copies of a notice the one with the greater update moment stays. A page that is not what
    it was has moved: the older ones of its list no longer go with it.
    """
    with transaction.atomic():
        keys = upsert(source, notices)
        listed = Notice.objects.filter(pk__in=keys.values())
        # Back, although nobody changed it: in a list of open ones, in any list at all.
        if key.endpoint is Endpoint.OPEN:
            listed.filter(gone_at__isnull=False).update(gone_at=None)
        listed.filter(unlisted_at__isnull=False).update(unlisted_at=None)
        on_page = [keys[notice.control_number] for notice in notices]
        pages = list_pages(source, key)
        before = pages.filter(number=number).values_list("notice_keys", flat=True).first()
        if before is not None and set(before) != set(on_page):
            pages.filter(fetched_at__lt=now - FRESH_FOR).delete()
        read = PageRead(
            **list_columns(source, key),
            first_day=key.first_day,
            last_day=key.last_day,
            number=number,
            total_pages=total_pages,
            total_records=total_records,
            notices_count=listed_count,
            malformed_count=malformed_count,
            notice_keys=on_page,
            fetched_at=now,
        )
        # One statement; update_or_create would take five.
        PageRead.objects.bulk_create(
            [read],
            update_conflicts=True,
            unique_fields=[
                "source",
                "endpoint",
                "modality",
                "uf",
                "first_day",
                "last_day",
                "number",
            ],
            update_fields=[
                "total_pages",
                "total_records",
                "notices_count",
                "malformed_count",
                "is_whole",
                "fetched_at",
                "notice_keys",
            ],
        )
    return on_page


def upsert(source: int, notices: Iterable[DomainNotice]) -> dict[str, int]:
    """Store notices, the newer copy of each; return control number -> primary key."""
    newest: dict[str, DomainNotice] = {}
    for notice in notices:
        known = newest.get(notice.control_number)
        if known is None or notice.updated_at > known.updated_at:
            newest[notice.control_number] = notice
    rows = Notice.objects.filter(source_id=source, control_number__in=newest)
    keys = {}
    with transaction.atomic():
        stored = set(rows.values_list("control_number", flat=True))
        Notice.objects.bulk_create(
            (
                Notice(source_id=source, **_values(notice))
                for number, notice in sorted(newest.items())  # see `_in_turn`
                if number not in stored
            ),
            ignore_conflicts=True,  # another process stored it a moment ago
        )
        # Read again: another process may have stored what was not there, in an older copy.
        found = _in_turn(rows).values_list("pk", "control_number", "updated_at", "uf")
        for key, number, updated_at, uf in found:
            keys[number] = key
            notice = newest[number]
            # The list of a UF tells the UF of what the country's list has without one.
            is_placed = notice.updated_at == updated_at and notice.uf and not uf
            if notice.updated_at > updated_at or is_placed:
                Notice.objects.filter(pk=key).update(
                    stored_at=timezone.now(), gone_at=None, unlisted_at=None, **_values(notice)
                )
    return keys


def _in_turn(notices: QuerySet[Notice]) -> QuerySet[Notice]:
    """Return notices that nobody else writes until the transaction ends, as they are then.

    All processes take them in the same order: two that want the same in another order would each
    wait for what the other one has.
    """
    return notices.order_by("pk").select_for_update(no_key=True)


def _values(notice: DomainNotice) -> dict[str, Any]:
    """Return a notice's columns, texts cut to what a column holds (the source has no limits)."""
    values = {name: getattr(notice, name) for name in _FIELDS}
    for name, limit in _LIMITS.items():
        value = values.get(name)
        if isinstance(value, str) and len(value) > limit:
            values[name] = value[:limit]
    return values


def mark_covered(source: int, key: ListKey, *, read: ListKey, fetched_at: datetime) -> None:
    """Write down that every day of a list is in the store as of the moment reading began.

    When pages were there already, of the moment the oldest of them was read. A list of changes
    brings all days up to that moment that were known when the list begins. `read`: the list or the
    part of it that was read last.
    """
    match key.endpoint:
        case Endpoint.OPEN:
            name, days = key, [key.first_day]
        case Endpoint.UPDATED:
            name, days = (
                replace(key, endpoint=Endpoint.PUBLISHED),
                _final_days(source, key, read_until=fetched_at),
            )
        case Endpoint.PUBLISHED:
            name, days = key, days_between(key.first_day, key.last_day)
    with transaction.atomic():
        Coverage.objects.bulk_create(
            [
                Coverage(**list_columns(source, name), day=day, fetched_at=fetched_at)
                for day in days
            ],
            update_conflicts=True,
            unique_fields=["source", "endpoint", "modality", "uf", "day"],
            update_fields=["fetched_at"],
        )
        list_pages(source, read).update(is_whole=True)


def mark_gone(source: int, key: ListKey, listed: set[int], *, as_of: datetime) -> int:
    """Mark what a list that was read whole has no more; return how many.

    The store does not know what became of them, the source does: deadlines were moved, notices
    revoked, deleted, or published under another UF or modality. `listed`: primary keys of what it
    has. `as_of`: the moment reading began; what was stored since then is news to the list.
    """
    stored = Notice.objects.filter(source_id=source).exclude(stored_at__gte=as_of)
    if key.uf is not None:
        stored = stored.filter(uf=key.uf)
    if key.modality is not None:
        stored = stored.filter(modality=key.modality)
    if key.endpoint is Endpoint.OPEN:
        mark = "gone_at"
        end = datetime.combine(key.last_day, time(), BRASILIA)
        expected = stored.filter(closes_at__gt=as_of, closes_at__lt=end, gone_at=None)
    else:
        mark = "unlisted_at"
        expected = published_in(stored, key.first_day, key.last_day)
    gone = [pk for pk in expected.values_list("pk", flat=True) if pk not in listed]
    for start in range(0, len(gone), _BATCH):
        some = Notice.objects.filter(pk__in=gone[start : start + _BATCH])
        with transaction.atomic():
            still = _in_turn(some.exclude(stored_at__gte=as_of)).values_list("pk", flat=True)
            Notice.objects.filter(pk__in=list(still)).update(**{mark: as_of})
    return len(gone)


def _final_days(source: int, key: ListKey, *, read_until: datetime) -> list[date]:
    """Return the days of which nothing was missing when a list of changes begins.

    Not those read later than a moment: what a clock that was ahead has dated stays as it is.
    """
    rows = Coverage.objects.filter(
        source_id=source,
        endpoint=Endpoint.PUBLISHED,
        modality=key.modality or 0,
        uf__in={key.uf or "", ""},
        fetched_at__range=(datetime.combine(key.first_day, time(), BRASILIA), read_until),
    ).values_list("day", "fetched_at")
    return sorted({day for day, fetched_at in rows if is_final(day, fetched_at)})


def forget_pages(source: int, key: ListKey, *, numbers: Collection[int] | None = None) -> None:
    """Take a list's pages out of the ledger, all or some: it changed while it was read, or may
    have."""
    pages = list_pages(source, key)
    (pages if numbers is None else pages.filter(number__in=numbers)).delete()


def forget_stale(*, now: datetime | None = None) -> int:
    """Delete marks that no reading looks at any more; return how many.

    Pages serve to go on with a list that was cut off; a day of open notices is good for minutes.
    """
    moment = now or timezone.now()
    pages, _ = PageRead.objects.filter(fetched_at__lt=moment - KEEP_PAGES).delete()
    days, _ = Coverage.objects.filter(
        endpoint=Endpoint.OPEN, fetched_at__lt=moment - KEEP_OPEN_DAYS
    ).delete()
    return pages + days

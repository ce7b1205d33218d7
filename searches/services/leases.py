"""Leases on pages: of all processes that want a page of the source, one asks for it. Floor 3."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from searches.liveness import is_dead
from searches.models import PageLease

#: A lease that is not renewed for this long is over: its process is gone or cut off.
LEASE_SECONDS = 15.0


def take(page: str, *, holder: str) -> bool:
    """Take a page's lease when nobody has it, or whoever had it is gone; return whether it is ours.

    Two that try at once: one gets it.
    """
    now = timezone.now()
    expires_at = now + timedelta(seconds=LEASE_SECONDS)
    try:
        with transaction.atomic():
            PageLease.objects.create(page=page, holder=holder, expires_at=expires_at)
        return True
    except IntegrityError:
        pass
    other = PageLease.objects.filter(page=page).first()
    if other is None or not (other.expires_at < now or is_dead(other.holder)):
        return False
    taken = PageLease.objects.filter(
        page=page, holder=other.holder, expires_at=other.expires_at
    ).update(holder=holder, expires_at=expires_at)
    return bool(taken)


def renew(pages: list[str], *, holder: str) -> None:
    """Keep leases that are still ours."""
    expires_at = timezone.now() + timedelta(seconds=LEASE_SECONDS)
    PageLease.objects.filter(page__in=pages, holder=holder).update(expires_at=expires_at)


def release(page: str, *, holder: str) -> None:
    """Let go of a lease, if it is still ours."""
    PageLease.objects.filter(page=page, holder=holder).delete()


def is_taken(page: str) -> bool:
    """Return whether somebody who seems to live has a page's lease."""
    lease = PageLease.objects.filter(page=page, expires_at__gte=timezone.now()).first()
    return lease is not None and not is_dead(lease.holder)


def forget_expired() -> int:
    """Delete leases that nobody came back for."""
    long_ago = timezone.now() - timedelta(hours=1)
    return PageLease.objects.filter(expires_at__lt=long_ago).delete()[0]

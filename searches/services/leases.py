"""Leases on pages: of all processes that want a page of the source, one asks for it. Floor 3."""

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from searches.liveness import is_dead
from searches.models import PageLease

#: A lease that is not renewed for this long is over: its process is gone or cut off.
LEASE_SECONDS = 15.0
_LEASE = timedelta(seconds=LEASE_SECONDS)
#: By the database's clock: machines that share it need not agree on the time.
_IS_OVER = Q(expires_at__lt=Now())


def take(page: str, *, holder: str) -> bool:
    """Take a page's lease when nobody has it, or whoever had it is gone; return whether it is ours.

    Two that try at once: one gets it.
    """
    expires_at = Now() + _LEASE
    try:
        with transaction.atomic():
            PageLease.objects.create(page=page, holder=holder, expires_at=expires_at)
        return True
    except IntegrityError:
        pass
    other = PageLease.objects.filter(page=page).annotate(is_over=_IS_OVER).first()
    if other is None or not (other.is_over or is_dead(other.holder)):
        return False
    taken = PageLease.objects.filter(
        page=page, holder=other.holder, expires_at=other.expires_at
    ).update(holder=holder, expires_at=expires_at)
    return bool(taken)


def renew(pages: list[str], *, holder: str) -> None:
    """Keep leases that are still ours."""
    PageLease.objects.filter(page__in=pages, holder=holder).update(expires_at=Now() + _LEASE)


def release(page: str, *, holder: str) -> None:
    """Let go of a lease, if it is still ours."""
    PageLease.objects.filter(page=page, holder=holder).delete()


def is_taken(page: str) -> bool:
    """Return whether somebody who seems to live has a page's lease."""
    lease = PageLease.objects.filter(page=page).exclude(_IS_OVER).first()
    return lease is not None and not is_dead(lease.holder)


def forget_expired() -> int:
    """Delete leases that nobody came back for."""
    return PageLease.objects.filter(expires_at__lt=Now() - timedelta(hours=1)).delete()[0]

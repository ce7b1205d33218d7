"""Attempts at a password: counted, so that nobody guesses one by trying. Floor 3.

And wishes for a new password, each of which calls the mail server.
"""

import hashlib
import ipaddress
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from searches.models import LoginAttempt
from searches.services.turns import take_turn

#: Of one name from one place: a stranger elsewhere must not be able to keep a user out. And of
#: wishes for a new password from one place, whomever they name.
MOST_ATTEMPTS = 10
PERIOD = timedelta(minutes=15)


class TooManyAttempts(Exception):
    """The name was tried too often from this place, or too many new passwords were wished for."""


def begin(username: str, address: str | None) -> str:
    """Count an attempt before the password is looked at, or two at once would be one too many.

    Returns what `succeeded` takes. Raises TooManyAttempts.
    """
    return _count(f"{_place_of(address)}\n{username}")


def count_forgotten(address: str | None) -> None:
    """Count a wish for a new password. Raises TooManyAttempts."""
    _count(f"forgotten\n{_place_of(address)}")


def _count(what: str) -> str:
    digest = hashlib.sha256(what.encode()).hexdigest()
    with transaction.atomic():
        take_turn(f"login {digest}")
        recent = LoginAttempt.objects.filter(digest=digest, at__gt=timezone.now() - PERIOD)
        if recent.count() >= MOST_ATTEMPTS:
            raise TooManyAttempts
        LoginAttempt.objects.create(digest=digest)
    return digest


def _place_of(address: str | None) -> str:
    """Return what counts as one place: of IPv6 the /64, whose addresses a host takes at will."""
    if address is None:
        return ""
    place = ipaddress.ip_address(address)
    if place.version == 4:
        return str(place)
    if place.ipv4_mapped is not None:  # as a server that listens on both says it
        return str(place.ipv4_mapped)
    return str(ipaddress.ip_network((int(place), 64), strict=False))


def succeeded(digest: str) -> None:
    """Forget the attempts that led to a login."""
    LoginAttempt.objects.filter(digest=digest).delete()


def forget_old(*, now: datetime | None = None) -> None:
    """Delete attempts that count no more."""
    LoginAttempt.objects.filter(at__lt=(now or timezone.now()) - PERIOD).delete()

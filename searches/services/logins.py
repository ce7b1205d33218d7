"""Attempts at a password: counted, so that nobody guesses one by trying. Floor 3.

And wishes for a new password, each of which calls the mail server; and new accounts.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from django.db import transaction
from django.utils import timezone

from searches.models import LoginAttempt
from searches.services.turns import take_turn

#: Of one name from one place: a stranger elsewhere must not be able to keep a user out. And of
#: wishes for a new password from one place, whomever they name.
MOST_ATTEMPTS = 10
#: Of one place, whatever the names: one password tried on many. Only where the address is one of
#: the internet's: on loopback, or behind a proxy that is not said to be one (BIDIQ_HTTPS), it is
#: everybody's, and who guesses would lock all out. More than a household or a company, which may
#: share an address, mistypes.
MOST_OF_A_PLACE = 100
#: Accounts made from one place, where the address is one of the internet's.
MOST_SIGN_UPS = 20
PERIOD = timedelta(minutes=15)


class TooManyAttempts(Exception):
    """The name, or names at all, were tried too often from this place, or too many new passwords or
    accounts were wished for."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A password that is looked at."""

    of_name: LoginAttempt
    of_place: LoginAttempt | None


def begin(username: str, address: str | None) -> Attempt:
    """Count an attempt before the password is looked at, or two at once would be one too many.

    Returns what `succeeded` takes. Raises TooManyAttempts.
    """
    place = _place_of(address)
    with transaction.atomic():  # an attempt that is refused is none
        is_one = place is not None and place.is_global
        of_place = _count(f"place\n{place}", most=MOST_OF_A_PLACE) if is_one else None
        of_name = _count(f"{place or ''}\n{username}", most=MOST_ATTEMPTS)
        return Attempt(of_name, of_place)


def count_forgotten(address: str | None) -> None:
    """Count a wish for a new password. Raises TooManyAttempts."""
    _count(f"forgotten\n{_place_of(address) or ''}", most=MOST_ATTEMPTS)


def count_sign_up(address: str | None) -> None:
    """Count an account that is about to be made. Raises TooManyAttempts."""
    place = _place_of(address)
    if place is not None and place.is_global:
        _count(f"sign-up\n{place}", most=MOST_SIGN_UPS)


def _count(what: str, *, most: int) -> LoginAttempt:
    digest = hashlib.sha256(what.encode()).hexdigest()
    with transaction.atomic():
        take_turn(f"login {digest}")
        recent = LoginAttempt.objects.filter(digest=digest, at__gt=timezone.now() - PERIOD)
        if recent.count() >= most:
            raise TooManyAttempts
        return LoginAttempt.objects.create(digest=digest)


def _place_of(address: str | None) -> IPv4Address | IPv6Network | None:
    """Return what counts as one place: of IPv6 the /64, whose addresses a host takes at will."""
    if address is None:
        return None
    place = ip_address(address)
    if isinstance(place, IPv6Address):
        # An IPv4 address may come as a server that listens on both says it.
        return place.ipv4_mapped or IPv6Network((int(place), 64), strict=False)
    return place


def succeeded(attempt: Attempt) -> None:
    """Forget the attempts that led to a login; of the place only this one, which was no guess."""
    LoginAttempt.objects.filter(digest=attempt.of_name.digest).delete()
    if attempt.of_place is not None:
        attempt.of_place.delete()


def forget_old(*, now: datetime | None = None) -> None:
    """Delete attempts that count no more."""
    LoginAttempt.objects.filter(at__lt=(now or timezone.now()) - PERIOD).delete()

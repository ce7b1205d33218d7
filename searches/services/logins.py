"""Attempts to log in: counted, so that nobody guesses a password by trying. Floor 3.

And wishes for a new password, each of which calls the mail server.
"""

import hashlib
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
    return _count(f"{address}\n{username}")


def count_forgotten(address: str | None) -> None:
    """Count a wish for a new password. Raises TooManyAttempts."""
    _count(f"forgotten\n{address}")


def _count(what: str) -> str:
    digest = hashlib.sha256(what.encode()).hexdigest()
    with transaction.atomic():
        take_turn(f"login {digest}")
        recent = LoginAttempt.objects.filter(digest=digest, at__gt=timezone.now() - PERIOD)
        if recent.count() >= MOST_ATTEMPTS:
            raise TooManyAttempts
        LoginAttempt.objects.create(digest=digest)
    return digest


def succeeded(digest: str) -> None:
    """Forget the attempts that led to a login."""
    LoginAttempt.objects.filter(digest=digest).delete()


def forget_old(*, now: datetime | None = None) -> None:
    """Delete attempts that count no more."""
    LoginAttempt.objects.filter(at__lt=(now or timezone.now()) - PERIOD).delete()

"""Attempts to log in: counted, so that nobody guesses a password by trying. Floor 3."""

import hashlib
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from searches.models import LoginAttempt
from searches.services.turns import take_turn

#: Of one name from one place: a stranger elsewhere must not be able to keep a user out.
MOST_ATTEMPTS = 10
PERIOD = timedelta(minutes=15)


class TooManyAttempts(Exception):
    """The name was tried too often from this place."""


def begin(username: str, address: str | None) -> str:
    """Count an attempt before the password is looked at, or two at once would be one too many.

    Returns what `succeeded` takes. Raises TooManyAttempts.
    """
    digest = hashlib.sha256(f"{address}\n{username}".encode()).hexdigest()
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

"""API tokens: made once, shown once, kept as a hash. Floor 3."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from searches.models import ApiToken

PREFIX = "bidiq_"


def create_token(user: User, *, name: str = "") -> str:
    """Make a token and return it; it cannot be shown again."""
    token = PREFIX + secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, name=name, digest=_digest(token))
    return token


def user_of_token(token: str) -> User | None:
    """Return the active user a token belongs to, or None."""
    found = ApiToken.objects.select_related("user").filter(digest=_digest(token)).first()
    if found is None or not found.user.is_active:
        return None
    # Once a minute is exact enough to see that a token is in use. Asked here and not by the
    # UPDATE: one that changes nothing still waits for whoever writes at this moment.
    now = timezone.now()
    if found.last_used_at is None or found.last_used_at < now - timedelta(minutes=1):
        ApiToken.objects.filter(pk=found.pk).update(last_used_at=now)
    user: User = found.user
    return user


def bearer_of(header: str) -> str | None:
    """Return the token of an `Authorization: Bearer TOKEN`; None for any other header.

    Who brings one is a program: its token says whose, and nobody asks from where it comes. A header
    of another scheme is as if there were none: a proxy in front may have asked for it, and browsers
    send what they know of such by themselves, with requests of foreign pages, too.
    """
    scheme, _, token = header.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def bearer_of_scope(scope: Mapping[str, Any]) -> str | None:
    """Return the same of a socket's handshake."""
    header: bytes = dict(scope["headers"]).get(b"authorization", b"")
    return bearer_of(header.decode("latin-1"))


def _digest(token: str) -> str:
    # 256 random bits: a fast hash is enough, there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()

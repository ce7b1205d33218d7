"""Combinations of settings that would fail silently become errors with a number and a way out."""

from typing import Any

from django.conf import settings
from django.core import checks


@checks.register()
def check_runner(**kwargs: Any) -> list[checks.CheckMessage]:
    """E001: a worker process needs PostgreSQL, where its jobs are."""
    if settings.BIDIQ_RUNNER == "worker" and not settings.BIDIQ_ON_POSTGRESQL:
        return [
            checks.Error(
                "BIDIQ_RUNNER=worker needs PostgreSQL.",
                hint="Set DATABASE_URL=postgres://…, or BIDIQ_RUNNER=inline.",
                id="bidiq.E001",
            )
        ]
    return []


@checks.register()
def check_secret_key(**kwargs: Any) -> list[checks.CheckMessage]:
    """W001: machines that share a database must share the key that signs sessions."""
    if settings.BIDIQ_ON_POSTGRESQL and not settings.BIDIQ_SECRET_KEY_GIVEN:
        return [
            checks.Warning(
                "Each machine keeps a SECRET_KEY of its own; sessions would not be shared.",
                hint="Set the same SECRET_KEY (or SECRET_KEY_FILE) on every machine.",
                id="bidiq.W001",
            )
        ]
    return []

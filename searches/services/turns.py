"""Turns: who counts before it writes does both before the next one counts. Floor 3."""

from django.conf import settings
from django.db import connection


def take_turn(what: str) -> None:
    """Wait until no other transaction has this turn, and keep it to the end of the running one.

    On SQLite a transaction waits for the one before anyway; on PostgreSQL those of a turn do.
    """
    if settings.BIDIQ_ON_POSTGRESQL:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"bidiq {what}"]
            )

"""Bringing the database up to date at start, also when several processes start at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import call_command
from django.db import connection

#: Any number that nothing else of ours locks.
_LOCK = 0x62696469


def migrate() -> None:
    """Apply what is missing; whoever comes second waits and finds nothing to do."""
    with _alone():
        call_command("migrate", interactive=False, verbosity=0)


@contextmanager
def _alone() -> Iterator[None]:
    if not settings.BIDIQ_ON_POSTGRESQL:
        yield
        return
    import psycopg

    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory")
    parameters.pop("context")
    # A connection of its own: it goes with the process, and the lock with it.
    with psycopg.connect(**parameters, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        yield

"""Database connections of a pool, while something else than the database is waited for."""

from django.db import connections


def release_connections() -> None:
    """Give this thread's database connections back: what comes next may take long without them.

    A server or a client that keeps us waiting would keep the pool's from everybody else.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()

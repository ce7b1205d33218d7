"""Bringing the database up to date at start, also when several processes start at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import OperationalError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing

#: Any number that nothing else of ours locks.
_LOCK = 0x62696469


def migrate() -> None:
    """Apply what is missing; whoever comes second waits and finds nothing to do.

    Raises CommandError in one line when the database cannot be opened or takes no tables.
    """
    try:
        with _alone():
            call_command("migrate", interactive=False, verbosity=0)
    except (OperationalError, ImproperlyConfigured) as error:
        raise _unreachable(error) from None
    except MigrationSchemaMissing as error:  # no schema, or none in which we may create a table
        raise _unreachable(error.__context__ or error) from None


def _unreachable(error: BaseException) -> CommandError:
    # Only its first line, and no more of the address than the driver says: it has no password.
    why = (str(error).splitlines() or ["?"])[0]
    return CommandError(f"bidiq: DATABASE_URL: o banco de dados não pôde ser aberto: {why}")


@contextmanager
def _alone() -> Iterator[None]:
    if not settings.BIDIQ_ON_POSTGRESQL:
        with _alone_on_this_machine():
            yield
        return
    import psycopg

    parameters = connection.get_connection_params()
    parameters.pop("cursor_factory")
    parameters.pop("context")
    # A connection of its own: it goes with the process, and the lock with it.
    try:
        holder = psycopg.connect(**parameters, autocommit=True)
    except psycopg.Error as error:  # nobody there, or an option that means nothing
        raise _unreachable(error) from None
    with holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        yield


@contextmanager
def _alone_on_this_machine() -> Iterator[None]:
    # A file of its own, locked as SQLite locks: it needs no other means on any system, and a lock
    # goes with its process. In the database itself it would shut out the migrations.
    path = connection.settings_dict["NAME"]
    try:
        # Read first: nothing is put beside a file that is not ours.
        with closing(sqlite3.connect(path, timeout=60)) as database:
            database.execute("PRAGMA schema_version")
        lock = sqlite3.connect(f"{path}.migrating", timeout=60, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        raise _unreachable(error) from None
    with closing(lock):
        yield

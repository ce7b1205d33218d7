"""A session that cannot be saved: who only looks is answered, what must be kept is a 503."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from searches.sessions import RENEWED_KEY, SessionStore
from tests.integration.pages_support import browser

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def unwritable() -> Iterator[None]:
    """Let the database be one that can only be read, as after a failover or on a full disk."""

    def only_read(connection: Any, **kwargs: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = ON")

    connection.close()
    connection_created.connect(only_read)
    try:
        yield
    finally:
        connection_created.disconnect(only_read)
        connection.close()


def test_who_looks_is_answered_by_a_database_that_cannot_be_written() -> None:
    client = browser("alice")
    with unwritable():
        assert client.get("/buscas/").status_code == 200
    assert RENEWED_KEY not in client.session
    assert client.get("/buscas/").status_code == 200
    assert RENEWED_KEY in client.session


def test_what_a_session_must_keep_is_no_mere_look() -> None:
    key = browser("alice").session.session_key
    looked, asked, gone = SessionStore(key), SessionStore(key), SessionStore(key)
    for session in (looked, asked, gone):
        session.renew("2026-01-01")
    asked["said"] = True
    with unwritable():
        looked.save()
        with pytest.raises(OperationalError):
            asked.save()
    assert RENEWED_KEY not in SessionStore(key)
    SessionStore(key).delete()
    with pytest.raises(UpdateError):  # somebody logged out: Django's own answer
        gone.save()

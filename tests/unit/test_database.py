"""Patience with a database that is away."""

import asyncio

import pytest
from django.db import OperationalError

from searches import database
from searches.database import patiently, patiently_here


class Away:
    """A statement that fails a number of times before it is answered."""

    def __init__(self, times: int) -> None:
        self.calls = 0
        self._times = times

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self._times:
            raise OperationalError("gone")
        return "answered"


@pytest.fixture(params=["on the loop", "on a thread"])
def insist(request, monkeypatch):
    """Call patiently, in both ways."""
    if request.param == "on a thread":
        # Of tests before this one on the same thread.
        monkeypatch.setattr(database, "close_old_connections", lambda: None)
        return patiently_here
    return lambda function: asyncio.run(patiently(function))


def test_a_call_that_took_all_the_time_is_made_once_more(insist, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.0)
    assert insist(Away(1)) == "answered"


def test_patience_ends_with_what_the_database_raised(insist, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.25)
    for_good = Away(1000)
    with pytest.raises(OperationalError, match="gone"):
        insist(for_good)
    assert for_good.calls == 3  # pauses of 0.1 and 0.2 s

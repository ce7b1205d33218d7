"""How the parts are, for the pages: nobody is kept waiting by one of them after the other."""

import shutil
import sqlite3
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest
from django.db import connection

from bidiq import condition
from bidiq.condition import Part, State


@pytest.fixture
def worst(settings, monkeypatch):
    """Every part that can be worse, and as much patience as a slow machine needs."""
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    settings.AWS_STORAGE_BUCKET_NAME = "x"
    settings.BIDIQ_RUNNER = "worker"
    monkeypatch.setattr(condition, "STALE_PATIENCE_SECONDS", 3.0)
    monkeypatch.setattr(condition, "PATIENCE_SECONDS", 60.0)  # silence is not taken for an answer

    def use(ask):
        parts = {name: Part(name, ask, lambda: "x") for name in condition.PARTS}
        monkeypatch.setattr(condition, "PARTS", parts)

    return use


def test_after_a_quiet_time_all_parts_are_waited_for_at_once(worst):
    all_asked = threading.Barrier(3)

    def ask() -> State:
        all_asked.wait(10)  # none answers before all three are asked
        return {"state": "down"}

    worst(ask)
    assert len(condition.degraded()) == 3


def test_without_a_quiet_time_nobody_waits(worst):
    worst(lambda: {"state": "down"})
    assert len(condition.degraded()) == 3
    may_answer = threading.Event()

    def ask() -> State:
        assert may_answer.wait(10)
        return {"state": "ok"}

    for part in condition.PARTS.values():
        part._ask = ask
        part._asked_at -= condition.FRESH_SECONDS  # asked anew
    assert len(condition.degraded()) == 3  # by the old answers: the new ones are not there
    may_answer.set()
    for name in ("channel_layer", "storage", "runner"):
        condition.PARTS[name].asking(fresh_seconds=condition.FRESH_SECONDS).result(10)
    assert condition.degraded() == []


@pytest.fixture
def writer(transactional_db):
    """Another process that writes to the database file."""
    path = connection.settings_dict["NAME"]
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


def answer() -> State:
    part = condition.PARTS["database"]
    return Part(part.name, part._ask, part._mode).asking().result(10)


def test_a_database_file_that_stays_locked_is_down_and_a_write_under_way_is_no_alarm(writer):
    before = time.monotonic()
    assert answer() == {"mode": "sqlite", "state": "down"}
    assert time.monotonic() - before < 5  # and not the patience of who writes
    threading.Timer(0.2, writer.rollback).start()
    assert answer() == {"mode": "sqlite", "state": "ok"}


@pytest.mark.django_db(transaction=True)
def test_a_full_disk_is_a_database_that_is_down(monkeypatch):
    assert answer()["state"] == "ok"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=4096))
    assert answer()["state"] == "down"

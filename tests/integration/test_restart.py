"""The server ended in mid-search: the search goes on at the next start, nothing fetched twice."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from searches.domain.lifecycle import MAX_LOSSES
from tests import processes, servers

MIGRATE = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "bidiq.settings"
django.setup()
from bidiq.migrating import migrate
migrate()
"""


def follow(site: processes.Process, path: str, headers: dict[str, str]) -> Iterator[dict]:
    """Poll a search's state until it ends."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status, _, body = site.request("GET", path, headers=headers)
        assert status == 200, body
        state = json.loads(body)
        yield state
        if state["status"] not in ("queued", "running"):
            return
        time.sleep(0.1)  # polling is the door that is tried here
    raise AssertionError("the search did not end")


def pages_stored(path: Path) -> int:
    """Count the ledger's pages in a database that nobody serves at the moment."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        (count,) = database.execute("SELECT COUNT(*) FROM searches_pageread").fetchone()
        return int(count)


def state_stored(path: Path) -> str:
    """Return where the only search stands in a database that nobody serves at the moment."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        (status,) = database.execute("SELECT status FROM searches_search").fetchone()
        return str(status)


@pytest.mark.timeout(120)
def test_a_search_survives_kill_9_of_the_server(tmp_path: Path) -> None:
    with (
        processes.simulator(latency_seconds=0.15) as (source, source_url),
        processes.site(tmp_path, PNCP_BASE_URL=source_url, PNCP_CONCURRENCY="2") as site,
    ):
        headers = {"Authorization": f"Bearer {processes.make_user_token(site)}"}
        asked = {"ufs": ["SP", "RJ", "MG"], "setor_id": "alimentos"}
        status, _, body = site.request("POST", "/api/buscar", body=asked, headers=headers)
        assert status == 202, body
        path = json.loads(body)["status_url"]
        for state in follow(site, path, headers):
            if state["progress"] >= 25:
                break
        site.kill()
        killed_at = len(source.requests)
        in_flight = killed_at - pages_stored(tmp_path / "site.sqlite3")
        site.start()
        *_, ended = follow(site, path, headers)
        assert ended["status"] == "complete", ended
        assert ended["total_raw"] == ended["total_filtrado"] + sum(ended["filter_stats"].values())
        pages = Counter(tuple(sorted(request.params.items())) for request in list(source.requests))
        assert sum(pages.values()) > killed_at > in_flight
        assert sum(count - 1 for count in pages.values()) <= in_flight
        _, found, stream = site.request(
            "GET", path.replace("buscar", "buscar-progress"), headers=headers
        )
        assert found["content-type"] == "text/event-stream"
        told = [
            json.loads(line.removeprefix("data: "))
            for line in stream.decode().splitlines()
            if line.startswith("data: ")
        ]
        assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
        progress = [event["progress"] for event in told]
        assert progress == sorted(progress)
        assert told[-1]["stage"] == "complete"
        status, found, data = site.request("GET", ended["download_url"], headers=headers)
        assert status == 200
        assert data[:2] == b"PK"


@pytest.mark.timeout(120)
def test_ordinary_restarts_do_not_count_against_a_search(tmp_path: Path) -> None:
    restarts = MAX_LOSSES + 1
    with (
        processes.simulator(latency_seconds=0.2) as (source, source_url),
        processes.site(tmp_path, PNCP_BASE_URL=source_url, PNCP_CONCURRENCY="2") as site,
    ):
        headers = {"Authorization": f"Bearer {processes.make_user_token(site)}"}
        asked = {"ufs": ["SP", "RJ", "MG", "BA"], "setor_id": "alimentos"}
        status, _, body = site.request("POST", "/api/buscar", body=asked, headers=headers)
        assert status == 202, body
        path = json.loads(body)["status_url"]
        for _ in range(restarts):
            before = len(source.requests)
            for state in follow(site, path, headers):
                assert state["status"] in ("queued", "running"), state
                if len(source.requests) >= before + 4:
                    break
            stopped_at = time.monotonic()
            site.stop()
            assert time.monotonic() - stopped_at < 10
            cut_off = len(source.requests) - pages_stored(tmp_path / "site.sqlite3")
            assert state_stored(tmp_path / "site.sqlite3") == "queued"
            site.start()
        *_, ended = follow(site, path, headers)
        assert ended["status"] == "complete", ended
        pages = Counter(tuple(sorted(request.params.items())) for request in list(source.requests))
        assert sum(count - 1 for count in pages.values()) <= cut_off <= 2 * restarts


@pytest.mark.timeout(120)
def test_one_machine_moves_its_files_to_the_bucket_when_that_is_back(tmp_path: Path) -> None:
    with (
        servers.object_store() as store,
        processes.simulator() as (_, source_url),
        processes.site(tmp_path, PNCP_BASE_URL=source_url, **store.environment) as site,
    ):
        headers = {"Authorization": f"Bearer {processes.make_user_token(site)}"}
        store.stop()
        asked = {"ufs": ["AC"], "setor_id": "alimentos"}
        _, _, body = site.request("POST", "/api/buscar", body=asked, headers=headers)
        path = json.loads(body)["status_url"]
        *_, ended = follow(site, path, headers)
        assert ended["storage"] == "database"
        store.start()
        site.stop()
        site.start()  # its first round comes soon after the start
        deadline = time.monotonic() + 30
        while ended["storage"] == "database" and time.monotonic() < deadline:
            *_, ended = follow(site, path, headers)
            time.sleep(0.1)  # nobody outside is told of a promotion
        assert ended["storage"] == "object_storage"
        status, answer, _ = site.request("GET", ended["download_url"], headers=headers)
        assert (status, answer["location"].startswith(store.url)) == (302, True)


@pytest.mark.timeout(120)
def test_a_demonstration_fetches_nothing_twice_whatever_the_port_of_its_simulator(
    tmp_path: Path,
) -> None:
    last = datetime.now(UTC).date() - timedelta(days=8)
    asked = {
        "ufs": ["SP"], "setor_id": "alimentos", "modalidades": [6],
        "data_inicial": (last - timedelta(days=1)).isoformat(), "data_final": last.isoformat(),
    }  # fmt: skip
    found = []
    with processes.site(tmp_path, command=("serve", "--demo"), BIDIQ_DEMO="1") as site:
        headers = {"Authorization": f"Bearer {processes.make_user_token(site)}"}
        for _ in range(2):
            status, _, body = site.request("POST", "/api/buscar", body=asked, headers=headers)
            assert status == 202, body
            *_, ended = follow(site, json.loads(body)["status_url"], headers)
            assert ended["status"] == "complete", ended
            found.append((ended["total_raw"], ended["cobertura"]["SP"]["do_acervo"]))
            assert "fonte: simulador do PNCP (demonstração)" in site.log
            site.stop()
            site.command = ["serve"]  # the variable alone says as much
            site.start()
    (read, from_store), (read_again, from_store_again) = found
    assert (from_store, read_again, from_store_again) == (0, read, read)
    assert read > 0


def test_the_demonstration_ends_whole_when_it_is_killed(tmp_path: Path) -> None:
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path / 'demo.sqlite3'}", "SECRET_KEY": "test"}
    port = processes.free_port()
    with subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--demo", "--port", str(port)],
        cwd=processes.ROOT,
        env=processes.environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        try:
            assert demo.stdout is not None
            assert any("bidiq em http" in line for line in demo.stdout)
        finally:
            demo.kill()
        # Who else were left would have its errors' pipe, which closes with the last of them.
        demo.communicate(timeout=30)
    assert demo.returncode == -signal.SIGKILL


def test_two_starts_at_once_migrate_one_after_the_other(tmp_path: Path) -> None:
    """The site and a first search in a terminal, on a new machine."""
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path / 'new.sqlite3'}", "SECRET_KEY": "test"}
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE],
            cwd=processes.ROOT,
            env=processes.environment(**variables),
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for start in starts:
        _, errors = start.communicate(timeout=120)
        assert start.returncode == 0, errors

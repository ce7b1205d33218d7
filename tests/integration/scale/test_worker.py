"""Workers on PostgreSQL: the whole way, given back, killed, silent, restarted."""

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests import processes
from tests.integration.scale.cluster import Cluster, Worker, until, whole

pytestmark = pytest.mark.timeout(180)

#: Slow enough to be met in the middle: about 30 pages, two at a time.
SLOW: dict[str, Any] = {"source": {"latency_seconds": 0.3}, "PNCP_CONCURRENCY": "2"}


def stored_pages(cluster: Cluster) -> int:
    return int(cluster.row("SELECT count(*) FROM searches_pageread")[0])


def in_the_middle(cluster: Cluster, search_id: str, *, pages: int = 4) -> None:
    """Wait until a search has stored some pages."""
    until(lambda: stored_pages(cluster) >= pages, what="pages stored")
    assert cluster.state(search_id)[0] == "running"


def holder(cluster: Cluster, search_id: str, workers: list[Worker]) -> tuple[Worker, Worker]:
    """Return the worker that has a search, and the other one."""
    name = until(lambda: cluster.state(search_id)[2])
    pid = int(name.split(":")[1])
    one, two = workers
    return (one, two) if one.pid == pid else (two, one)


def test_a_search_asked_of_one_instance_is_watched_on_another(installation, valkey) -> None:
    with installation(redis_url=valkey.url) as cluster:
        web, other = cluster.web(), cluster.web()
        cluster.worker()
        search_id = cluster.ask(web)
        status, headers, body = other.request(
            "GET", f"/api/buscar-progress/{search_id}", headers=cluster.headers
        )
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        told = [
            json.loads(line.removeprefix("data: "))
            for line in body.decode().splitlines()
            if line.startswith("data: ")
        ]
        whole(told)
        assert told == cluster.events(search_id)
        assert told[-1]["stage"] == "complete", told[-1]
        status, _, data = other.request(
            "GET", f"/api/download?id={search_id}", headers=cluster.headers
        )
        assert (status, data[:2]) == (200, b"PK")
        until(lambda: cluster.row("SELECT count(*) FROM procrastinate_jobs") == (0,))


def test_a_killed_workers_search_goes_on_elsewhere_from_its_pages(
    installation, valkey, measured: Callable[[str], None]
) -> None:
    with installation(redis_url=valkey.url, **SLOW) as cluster:
        web, workers = cluster.web(), [cluster.worker(), cluster.worker()]
        search_id = cluster.ask(web)
        victim, _ = holder(cluster, search_id, workers)
        in_the_middle(cluster, search_id)
        victim.kill()
        killed_at = time.monotonic()
        until(lambda: cluster.state(search_id)[1] == 2, seconds=20, what="the second attempt")
        measured(f"taken over after {time.monotonic() - killed_at:.1f} s")
        assert cluster.ended(search_id) == "complete"
        whole(cluster.events(search_id))
        # Two requests were under way when it was killed; nothing else is asked again.
        asked = cluster.pages()
        assert sum(count - 1 for count in asked.values()) <= 2, asked
        assert max(asked.values()) <= 2


#: What a worker does when it records, and then nothing more: the row is locked, the commit is due.
IN_A_TRANSACTION = """
import os, signal, sys
import django
django.setup()
from django.db import transaction
from searches.models import Search
with transaction.atomic():
    print(len(Search.objects.select_for_update(skip_locked=True).filter(pk=sys.argv[1])))
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextlib.contextmanager
def row_held_by_a_frozen_process(cluster: Cluster, search_id: str) -> Iterator[None]:
    """Hold a search's row as a worker does that freezes in the middle of recording.

    When the worker itself was frozen there, the row is held already.
    """
    frozen = subprocess.Popen(
        [sys.executable, "-c", IN_A_TRANSACTION, search_id],
        cwd=processes.ROOT,
        env=processes.environment(**cluster.variables, DJANGO_SETTINGS_MODULE="bidiq.settings"),
        stdout=subprocess.PIPE,
    )
    try:
        assert frozen.stdout is not None
        assert frozen.stdout.readline().strip() in (b"0", b"1")
        yield
    finally:
        frozen.kill()
        frozen.communicate()


def test_a_silent_workers_search_is_given_back_and_it_stops_quietly(installation, valkey) -> None:
    with installation(redis_url=valkey.url, **SLOW) as cluster:
        web, workers = cluster.web(), [cluster.worker(), cluster.worker()]
        search_id = cluster.ask(web)
        victim, _ = holder(cluster, search_id, workers)
        in_the_middle(cluster, search_id)
        victim.freeze()
        with row_held_by_a_frozen_process(cluster, search_id):
            until(lambda: cluster.state(search_id)[1] == 2, seconds=20, what="the second attempt")
        victim.thaw()
        assert cluster.ended(search_id) == "complete"
        whole(cluster.events(search_id))
        until(lambda: "stopping quietly" in victim.log, seconds=20)
        assert "Traceback" not in victim.log


def test_sigterm_gives_back_what_does_not_end_in_time(installation, valkey) -> None:
    with installation(redis_url=valkey.url, **SLOW) as cluster:
        web = cluster.web()
        first = Worker(cluster.variables, cluster.directory, options=("--espera", "0.5"))
        cluster.stack.callback(first.stop, signal.SIGKILL)
        first.start()
        search_id = cluster.ask(web)
        in_the_middle(cluster, search_id)
        assert first.stop(signal.SIGTERM) == 0
        assert cluster.state(search_id)[:3] == ("queued", 1, "")
        jobs = cluster.rows("SELECT status, queueing_lock FROM procrastinate_jobs")
        assert jobs == [("todo", f"search:{search_id.replace('-', '')}")]
        asked_before = cluster.pages().total()
        cluster.worker()
        assert cluster.ended(search_id) == "complete"
        whole(cluster.events(search_id))
        assert asked_before > 2
        assert sum(count - 1 for count in cluster.pages().values()) <= 2


def test_sigterm_lets_a_short_search_end(installation, valkey) -> None:
    with installation(redis_url=valkey.url, **SLOW) as cluster:
        web, worker = cluster.web(), cluster.worker()
        search_id = cluster.ask(web, ufs=["AC"])
        until(lambda: cluster.state(search_id)[0] == "running")
        assert worker.stop(signal.SIGTERM) == 0
        assert cluster.state(search_id)[:2] == ("complete", 1)


def test_a_search_ends_right_when_postgresql_restarts_in_the_middle(
    installation, valkey, postgresql
) -> None:
    with installation(redis_url=valkey.url, **SLOW) as cluster:
        web, worker = cluster.web(), cluster.worker()
        search_id = cluster.ask(web)
        in_the_middle(cluster, search_id)
        postgresql.stop()
        status, _, body = web.request("GET", "/readyz")
        assert status == 503
        assert json.loads(body)["database"]["state"] == "down"
        postgresql.start()
        assert cluster.ended(search_id) == "complete"
        assert cluster.state(search_id)[1] == 1
        whole(cluster.events(search_id))
        assert max(cluster.pages().values()) == 1
        # The worker found its queue again, without a new process.
        assert cluster.ended(cluster.ask(web, ufs=["AC"]), seconds=30) == "complete"
        assert worker.popen is not None
        assert worker.popen.poll() is None


def test_a_worker_ends_when_it_is_told_to_while_postgresql_is_away(
    installation, postgresql
) -> None:
    with installation() as cluster:
        workers = [cluster.worker(), cluster.worker()]
        known = "SELECT count(*) FROM procrastinate_workers"
        until(lambda: cluster.row(known) == (2,), what="both wait for jobs")
        at_work, looking = workers
        postgresql.stop()
        try:
            # One that does not know yet, and one that has begun to look for its queue again.
            assert at_work.stop(signal.SIGTERM, seconds=20) == 0
            until(lambda: "the queue is away" in looking.log)
            assert looking.stop(signal.SIGTERM, seconds=20) == 0
        finally:
            postgresql.start()


def test_a_search_that_lost_its_job_is_found(installation, valkey) -> None:
    with installation(redis_url=valkey.url) as cluster:
        web = cluster.web()
        search_id = cluster.ask(web)
        removed = cluster.rows("DELETE FROM procrastinate_jobs RETURNING queueing_lock")
        assert removed == [(f"search:{search_id.replace('-', '')}",)]
        cluster.worker()
        assert cluster.ended(search_id, seconds=30) == "complete"
        assert cluster.state(search_id)[1] == 1


def test_a_worker_refuses_sqlite_in_one_line(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "worker"],
        cwd=processes.ROOT,
        env=processes.environment(DATABASE_URL=f"sqlite:///{tmp_path}/x.sqlite3", SECRET_KEY="x"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "DATABASE_URL=postgres://" in done.stderr

"""A thousand open streams hold no database connection; a search starts at once."""

import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from tests.integration.scale.cluster import Cluster, until
from tests.integration.scale.watching import Watcher

pytestmark = pytest.mark.timeout(240)
STREAMS = 1000


def connections(cluster: Cluster) -> tuple[int, int]:
    """Return how many clients the database has but for the one that asks, and how many work."""
    count, busy = cluster.row(
        "SELECT count(*), count(*) FILTER (WHERE state <> 'idle') FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND datname = current_database() "
        "AND pid <> pg_backend_pid()"
    )
    return count, busy


def open_stream(cluster: Cluster, port: int, search_id: str) -> socket.socket:
    """Ask for a search's events and leave the answer on the wire."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=60)
    lines = [
        f"GET /api/buscar-progress/{search_id} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        *(f"{name}: {value}" for name, value in cluster.headers.items()),
    ]
    stream.sendall("\r\n".join([*lines, "", ""]).encode())
    return stream


def first_event(stream: socket.socket) -> None:
    heard = b""
    while b"data: " not in heard:
        piece = stream.recv(4096)
        assert piece, heard
        heard += piece
    assert heard.startswith(b"HTTP/1.1 200")


def test_a_thousand_streams_hold_no_database_connection(
    installation, valkey, measured: Callable[[str], None]
) -> None:
    with installation(redis_url=valkey.url) as cluster, ExitStack() as open_streams:
        web = cluster.web(BIDIQ_DATABASE_POOL_SIZE="5")
        # Nobody runs them: they stay in the queue, and their streams open.
        searches = [cluster.ask(web) for _ in range(10)]
        streams = [
            open_streams.enter_context(open_stream(cluster, web.port, searches[number % 10]))
            for number in range(STREAMS)
        ]
        for stream in streams:
            first_event(stream)

        def at_rest() -> bool:
            # The server takes a moment to forget who left, this question's last asker among them.
            count, busy = connections(cluster)
            return busy == 0 and count <= 5

        # What is there belongs to the pool, which is smaller than the streams by far.
        until(at_rest, what="no connections but for the pool's, none at work")
        assert web.popen is not None
        with open(f"/proc/{web.popen.pid}/status") as lines:
            facts = {name: value.strip() for name, _, value in (x.partition(":") for x in lines)}
        measured(
            f"{STREAMS} streams: {connections(cluster)[0]} database connections in the pool, "
            f"{facts['Threads']} threads, {facts['VmRSS']} of memory"
        )
        began_at = time.monotonic()
        status, _, _ = web.request("GET", "/api/setores")
        assert status == 200
        assert time.monotonic() - began_at < 10


def test_the_first_event_of_a_worker_comes_soon(
    installation, valkey, measured: Callable[[str], None]
) -> None:
    with installation(redis_url=valkey.url) as cluster:
        web, worker = cluster.web(), cluster.worker()
        until(worker.is_up)
        until(lambda: json.loads(web.request("GET", "/readyz")[2])["runner"]["state"] == "ok")
        taken = []
        for _ in range(5):
            search_id = cluster.ask(web, ufs=["AC"])
            watcher = Watcher(cluster, [web], search_id, kind="sse")
            watcher.start()
            cluster.ended(search_id)
            watcher.join(30)
            asked_at, claimed_at = cluster.row(
                "SELECT min(at) FILTER (WHERE stage = 'queued'), "
                "min(at) FILTER (WHERE stage = 'connecting') "
                "FROM searches_searchevent WHERE search_id = %s",
                search_id,
            )
            assert [event["stage"] for event in watcher.events[:2]] == ["queued", "connecting"]
            taken.append((claimed_at - asked_at).total_seconds() * 1000)
        measured(f"POST to the worker's first event: {min(taken):.0f} to {max(taken):.0f} ms")

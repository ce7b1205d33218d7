"""Redis, S3 and PostgreSQL away: the site says so, answers at once, and comes back by itself."""

import json
import time
from collections.abc import Callable
from queue import Queue
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from bidiq import condition
from bidiq.condition import Part, State
from tests import processes, servers
from tests.integration.scale.cluster import until, whole
from tests.integration.scale.watching import Watcher

pytestmark = pytest.mark.timeout(180)


def states(web: processes.Process) -> tuple[int, dict[str, str], float]:
    """Return /readyz: status, part -> state, and the seconds it took."""
    began_at = time.monotonic()
    status, _, body = web.request("GET", "/readyz")
    parts: dict[str, dict[str, Any]] = json.loads(body)
    return (
        status,
        {name: str(part["state"]) for name, part in parts.items()},
        time.monotonic() - began_at,
    )


def test_a_search_is_watched_to_its_end_while_redis_goes_and_comes(installation) -> None:
    slow = {"source": {"latency_seconds": 0.3}, "PNCP_CONCURRENCY": "2"}
    with servers.valkey() as valkey, installation(redis_url=valkey.url, **slow) as cluster:
        web, other = cluster.web(), cluster.web()
        worker = cluster.worker()
        until(worker.is_up)
        until(lambda: states(web)[1]["runner"] == "ok")
        search_id = cluster.ask(web)
        watchers = [
            Watcher(cluster, [other], search_id, kind=kind) for kind in ("sse", "websocket")
        ]
        for watcher in watchers:
            watcher.start()
        until(lambda: all(len(watcher.events) >= 3 for watcher in watchers))
        valkey.stop()
        told = [len(watcher.events) for watcher in watchers]
        assert states(web)[:2] == (
            200,
            {"database": "ok", "channel_layer": "down", "storage": "ok", "runner": "ok"},
        )
        pages = until(lambda: b"Redis fora do ar" in web.request("GET", "/")[2], seconds=20)
        assert pages
        until(lambda: all(len(w.events) > n for w, n in zip(watchers, told, strict=True)))
        valkey.start()
        until(lambda: states(web)[1]["channel_layer"] == "ok")
        assert cluster.ended(search_id) == "complete"
        for watcher in watchers:
            watcher.join(30)
            assert watcher.events == cluster.events(search_id)
            assert watcher.connections == 1  # nobody was cut
        whole(watchers[0].events)
        until(lambda: b"Redis fora do ar" not in web.request("GET", "/")[2], seconds=20)
        assert cluster.state(search_id)[1] == 1
        warnings = [line for line in worker.log.splitlines() if " WARNING searches.live" in line]
        assert 1 <= len(warnings) <= 2
        assert "Traceback" not in worker.log + web.log + other.log


def test_readyz_answers_at_once_with_every_part_away(tmp_path, template) -> None:
    """Hanging is worse than refusing: the servers take connections and say nothing."""
    with servers.silent_server() as address:
        host = address.removeprefix("http://")
        variables = {
            "SECRET_KEY": "test",
            "REDIS_URL": f"redis://{host}/0",
            "AWS_STORAGE_BUCKET_NAME": "x",
            "AWS_S3_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "x",
            "AWS_SECRET_ACCESS_KEY": "x",
            "DATABASE_URL": template.copy(),
        }
        web = processes.Process(["serve"], variables, tmp_path)
        try:
            web.start()
            status, parts, seconds = states(web)
            assert (status, parts["database"]) == (200, "ok")
            assert parts["channel_layer"] == parts["storage"] == "down"
            assert parts["runner"] == "no_workers"
            assert seconds < 5
            with psycopg.connect(template.server.url) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname IS NOT NULL AND pid <> pg_backend_pid()"
                )
            template.server.pause()  # no new connection is answered
            status, parts, seconds = states(web)
            assert (status, parts["database"]) == (503, "down")
            assert seconds < 5
            assert web.request("GET", "/healthz")[0] == 200
        finally:
            template.server.resume()
            web.kill()


def test_sockets_say_that_the_database_is_away(installation, postgresql) -> None:
    with installation() as cluster:
        web = cluster.web()  # and no worker: the search waits, and its sockets stay open
        address = f"ws://127.0.0.1:{web.port}/ws/buscas/{cluster.ask(web)}/"
        mine = {"Cookie": f"sessionid={cluster.session}"}
        program = cluster.headers
        with connect(address, origin=Origin(web.url), additional_headers=mine) as socket:
            assert json.loads(socket.recv(10))["seq"] == 1
            postgresql.stop()
            try:
                for headers in (mine, program):
                    with pytest.raises(InvalidStatus) as refused:
                        connect(
                            address,
                            origin=Origin(web.url),
                            additional_headers=headers,
                            open_timeout=20,
                        )
                    answer = refused.value.response
                    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
                socket.send(json.dumps({"type": "sync", "after": 0}))
                with pytest.raises(ConnectionClosed):
                    socket.recv(20)
                assert socket.close_code == 4503
            finally:
                postgresql.start()
        assert web.log.count("a socket met a database that is away") == 3
        assert "Traceback" not in web.log


def test_connections_that_die_without_a_word_are_replaced(
    installation, postgresql, measured: Callable[[str], None]
) -> None:
    """As when a database's machine loses its power, and another one takes its address."""
    with installation() as cluster, servers.wire(postgresql) as wire:
        address = cluster.database_url.replace(f":{postgresql.port}/", f":{wire.port}/")
        web, worker = cluster.web(DATABASE_URL=address), cluster.worker(DATABASE_URL=address)
        assert cluster.ended(cluster.ask(web, ufs=["AC"])) == "complete"
        until(lambda: states(web)[1]["runner"] == "ok")
        wire.cut()
        cut_at = time.monotonic()
        mine = {"Cookie": f"sessionid={cluster.session}"}
        until(lambda: web.request("GET", "/buscas/", headers=mine)[0] == 200, seconds=40)
        measured(f"the site answers {time.monotonic() - cut_at:.1f} s after its connections died")
        assert cluster.ended(cluster.ask(web, ufs=["AL"]), seconds=40) == "complete"
        measured(f"a worker takes searches {time.monotonic() - cut_at:.1f} s after")
        assert worker.popen is not None
        assert worker.popen.poll() is None
        until(lambda: set(states(web)[1].values()) == {"ok"}, seconds=20)


def test_a_part_that_hangs_is_asked_by_another_thread_and_is_down_until_it_answers(
    monkeypatch,
) -> None:
    answers: Queue[State] = Queue()
    part = Part("x", answers.get, lambda: "x")
    answers.put({"mode": "x", "state": "ok"})
    assert part.asking().result(10)["state"] == "ok"
    late = part.asking()
    assert part.asking() is late
    monkeypatch.setattr(condition, "HANGING_SECONDS", 0.0)
    new = part.asking()
    monkeypatch.undo()
    assert new is not late
    assert part.known() == {"mode": "x", "state": "down"}
    for state in ("first", "second"):
        answers.put({"mode": "x", "state": state})
    assert {late.result(10)["state"], new.result(10)["state"]} == {"first", "second"}
    assert part.known() == new.result()

"""Redis, S3 and PostgreSQL away: the site says so, answers at once, and comes back by itself."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from queue import Queue
from typing import Any

import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from bidiq import condition
from bidiq.condition import Part, State
from tests import processes, servers, wires
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


def hang(postgresql: servers.PostgreSQL) -> None:
    """Have no connection answered, new or old."""
    with psycopg.connect(postgresql.url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname IS NOT NULL AND pid <> pg_backend_pid()"
        )
    postgresql.pause()


@pytest.fixture
def store() -> Iterator[servers.ObjectStore]:
    with servers.object_store() as server:
        yield server


def stored_report(cluster, web) -> str:
    """Run a search to its end and return the address of its file, which is in the bucket."""
    search_id = cluster.ask(web, ufs=["AC"])
    assert cluster.ended(search_id) == "complete"
    assert cluster.events(search_id)[-1]["detail"]["storage"] == "object_storage"
    return f"/api/download?id={search_id}"


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
    with wires.silent_server() as address:
        host = address.removeprefix("http://")
        variables = {
            "SECRET_KEY": "test",
            "REDIS_URL": f"redis://{host}/0",
            "AWS_STORAGE_BUCKET_NAME": "excel",
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
            hang(template.server)
            status, parts, seconds = states(web)
            assert (status, parts["database"]) == (503, "down")
            assert seconds < 5
            assert web.request("GET", "/healthz")[0] == 200
        finally:
            template.server.resume()
            web.kill()


def test_uploads_that_hang_stop_no_other_search_and_no_cancel(installation, store) -> None:
    with wires.uploads_hang(store) as door, installation(**store.environment) as cluster:
        door.is_open = True
        cluster.variables["AWS_S3_ENDPOINT_URL"] = door.url
        cluster.variables["BIDIQ_SEARCHES_AT_ONCE"] = "18"  # nine are one owner's
        web, worker = cluster.web(), cluster.worker()
        until(worker.is_up)
        stored_report(cluster, web)
        door.is_open = False
        searches = [cluster.ask(web, ufs=[uf]) for uf in ("SP", "RJ", "MG", "BA", "PR", "RS")]
        searches += [cluster.ask(web, ufs=[uf]) for uf in ("GO", "SC")]
        assert door.uploads.acquire(timeout=30)
        until(lambda: all(stage(cluster, each) == "excel" for each in searches))

        began_at = time.monotonic()
        other = cluster.ask(web, ufs=["RO"])
        until(lambda: stage(cluster, other) == "excel", seconds=8)
        path = f"/api/buscar/{searches[0]}/cancelar"
        assert web.request("POST", path, headers=cluster.headers)[0] == 202
        assert cluster.ended(searches[0], seconds=6) == "cancelled"

        assert {cluster.ended(each) for each in [*searches[1:], other]} == {"complete"}
        assert time.monotonic() - began_at < 25  # one timeout, not one after the other
        began_at = time.monotonic()
        assert cluster.ended(cluster.ask(web, ufs=["AM"])) == "complete"
        assert time.monotonic() - began_at < 8
        waiting = "SELECT DISTINCT fallback_reason FROM exports_artifact WHERE storage = 'database'"
        assert cluster.rows(waiting) == [("timeout",)]


def stage(cluster, search_id: str) -> str:
    """Return what was told last of a search."""
    return cluster.events(search_id)[-1]["stage"]


def test_downloads_from_a_storage_that_hangs_leave_the_site_to_others(installation, store) -> None:
    with installation(**store.environment) as cluster, ThreadPoolExecutor(14) as clicks:
        web = cluster.web()
        cluster.worker()
        path = stored_report(cluster, web)
        store.pause()
        try:
            asked = [
                clicks.submit(web.request, "GET", path, headers=cluster.headers) for _ in range(14)
            ]
            until(lambda: any(click.done() for click in asked))  # those for whom there is no room
            status, _, _ = web.request(
                "GET", path.replace("download?id=", "buscar/"), headers=cluster.headers
            )
            assert status == 200
            assert states(web)[1]["database"] == "ok"
            assert not all(click.done() for click in asked)
            answers = [click.result() for click in asked]
        finally:
            store.resume()
        assert {status for status, _, _ in answers} == {503}
        assert all(int(headers["retry-after"]) > 0 for _, headers, _ in answers)


def test_a_pool_in_use_to_the_last_is_no_database_that_is_down(installation) -> None:
    with installation() as cluster, ThreadPoolExecutor(4) as clicks:
        web = cluster.web(BIDIQ_DATABASE_POOL_SIZE="2")
        path = f"/api/buscar/{cluster.ask(web)}"
        with psycopg.connect(cluster.database_url) as locking:
            locking.execute("LOCK TABLE searches_search")
            asked = [
                clicks.submit(web.request, "GET", path, headers=cluster.headers) for _ in range(4)
            ]
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            until(lambda: cluster.row(waits)[0] > 0, what="the pool in use")
            status, parts, _ = states(web)
            assert (status, parts["database"], parts["storage"]) == (200, "ok", "ok")
        assert {click.result()[0] for click in asked} <= {200, 503}


def test_a_mail_server_that_hangs_leaves_the_database_to_others(installation) -> None:
    with installation() as cluster, ThreadPoolExecutor(6) as clicks:
        with wires.silent_server() as url:
            web = cluster.web(
                BIDIQ_DATABASE_POOL_SIZE="2", EMAIL_URL=url.replace("http://", "smtp://")
            )
            asked = [clicks.submit(forget, web) for _ in range(6)]
            busy = "SELECT count(*) FROM searches_loginattempt"
            until(lambda: cluster.row(busy) == (6,), what="six who wait")
            status, _, _ = web.request("GET", "/buscas/", headers=cluster.headers)
            assert status == 200
            assert not any(click.done() for click in asked)
        assert {click.result() for click in asked} == {503}


def forget(web: processes.Process) -> int:
    """Ask for a new password as a browser does; return the status of the answer."""
    csrf, body = "a" * 32, "email=alice%40empresa.example"
    headers = {
        "Cookie": f"csrftoken={csrf}",
        "X-CSRFToken": csrf,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    with contextlib.closing(HTTPConnection("127.0.0.1", web.port, timeout=60)) as client:
        client.request("POST", "/contas/senha/esquecida/", body, headers)
        return client.getresponse().status


@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_the_storage_is_not_down_because_postgresql_is(
    installation, postgresql, store, how
) -> None:
    with installation(**store.environment) as cluster:
        web = cluster.web()
        cluster.worker()
        stored_report(cluster, web)
        assert states(web)[1]["storage"] == "ok"
        if how == "refuses":
            postgresql.stop()
        else:
            hang(postgresql)
        try:
            status, parts, _ = states(web)
        finally:
            postgresql.resume() if how == "hangs" else postgresql.start()
        assert (status, parts["database"], parts["storage"]) == (503, "down", "ok")


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
    with installation() as cluster, wires.wire(postgresql) as wire:
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

"""Workers on PostgreSQL: the whole way, given back, killed, restarted."""

import json

import pytest

from tests.integration.scale.cluster import whole

pytestmark = pytest.mark.timeout(150)


def test_a_search_asked_of_the_site_is_run_by_a_worker(installation, valkey) -> None:
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
        assert cluster.row("SELECT count(*) FROM procrastinate_jobs") == (0,)

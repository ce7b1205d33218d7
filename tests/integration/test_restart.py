"""The server killed in mid-search: the search goes on at the next start, nothing fetched twice."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import processes


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
        site.start()
        *_, ended = follow(site, path, headers)
        assert ended["status"] == "complete", ended
        assert ended["total_raw"] == ended["total_filtrado"] + sum(ended["filter_stats"].values())
        pages = Counter(tuple(sorted(request.params.items())) for request in list(source.requests))
        assert killed_at > 2
        assert sum(pages.values()) > killed_at
        assert sum(count - 1 for count in pages.values()) <= 2  # the requests in flight
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

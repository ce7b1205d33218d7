"""The socket over a real server: handshakes refused with 404, events the same as by SSE."""

import json
from http.cookies import SimpleCookie
from pathlib import Path
from uuid import uuid4

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests import processes
from tests.integration.conftest import record


def browser_headers(site: processes.Process) -> dict[str, str]:
    """Open the form as a browser does; return the headers of its later requests."""
    _, headers, _ = site.request("GET", "/")
    csrf = SimpleCookie(headers["set-cookie"])["csrftoken"].value
    return {"Cookie": f"csrftoken={csrf}", "X-CSRFToken": csrf}


@pytest.mark.timeout(120)
def test_a_socket_tells_what_the_stream_tells_and_strangers_meet_404(tmp_path: Path) -> None:
    records = [record(n, uf=("SP", "RJ")[n % 2]) for n in range(1, 239)]
    with (
        processes.simulator(records) as (_, url),
        processes.site(tmp_path, PNCP_BASE_URL=url) as site,
    ):
        headers = browser_headers(site)
        asked = {
            "ufs": ["SP", "RJ"], "setor_id": "alimentos", "data_inicial": "2026-08-01",
            "data_final": "2026-08-20",
        }  # fmt: skip
        status, answered, body = site.request("POST", "/api/buscar", body=asked, headers=headers)
        assert status == 202, body
        session = SimpleCookie(answered["set-cookie"])["sessionid"].value
        mine = {"Cookie": f"sessionid={session}"}
        accepted = json.loads(body)
        with connect(
            accepted["ws_url"], origin=Origin(site.url), additional_headers=mine
        ) as socket:
            told = [json.loads(message) for message in socket]
        assert socket.close_code == 1000
        _, _, stream = site.request("GET", accepted["progress_url"], headers=mine)
        lines = stream.decode().splitlines()
        assert told == [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
        assert told[-1]["stage"] == "complete"
        assert told[-1]["detail"]["total_raw"] == 238
        polling = f"/buscas/{accepted['search_id']}/eventos.json?after=2"
        _, _, polled = site.request("GET", polling, headers=mine)
        assert json.loads(polled)["events"] == told[2:]
        root = accepted["ws_url"].rpartition("/ws/")[0]
        for address, origin, extra in (
            (accepted["ws_url"], site.url, {}),
            (accepted["ws_url"], "http://evil.example", mine),
            (accepted["ws_url"], None, mine),
            (accepted["ws_url"], "http://127.0.0.1:9", mine),  # another program of this machine
            (f"{root}/ws/buscas/{uuid4()}/", site.url, mine),
            (f"{root}/ws/nothing/", site.url, mine),
        ):
            with pytest.raises(InvalidStatus) as refused:
                connect(
                    address, origin=Origin(origin) if origin else None, additional_headers=extra
                )
            assert refused.value.response.status_code == 404

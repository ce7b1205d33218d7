"""Clients that watch a search as browsers do: they come back with what they have, elsewhere."""

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.typing import Origin

from tests import processes
from tests.integration.scale.cluster import OVER, Cluster

TROUBLE = (OSError, http.client.HTTPException, WebSocketException, TimeoutError)
#: A heartbeat comes every 15 s; a stream silent for longer is dead.
SILENCE_SECONDS = 25


class Watcher(threading.Thread):
    """Follows a search over SSE or WebSocket until its end, on one instance after another."""

    def __init__(
        self, cluster: Cluster, webs: Sequence[processes.Process], search_id: str, *, kind: str
    ) -> None:
        super().__init__(daemon=True, name=f"{kind}-{search_id}")
        self.search_id = search_id
        self.kind = kind
        self.events: list[dict[str, Any]] = []
        self.connections = 0
        self.stopped = threading.Event()
        self._cluster = cluster
        self._webs = list(webs)

    @property
    def is_over(self) -> bool:
        return bool(self.events) and self.events[-1]["stage"] in OVER

    def run(self) -> None:
        stream = self._sse if self.kind == "sse" else self._websocket
        while not self.is_over and not self.stopped.is_set():
            web = self._webs[self.connections % len(self._webs)]
            self.connections += 1
            try:
                self.events.extend(stream(web))
            except TROUBLE:
                time.sleep(0.3)  # as browsers wait before they come back

    def _after(self) -> int:
        return int(self.events[-1]["seq"]) if self.events else 0

    def _sse(self, web: processes.Process) -> Iterator[dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=SILENCE_SECONDS)
        with closing(connection):
            headers = {**self._cluster.headers, "Last-Event-ID": str(self._after())}
            connection.request("GET", f"/api/buscar-progress/{self.search_id}", headers=headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise OSError(answer.status)
            while line := answer.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))

    def _websocket(self, web: processes.Process) -> Iterator[dict[str, Any]]:
        address = f"ws://127.0.0.1:{web.port}/ws/buscas/{self.search_id}/?after={self._after()}"
        with connect(
            address,
            origin=Origin(web.url),
            additional_headers={"Cookie": f"sessionid={self._cluster.session}"},
            open_timeout=10,
            close_timeout=1,
        ) as socket:
            while True:
                yield json.loads(socket.recv(timeout=SILENCE_SECONDS))

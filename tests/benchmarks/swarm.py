"""Many SSE clients in one process: what each got, and when. asyncio and sockets only.

A client only stamps and keeps what arrives; reading it happens after the run, so that the swarm
costs the machine little beside the server that it measures.
"""

import asyncio
import re
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

#: More at once would fill a listening socket's queue, which is 50 long under Twisted.
CONNECTING_AT_ONCE = 40
READY_SECONDS = 60.0
_EVENT = re.compile(rb"id: (\d+)\r?\n(?:event: [^\n]*\n)?data: [^\n]*\n")


class Watcher(asyncio.Protocol):
    """One client. `ready` is set by the first event, which every server here sends at once."""

    __slots__ = ("_chunks", "_request", "_seen", "_times", "is_cut", "ready", "transport")

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._chunks: list[bytes] = []
        self._times: list[int] = []
        self._seen = False
        self.is_cut = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._times.append(time.monotonic_ns())
        self._chunks.append(data)
        if not self._seen and b"data:" in data:
            self._seen = True
            self.ready.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_cut = True
        if not self.ready.done():
            said = b"".join(self._chunks)[:300].decode(errors="replace")
            self.ready.set_exception(ConnectionError(f"no stream: {said!r}"))

    @property
    def size(self) -> int:
        return sum(map(len, self._chunks))

    def arrivals(self) -> list[tuple[int, int]]:
        """Return (seq, monotonic ns) of every event, in the order of arrival."""
        ends, end = [], 0
        for chunk in self._chunks:
            end += len(chunk)
            ends.append(end)
        found = _EVENT.finditer(b"".join(self._chunks))
        return [(int(m[1]), self._times[bisect_left(ends, m.end())]) for m in found]


@dataclass
class Outcome:
    """What a swarm got of the events that were published."""

    latencies_ms: list[float] = field(default_factory=list)
    lost: int = 0
    double: int = 0
    disordered: int = 0

    @property
    def wrong(self) -> int:
        return self.lost + self.double + self.disordered


class Swarm:
    """Watchers of one stream."""

    def __init__(self, url: str, *, headers: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        lines = [
            f"GET {parts.path} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Accept: text/event-stream",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Accept-Language: pt-BR,pt;q=0.8,en;q=0.3",
            "Accept-Encoding: gzip, deflate, br",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        self._request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self.watchers: list[Watcher] = []

    async def connect(self, count: int) -> None:
        """Open so many streams and wait until each has had its first event."""
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
        loop = asyncio.get_running_loop()

        async def one() -> None:
            async with gate:
                _, watcher = await loop.create_connection(
                    lambda: Watcher(self._request), self._host, self._port
                )
                self.watchers.append(watcher)
                await watcher.ready

        async with asyncio.timeout(READY_SECONDS):
            await asyncio.gather(*(one() for _ in range(count)))

    async def settle(self, *, quiet_seconds: float = 0.5) -> None:
        """Wait until nothing has arrived for a while."""
        before = -1
        while (now := sum(watcher.size for watcher in self.watchers)) != before:
            before = now
            await asyncio.sleep(quiet_seconds)

    def outcome(self, published_ns: Mapping[int, int]) -> Outcome:
        """Compare what came with what was published (seq -> monotonic ns)."""
        outcome = Outcome()
        for watcher in self.watchers:
            arrivals = [(seq, at) for seq, at in watcher.arrivals() if seq in published_ns]
            counts = Counter(seq for seq, _ in arrivals)
            outcome.lost += sum(seq not in counts for seq in published_ns)
            outcome.double += sum(count - 1 for count in counts.values())
            order = [seq for seq, _ in arrivals]
            outcome.disordered += order != sorted(order)
            outcome.latencies_ms += [(at - published_ns[seq]) / 1e6 for seq, at in arrivals]
        return outcome

    async def close(self) -> None:
        for watcher in self.watchers:
            watcher.transport.abort()
        await asyncio.sleep(0)

"""The source's side of a search: pages through the client against its floor, and parsing.

`python -m tests.benchmarks.bench_source`
"""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import aiohttp
import orjson

from searches.domain.brazil import UNITS
from searches.domain.planning import Endpoint, ListKey
from searches.pncp.client import PncpClient
from searches.pncp.limiter import AdaptiveLimiter
from searches.pncp.payload import parse_page

ROOT = Path(__file__).resolve().parents[2]
LATENCY_SECONDS = 0.3
MODALITIES = (4, 5, 6, 7)
FIRST, LAST = date(2026, 11, 10), date(2026, 11, 16)
#: The search may take this much longer than pages x latency / concurrency.
AIM = 1.15


@contextmanager
def source() -> Iterator[str]:
    """A simulator in a process of its own: it must not share the client's core."""
    command = [sys.executable, "manage.py", "pncp_simulator", "--port", "0", "--latency-ms"]
    server = subprocess.Popen(
        [*command, str(int(LATENCY_SECONDS * 1000)), "--now", "2026-11-24"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        match = re.search(r"http://\S+", server.stdout.readline())
        assert match is not None, "the simulator did not start"
        yield match[0]
    finally:
        server.terminate()
        server.wait()
        assert server.stdout is not None
        server.stdout.close()


def lists() -> list[ListKey]:
    """Return the lists of a 27-UF search of a week, as a search asks for them."""
    return [
        ListKey(Endpoint.PUBLISHED, modality, unit.code, FIRST, LAST)
        for unit in UNITS
        for modality in MODALITIES
    ]


async def search(base_url: str, *, concurrency: int) -> tuple[int, int, float]:
    """Read every list through the client; return pages, notices and seconds."""
    limiter = AdaptiveLimiter(6000)
    async with PncpClient(base_url=base_url, limiter=limiter, concurrency=concurrency) as client:
        started_at = time.perf_counter()

        async def whole(key: ListKey) -> int:
            first = await client.page(key, 1)
            others = await asyncio.gather(
                *(client.page(key, number) for number in range(2, first.total_pages + 1))
            )
            return len(first.notices) + sum(len(page.notices) for page in others)

        counts = await asyncio.gather(*(whole(key) for key in lists()))
        seconds = time.perf_counter() - started_at
        return client.stats.requests, sum(counts), seconds


async def bare(base_url: str, *, concurrency: int, pages_count: int) -> float:
    """Send as many requests with aiohttp alone, bodies unread by anybody; return seconds."""
    places = asyncio.Semaphore(concurrency)
    params = {
        "dataInicial": f"{FIRST:%Y%m%d}",
        "dataFinal": f"{LAST:%Y%m%d}",
        "codigoModalidadeContratacao": "6",
        "uf": "GO",
        "pagina": "1",
    }
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            async with (
                places,
                session.get(f"{base_url}/v1/contratacoes/publicacao", params=params) as response,
            ):
                await response.read()

        started_at = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(pages_count)))
        return time.perf_counter() - started_at


def rate(action: Callable[[], object]) -> float:
    """Return how often a second an action can be done."""
    count, started_at = 0, time.perf_counter()
    while (seconds := time.perf_counter() - started_at) < 1:
        action()
        count += 1
    return count / seconds


async def body_of_a_page(base_url: str) -> bytes:
    """Return the body of a full page."""
    url = (
        f"{base_url}/v1/contratacoes/publicacao?dataInicial={FIRST:%Y%m%d}&dataFinal={LAST:%Y%m%d}"
        "&codigoModalidadeContratacao=6&pagina=1&tamanhoPagina=50"
    )
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.read()


def run(work: Awaitable[float]) -> float:
    """Run a coroutine to its end."""
    return asyncio.run(_await(work))


async def _await(work: Awaitable[float]) -> float:
    return await work


def main() -> None:
    """Print the tables."""
    with source() as base_url:
        print(f"A 27-UF search of 7 days, source of {LATENCY_SECONDS * 1000:.0f} ms per answer")
        print(f"{'concurrency':>11} {'pages':>6} {'notices':>8} {'client':>8} {'bare':>8} ", end="")
        print(f"{'floor':>8} {'client/floor':>13}   aim <= {AIM}")
        for concurrency in (4, 8, 16):
            pages, notices, seconds = asyncio.run(search(base_url, concurrency=concurrency))
            bare_seconds = run(bare(base_url, concurrency=concurrency, pages_count=pages))
            floor = pages * LATENCY_SECONDS / concurrency
            print(
                f"{concurrency:>11} {pages:>6} {notices:>8} {seconds:>7.2f}s {bare_seconds:>7.2f}s "
                f"{floor:>7.2f}s {seconds / floor:>12.3f}x"
            )
        body = asyncio.run(body_of_a_page(base_url))
    ours = rate(lambda: parse_page(body, number=1, asked_uf=None))
    json_alone = rate(lambda: orjson.loads(body))
    records = len(orjson.loads(body)["data"])
    print()
    print(f"Reading a page of {records} notices ({len(body) / 1000:.0f} kB)")
    print(f"  {'into Page and Notice':<24} {ours:>9.0f} pages/s {ours * records:>11.0f} notices/s")
    print(f"  {'orjson.loads alone':<24} {json_alone:>9.0f} pages/s")


if __name__ == "__main__":
    main()

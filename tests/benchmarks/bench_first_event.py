"""POST to first event: what somebody waits until the page says something.

A token's `POST /api/buscar` to the answer, then its stream to the first `queued` and `connecting`.
Floor: the same POST to a bare Django async view that answers 202, on the same kind of server.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median

import aiohttp

from tests.benchmarks.bench_search import source
from tests.benchmarks.harness import (
    percentile,
    print_table,
    ratio,
    serving,
    temporary_site_environment,
)

COUNT, WARM_UP = 20, 3
_STAGE = re.compile(rb'"stage":"(\w+)"')


@dataclass
class Times:
    """Milliseconds from the POST's first byte."""

    accepted: list[float] = field(default_factory=list)
    queued: list[float] = field(default_factory=list)
    connecting: list[float] = field(default_factory=list)


async def stages(stream: aiohttp.ClientResponse) -> AsyncIterator[str]:
    """Yield the stage of each event as it comes."""
    async for line in stream.content:
        if found := _STAGE.search(line):
            yield found[1].decode()


async def ours(url: str) -> Times:
    """Start searches one after another, each when the last one has ended."""
    times = Times()
    async with aiohttp.ClientSession(url) as session:
        async with session.get("/bench/search") as response:
            token = (await response.json())["token"]
        session.headers["Authorization"] = f"Bearer {token}"
        for number in range(WARM_UP + COUNT):
            # A day that no search has read yet: it waits for the source while we look.
            day = (date.today() - timedelta(days=number + 1)).isoformat()
            body = {"ufs": ["SP"], "setor_id": "vestuario", "data_inicial": day, "data_final": day}
            began = time.monotonic()
            async with session.post("/api/buscar", json=body) as response:
                assert response.status == 202, await response.text()
                accepted = await response.json()
            accepted_at = time.monotonic()
            seen: dict[str, float] = {}
            async with session.get(accepted["progress_url"]) as stream:
                async for stage in stages(stream):  # to its end: nothing runs beside the next
                    seen.setdefault(stage, time.monotonic())
            if number >= WARM_UP:
                times.accepted.append((accepted_at - began) * 1000)
                times.queued.append((seen["queued"] - began) * 1000)
                times.connecting.append((seen["connecting"] - began) * 1000)
            await asyncio.sleep(0.05)
    return times


async def bare(url: str) -> list[float]:
    """The floor: a view that only answers."""
    answers = []
    async with aiohttp.ClientSession(url) as session:
        for number in range(WARM_UP + COUNT):
            began = time.monotonic()
            async with session.post("/", json={"ufs": ["SP"]}) as response:
                assert response.status == 202
                await response.read()
            if number >= WARM_UP:
                answers.append((time.monotonic() - began) * 1000)
            await asyncio.sleep(0.05)
    return answers


def main() -> None:
    """Print the table."""
    with temporary_site_environment() as environment, source() as base_url:
        environment["PNCP_BASE_URL"] = base_url
        with serving("tests.benchmarks.site", environment=environment) as server:
            times = asyncio.run(ours(server.url))
        with serving("tests.benchmarks.bare_view") as server:
            floor = asyncio.run(bare(server.url))
    rows = [
        (name, median(values), percentile(values, 0.95), ratio(median(values), median(floor)))
        for name, values in (
            ("floor: bare async view, 202", floor),
            ("POST /api/buscar answered", times.accepted),
            ("first event on the stream (queued)", times.queued),
            ("the search has begun (connecting)", times.connecting),
        )
    ]
    print_table(
        f"POST to first event, from the POST's first byte; {COUNT} searches one after another",
        ("step", "median ms", "p95 ms", "x floor"),
        rows,
        "ours: token check, rate limit, search and event in the database, then a second request.",
    )


if __name__ == "__main__":
    main()

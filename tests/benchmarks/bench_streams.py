"""Publish to client: milliseconds, and the server's memory for each watcher.

Ours: the server of `manage.py serve` with the in-memory layer, and two such processes with Redis
between. Peer: FastAPI with sse-starlette under uvicorn. Floor: bare asyncio queues in one process,
no socket at all. Every watcher is a real SSE client in this process, the servers are others.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median

import aiohttp

from tests.benchmarks.harness import (
    ServerProcess,
    percentile,
    print_table,
    raise_file_limit,
    ratio,
    serving,
    temporary_site_environment,
)
from tests.benchmarks.swarm import CONNECTING_AT_ONCE, Swarm

SIZES = (1, 100, 1000)
EVENTS, GAP_MS = 20, 120
#: A single watcher gets more events in the same time, for as many numbers as one has at all.
EVENTS_FOR_ONE, GAP_FOR_ONE_MS = 80, 30
ROUNDS = 3
#: With fewer watchers the pages that a process grows by say nothing about each.
MEMORY_FROM = 500
SITE = "tests.benchmarks.site"
PEER = "tests.benchmarks.peer_fastapi"


@dataclass
class Run:
    """One run of one system at one size."""

    p50: float
    p95: float
    p99: float
    with_row: float | None = None  # p50 counted from before the event's row was written
    watcher_kb: float | None = None
    threads: int = 0
    lost: int = 0
    double: int = 0


async def measure(
    publisher: ServerProcess, server: ServerProcess, sizes: list[int]
) -> dict[int, Run]:
    """Open streams on one server, publish on the other (or the same), count what came; the largest
    crowd first, while the process has never held one."""
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(publisher.url, timeout=timeout) as session:

        async def ask(path: str, **params: str | int) -> dict:
            async with session.get(path, params=params) as response:
                return dict(await response.json())

        place = await ask("/bench/search")
        headers = {"Authorization": f"Bearer {place['token']}"} if place["token"] else {}

        def swarm() -> Swarm:
            return Swarm(server.url + place["path"], headers=headers)

        warm = swarm()  # imports, caches and thread pools are not the watchers' memory
        await warm.connect(CONNECTING_AT_ONCE)
        await ask("/bench/publish", search=place["search"], count=3, gap_ms=20)
        await warm.close()

        runs = {}
        for size in sorted(sizes, reverse=True):
            await asyncio.sleep(1.2)  # daphne reaps once a second
            before = server.rss_bytes
            crowd = swarm()
            await crowd.connect(size)
            count, gap_ms = (EVENTS, GAP_MS) if size > 1 else (EVENTS_FOR_ONE, GAP_FOR_ONE_MS)
            stamps = await ask("/bench/publish", search=place["search"], count=count, gap_ms=gap_ms)
            await crowd.settle()
            run = _run(crowd, stamps)
            run.threads = server.thread_count
            if size >= MEMORY_FROM:
                run.watcher_kb = (server.rss_bytes - before) / 1024 / size
            await crowd.close()
            runs[size] = run
    return runs


def _run(crowd: Swarm, stamps: dict[str, dict[str, int]]) -> Run:
    published = {int(seq): at for seq, at in stamps["published"].items()}
    rows_ms = [(at - stamps["told"][str(seq)]) / 1e6 for seq, at in published.items()]
    outcome = crowd.outcome(published)
    p50, p95, p99 = (percentile(outcome.latencies_ms, share) for share in (0.5, 0.95, 0.99))
    return Run(
        p50,
        p95,
        p99,
        with_row=p50 + median(rows_ms),
        lost=outcome.lost + outcome.disordered,
        double=outcome.double,
    )


async def bare_queues(watchers: int) -> Run:
    """The floor: as many tasks, each on its own queue."""
    latencies: list[float] = []
    queues: list[asyncio.Queue[int]] = [asyncio.Queue() for _ in range(watchers)]

    async def watch(queue: "asyncio.Queue[int]") -> None:
        while True:
            latencies.append((-(await queue.get()) + time.monotonic_ns()) / 1e6)

    tasks = [asyncio.create_task(watch(queue)) for queue in queues]
    for _ in range(EVENTS):
        await asyncio.sleep(0.01)
        now = time.monotonic_ns()
        for queue in queues:
            queue.put_nowait(now)
    await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    p50, p95, p99 = (percentile(latencies, share) for share in (0.5, 0.95, 0.99))
    return Run(p50, p95, p99)


@contextmanager
def ours() -> Iterator[tuple[ServerProcess, ServerProcess]]:
    with temporary_site_environment() as environment, serving(SITE, environment=environment) as one:
        yield one, one


@contextmanager
def ours_by_redis() -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Two processes on one database; the events are made in one, the watchers sit at the other."""
    from tests.servers import valkey

    with ExitStack() as stack:
        environment = stack.enter_context(temporary_site_environment())
        environment["REDIS_URL"] = stack.enter_context(valkey()).url
        publisher = stack.enter_context(serving(SITE, environment=environment))
        yield publisher, stack.enter_context(serving(SITE, environment=environment))


@contextmanager
def peer() -> Iterator[tuple[ServerProcess, ServerProcess]]:
    with serving(PEER) as one:
        yield one, one


@contextmanager
def plain_peer() -> Iterator[tuple[ServerProcess, ServerProcess]]:
    with serving(PEER, "--plain") as one:
        yield one, one


SYSTEMS = {
    "bidiq": ours,
    "bidiq, Redis, 2 processes": ours_by_redis,
    "FastAPI, uvloop+httptools": peer,
    "FastAPI, asyncio+h11": plain_peer,
}
#: Without h11, which differs little from the other peer.
USUAL = list(SYSTEMS)[:3]
FLOOR = "floor: bare queues"
BESIDE = "FastAPI, uvloop+httptools"


def run_all(sizes: list[int], rounds: int, names: list[str]) -> dict[tuple[int, str], list[Run]]:
    """Run every system at every size, in turns, so that the machine's mood is shared."""
    runs: dict[tuple[int, str], list[Run]] = {
        (size, name): [] for size in sizes for name in (FLOOR, *names)
    }
    for _ in range(rounds):
        for size in sizes:
            runs[size, FLOOR].append(asyncio.run(bare_queues(size)))
        for name in names:
            with SYSTEMS[name]() as (publisher, server):
                for size, run in asyncio.run(measure(publisher, server, sizes)).items():
                    runs[size, name].append(run)
    return runs


def main() -> None:
    """Print the table; status 1 when an event was lost or came twice."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_streams")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=USUAL)
    options = parser.parse_args()
    raise_file_limit()
    runs = run_all(options.sizes, options.rounds, options.systems)
    rows = []
    for (size, name), several in runs.items():
        beside = runs.get((size, BESIDE))
        p50 = median(run.p50 for run in several)
        kilobytes = [run.watcher_kb for run in several if run.watcher_kb is not None]
        kb = median(kilobytes) if kilobytes else None
        peer_kb = [run.watcher_kb for run in beside or () if run.watcher_kb is not None]
        rows.append(
            (
                size,
                name,
                p50,
                median(run.p95 for run in several),
                median(run.p99 for run in several),
                ratio(p50, median(run.p50 for run in beside)) if beside else None,
                kb,
                ratio(kb, median(peer_kb)) if peer_kb else None,
                several[0].threads or None,
                sum(run.lost for run in several),
                sum(run.double for run in several),
            )
        )
    print_table(
        f"Publish to client, SSE: {EVENTS} events ({EVENTS_FOR_ONE} to a single watcher), one each "
        f"{GAP_MS} ms ({GAP_FOR_ONE_MS}); medians of {options.rounds} rounds",
        ("watchers", "system", "p50 ms", "p95 ms", "p99 ms", "x peer", "kB/watcher", "x peer",
         "threads", "lost", "double"),
        rows,
        f"x peer: beside {BESIDE!r} of the same rounds. Aims at 1,000: p50 <= 1.0, memory <= 0.5.",
        *(
            f"counted from before the row is written, p50 at {size}: "
            f"{median(run.with_row or 0 for run in runs[size, 'bidiq']):.2f} ms"
            for size in options.sizes
            if (size, "bidiq") in runs
        ),
    )  # fmt: skip
    of_ours = [run for (_, name), several in runs.items() if "bidiq" in name for run in several]
    if any(run.lost or run.double for run in of_ours):
        raise SystemExit("events were lost or came twice")


if __name__ == "__main__":
    main()

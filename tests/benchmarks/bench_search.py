"""A search over all 27 UFs against a source that takes 300 ms to answer: seconds beside the floor.

The floor is requests x latency / concurrency: nobody can be faster at that many requests at once.
It counts the requests that were made. A second floor counts the pages of all lists of all UFs:
what is asked for when rare modalities are not read for the whole country.
The source is the simulator in a process of its own, with generated data; the store is empty in each
round, because another port is another source. Counted is the whole search: claim, pages, filter,
summary and the Excel file.
"""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from statistics import median

from tests.benchmarks.harness import ROOT, Cell, print_table, temporary_site_environment

LATENCY_MS = 300
DAYS = 15
ROUNDS = 3


@dataclass
class Run:
    """One search."""

    seconds: float
    fetched_seconds: float  # until the last page was in the store
    requests: int
    pages_by_uf: int  # that the UFs' own lists have
    notices: int
    concurrency: int
    source_ms: float  # what an answer took, the source's own work included
    status: str

    @property
    def floor_seconds(self) -> float:
        return self.requests * LATENCY_MS / 1000 / self.concurrency

    @property
    def floor_by_uf_seconds(self) -> float:
        return self.pages_by_uf * LATENCY_MS / 1000 / self.concurrency


@contextmanager
def source() -> Iterator[str]:
    """Run the simulator; give its base URL."""
    command = [sys.executable, "manage.py", "pncp_simulator", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--latency-ms", str(LATENCY_MS)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None, "the simulator did not start"
        yield found[0]
    finally:
        process.terminate()
        process.wait()


async def search(base_url: str) -> Run:
    """Run one search as the inline runner does."""
    from channels.db import database_sync_to_async
    from django.conf import settings

    from searches import pipeline, runner
    from searches.domain.brazil import UNITS
    from searches.domain.query import parse_query
    from searches.domain.tables import COMPETITIVE
    from searches.models import Notice, Search, SearchEvent
    from searches.owners import Owner
    from searches.pncp.client import PAGE_SIZE
    from searches.services import searches as services

    settings.PNCP_BASE_URL = base_url
    today = date.today()
    question = {
        "ufs": [unit.code for unit in UNITS],
        "setor_id": "vestuario",
        "data_inicial": (today - timedelta(days=DAYS)).isoformat(),
        "data_final": (today - timedelta(days=1)).isoformat(),
    }
    found, _ = await database_sync_to_async(services.create_search)(
        parse_query(question, today=today),
        owner=Owner(visitor="bench"),
        limited=False,
        deferred=False,
    )
    async with runner.open_client() as client:
        began_at = time.monotonic()
        await pipeline.run_search(found.pk, worker=runner.worker_name(), client=client)
        seconds = time.monotonic() - began_at

    def pages_by_uf() -> int:
        lists = Notice.objects.filter(source_id=found.source_id).values_list("uf", "modality")
        counts = dict.fromkeys(product(question["ufs"], COMPETITIVE), 0) | Counter(lists)
        return sum(max(1, -(-count // PAGE_SIZE)) for count in counts.values())

    def read() -> Run:
        ended = Search.objects.get(pk=found.pk)
        events = SearchEvent.objects.filter(search=ended)
        first = events.filter(stage="connecting").earliest("seq").at
        last = events.filter(stage="filtering").earliest("seq").at
        return Run(
            seconds=seconds,
            fetched_seconds=(last - first).total_seconds(),
            requests=client.stats.requests,
            pages_by_uf=pages_by_uf(),
            notices=ended.total_raw,
            concurrency=settings.PNCP_CONCURRENCY,
            source_ms=client.stats.seconds / client.stats.requests * 1000,
            status=str(ended.status),
        )

    return await database_sync_to_async(read)()


def main() -> None:
    """Print the table; status 1 when a search did not end complete."""
    with temporary_site_environment() as environment:
        os.environ.update(environment, LOG_LEVEL="warning", DJANGO_SETTINGS_MODULE="bidiq.settings")
        # Any server but the official one: rate and concurrency are then those of such a server.
        os.environ["PNCP_BASE_URL"] = "http://127.0.0.1:1"
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0)
        runs = []
        for _ in range(ROUNDS):
            with source() as base_url:
                runs.append(asyncio.run(search(base_url)))
    rows: list[Sequence[Cell]] = [
        (
            f"round {number}",
            run.requests,
            run.notices,
            run.floor_seconds,
            run.fetched_seconds,
            run.seconds,
            run.fetched_seconds / run.floor_seconds,
            run.seconds / run.floor_seconds,
            run.pages_by_uf,
            run.seconds / run.floor_by_uf_seconds,
            run.source_ms,
        )
        for number, run in enumerate(runs, 1)
    ]
    rows.append(("median", *(median(float(row[at] or 0) for row in rows) for at in range(1, 11))))
    print_table(
        f"27 UFs, {DAYS} days, source of {LATENCY_MS} ms, {runs[0].concurrency} requests at once",
        ("search", "requests", "notices", "floor s", "fetched s", "whole s", "fetched x", "whole x",
         "pages by UF", "whole x", "answer ms"),
        rows,
        "floor: requests x latency / concurrency. Aim: the whole search in 1.15 times the floor.",
        "pages by UF: what reading every UF's own lists would ask for, and the search beside that.",
        "answer ms: what an answer took as measured, the simulator's own work in it.",
    )  # fmt: skip
    if any(run.status != "complete" for run in runs):
        raise SystemExit("a search did not end complete")


if __name__ == "__main__":
    main()

"""What the benchmarks share: tables, percentiles, the machine's line, servers as processes.

Nothing here asserts a time: a table stands beside its peer or its floor of the same run, and
whoever reads it judges. Only wrong counts end a benchmark with a status other than 0.
"""

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.servers import HOST, free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 30.0
Cell = str | int | float | None


def machine_line() -> str:
    """Return what the numbers were measured on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{cores} cores ({platform.machine()}), {platform.system()}, "
        f"Python {platform.python_version()}, load {load}"
    )


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]], *notes: str
) -> None:
    """Print a table of fixed width: texts to the left, numbers to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [
        max(len(name), *(len(row[index]) for row in texts)) for index, name in enumerate(columns)
    ]
    numeric = [
        all(not isinstance(row[index], str) for row in rows) for index in range(len(columns))
    ]

    def line(cells: Sequence[str]) -> str:
        parts = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        )
        return "  ".join(parts).rstrip()

    print(f"\n{title}")
    print(line(columns))
    print("  ".join("-" * width for width in widths))
    for row in texts:
        print(line(row))
    for note in notes:
        print(f"  {note}")
    print(f"  machine: {machine_line()}", flush=True)


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, float):
        return f"{cell:.1f}" if cell >= 100 else f"{cell:.2f}"
    return str(cell)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share (0 to 1) of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


def ratio(ours: float | None, other: float | None) -> float | None:
    """Return ours / other; None when one was not measured."""
    return ours / other if ours is not None and other else None


def raise_file_limit(wanted: int = 8192) -> None:
    """Let this process and its children open a file for each watcher."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class ServerProcess:
    """A server of this project's Python, on a port of its own."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self.port = port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def rss_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    @property
    def thread_count(self) -> int:
        return int(psutil.Process(self.process.pid).num_threads())


@contextmanager
def serving(
    module: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[ServerProcess]:
    """Run `python -m module --port N …` while the block runs; it must answer on the port."""
    port = free_port()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--port", str(port), *arguments],
            cwd=ROOT,
            env={**os.environ, "LOG_LEVEL": "warning", **(environment or {})},
            stdout=log,
            stderr=log,
        )
        try:
            _wait_for(process, port, log)
            yield ServerProcess(process, port)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log) -> None:
    import socket

    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.05)
    log.seek(0)
    said = log.read().decode(errors="replace")[-4000:]
    raise RuntimeError(f"{process.args!r} did not start:\n{said}")


@contextmanager
def temporary_site_environment() -> Iterator[dict[str, str]]:
    """Give the environment of a site with an empty SQLite file of its own, all else by default."""
    with tempfile.TemporaryDirectory(prefix="bidiq-bench-") as directory:
        yield {
            "DATABASE_URL": f"sqlite:///{directory}/bench.sqlite3",
            "SECRET_KEY": "only-for-benchmarks",
            "REDIS_URL": "",
            "AWS_STORAGE_BUCKET_NAME": "",
            "BIDIQ_RUNNER": "inline",
            "BIDIQ_SEARCHES_PER_MINUTE": "100000",
        }

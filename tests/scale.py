"""`make scale`: the site as on many machines, on this one, with real servers from wheels.

PostgreSQL, Valkey, an S3 server that checks signatures, the PNCP simulator, two site processes and
two workers. Ctrl-C ends all of it; nothing is kept.
"""

import argparse
import contextlib
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests import processes, servers

LOGS = processes.ROOT / "var" / "scale"
START_SECONDS = 60.0
STOP_SECONDS = 15.0


class NotStarted(Exception):
    """A process ended or kept silent; says where its log is."""


@contextlib.contextmanager
def running(
    name: str, command: list[str], variables: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a `manage.py` command until the block ends."""
    with (LOGS / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=processes.ROOT,
            env=processes.environment(**variables),
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for us; we end them in order
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(url: str, process: "subprocess.Popen[bytes]", name: str) -> None:
    """Wait until a site answers. Raises NotStarted."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(URLError, OSError), urlopen(f"{url}/healthz", timeout=2):
            return
        time.sleep(0.1)
    log = LOGS / f"{name}.log"
    raise NotStarted(f"{name} não começou; veja {log}:\n{log.read_text(errors='replace')[-1500:]}")


def main(port: int) -> None:
    """Start everything, say where, and wait for Ctrl-C."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        print("Iniciando PostgreSQL, Valkey e S3…", flush=True)
        postgresql = stack.enter_context(servers.postgresql())
        valkey = stack.enter_context(servers.valkey())
        store = stack.enter_context(servers.object_store())
        source_port = servers.free_port()
        variables = {
            "DATABASE_URL": postgresql.url,
            "REDIS_URL": valkey.url,
            **store.environment,
            "SECRET_KEY": secrets.token_urlsafe(32),
            "PNCP_BASE_URL": f"http://127.0.0.1:{source_port}",
            "BIDIQ_DEMO": "1",
            "BIDIQ_PUBLIC_URL": f"http://127.0.0.1:{port}",
        }
        simulator = ["pncp_simulator", "--port", str(source_port), "--latency-ms", "150"]
        stack.enter_context(running("simulador", simulator, {"SECRET_KEY": "x"}))
        sites = {}
        for number in (1, 2):
            name, url = f"site-{number}", f"http://127.0.0.1:{port + number - 1}"
            command = ["serve", "--port", str(port + number - 1)]
            sites[url] = (stack.enter_context(running(name, command, variables)), name)
        workers = [
            stack.enter_context(running(f"worker-{number}", ["worker"], variables))
            for number in (1, 2)
        ]
        for url, (process, name) in sites.items():
            wait_for(url, process, name)
        print(f"Dois sites:    {'  '.join(sites)}")
        pids = " e ".join(str(worker.pid) for worker in workers)
        print(f"Dois workers:  pid {pids} (experimente kill -9 num deles)")
        print(f"PostgreSQL {postgresql.port} · Valkey {valkey.port} · S3 {store.port}")
        print(f"Registros em {LOGS}")
        print("Ctrl-C termina tudo.", flush=True)
        try:
            signal.pause()
        finally:
            print("\nTerminando…", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="do primeiro site (padrão: 8000)")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        main(parser.parse_args().port)
    except KeyboardInterrupt:
        pass  # the way to end it
    except (NotStarted, pytest.skip.Exception) as error:  # a missing wheel "skips"
        sys.exit(str(error))

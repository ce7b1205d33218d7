"""Sites and simulators as real processes, each with an explicit environment and a free port."""

import asyncio
import atexit
import contextlib
import functools
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from searches.pncp.simulator import Simulator

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(**variables: str) -> dict[str, str]:
    """Return what a process of ours sees: nothing of this machine but its path, and `variables`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **variables}


@dataclass
class Process:
    """A `manage.py` command that listens on a port."""

    command: list[str]
    variables: Mapping[str, str]
    directory: Path
    port: int = field(default_factory=free_port)
    popen: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        path = self.directory / f"{self.command[0]}-{self.port}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, *, path: str = "/healthz") -> "Process":
        """Start it and return when `path` is answered (whatever the answer)."""
        with (self.directory / f"{self.command[0]}-{self.port}.log").open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "manage.py", *self.command, "--port", str(self.port)],
                cwd=ROOT,
                env=environment(**self.variables),
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.popen.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.request("GET", path)
                return self
            time.sleep(0.05)  # nobody tells when a port opens
        raise AssertionError(f"{self.command} did not start:\n{self.log}")

    def kill(self) -> None:
        """End it as a power cut does."""
        self.stop(signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.popen is not None:
            self.popen.send_signal(how)
            try:
                self.popen.wait(15)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
            self.popen = None

    def request(
        self, method: str, path: str, *, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request; return status, headers with lower-case names, and the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            sent = None if body is None else json.dumps(body).encode()
            extra = {"Content-Type": "application/json"} if sent is not None else {}
            connection.request(method, path, body=sent, headers={**extra, **(headers or {})})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, found, answer.read()
        finally:
            connection.close()

    def manage(self, *arguments: str) -> str:
        """Run another command over the same data; return what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment(**self.variables),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()


@functools.cache
def _migrated() -> Path:
    directory = tempfile.TemporaryDirectory(prefix="bidiq-migrated-")
    atexit.register(directory.cleanup)
    path = Path(directory.name) / "migrated.sqlite3"
    variables = {"DATABASE_URL": f"sqlite:///{path}", "SECRET_KEY": "test"}
    Process(["migrate"], variables, path.parent).manage("migrate", "-v0")
    return path


def migrated(path: Path) -> str:
    """Put a new database with its tables at `path` (a copy takes no time); return its URL."""
    shutil.copyfile(_migrated(), path)
    return f"sqlite:///{path}"


@contextlib.contextmanager
def site(
    directory: Path, *, command: Sequence[str] = ("serve",), **variables: str
) -> Iterator[Process]:
    """Serve the site on a database of its own in `directory`."""
    if "DATABASE_URL" not in variables:
        variables["DATABASE_URL"] = migrated(directory / "site.sqlite3")
    process = Process([*command], {"SECRET_KEY": "test", **variables}, directory)
    try:
        yield process.start()
    finally:
        process.stop()


@contextlib.contextmanager
def simulator(records: Any = None, **options: Any) -> Iterator[tuple[Simulator, str]]:
    """Serve a simulator from a thread of this process: its faults may be changed and its log of
    requests read while other processes ask it. Yields it and its URL."""
    served = Simulator(records, **options)
    ready: Future[str] = Future()
    stopping: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        stopping.set_result((asyncio.get_running_loop(), stop))
        async with served.serving() as url:
            ready.set_result(url)
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    try:
        yield served, ready.result(START_SECONDS)
    finally:
        loop, stop = stopping.result(START_SECONDS)
        loop.call_soon_threadsafe(stop.set)
        thread.join(START_SECONDS)


def make_user_token(process: Process, name: str = "alice") -> str:
    """Make a user on a site and return an API token of theirs."""
    lines = (
        "from django.contrib.auth.models import User",
        "from django.core.management import call_command",
        f"User.objects.create_user({name!r})",
        f"call_command('create_api_token', {name!r})",
    )
    return process.manage("shell", "-v0", "-c", "\n".join(lines))

"""A whole installation as real processes: servers, web instances, workers and the source."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from searches.pncp.simulator import Simulator
from tests import processes, servers

#: The source's clock stands still: a list that grows while it is read would be read again.
NOW = datetime.now(UTC)
#: Long over, so that what was read of it holds.
LAST_DAY = (NOW - timedelta(days=4)).date()
OVER = frozenset({"complete", "partial", "error", "cancelled"})
WAIT_SECONDS = 60.0


def until(is_true: Callable[[], Any], *, seconds: float = WAIT_SECONDS, what: str = "") -> Any:
    """Wait for something that other processes do and nobody here is told of."""
    deadline = time.monotonic() + seconds
    while True:
        if value := is_true():
            return value
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or is_true}"
        time.sleep(0.05)


@dataclass
class Worker:
    """A `manage.py worker`."""

    variables: Mapping[str, str]
    directory: Path
    options: tuple[str, ...] = ()
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:6])
    popen: "subprocess.Popen[bytes] | None" = None
    starts: int = 0

    def is_up(self) -> bool:
        """Whether it has said that it works, since it was started last."""
        return self.log.count("worker: até") >= self.starts

    @property
    def log(self) -> str:
        return (self.directory / f"worker-{self.name}.log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self.popen is not None
        return self.popen.pid

    def start(self) -> "Worker":
        self.starts += 1
        with (self.directory / f"worker-{self.name}.log").open("ab") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "manage.py", "worker", *self.options],
                cwd=processes.ROOT,
                env=processes.environment(**self.variables),
                stdout=log,
                stderr=log,
            )
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM, *, seconds: float = 30) -> int:
        """Send the signal, wait for the end and return the exit status."""
        if self.popen is None:
            return 0
        self.popen.send_signal(how)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise
        finally:
            self.popen = None

    def freeze(self) -> None:
        """Stop it where it stands."""
        assert self.popen is not None
        self.popen.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self.popen is not None
        self.popen.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.stop(signal.SIGKILL)


@dataclass
class Cluster:
    """One database and what works on it."""

    directory: Path
    variables: dict[str, str]
    source: Simulator
    stack: contextlib.ExitStack
    token: str
    session: str  # of the same user

    @property
    def database_url(self) -> str:
        return self.variables["DATABASE_URL"]

    def web(self, **variables: str) -> processes.Process:
        """Start a web instance and wait until it answers."""
        instance = processes.Process(["serve"], {**self.variables, **variables}, self.directory)
        self.stack.callback(instance.stop, signal.SIGKILL)
        return instance.start()

    def worker(self, **variables: str) -> Worker:
        """Start a worker; returns at once."""
        worker = Worker({**self.variables, **variables}, self.directory)
        self.stack.callback(worker.stop, signal.SIGKILL)
        return worker.start()

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database directly."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> tuple[Any, ...]:
        return self.rows(query, *values)[0]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def ask(self, web: processes.Process, **fields: Any) -> str:
        """Start a search of closed days and return its id."""
        body = {
            "ufs": ["SP", "RJ", "MG"],
            "setor_id": "alimentos",
            "data_inicial": (LAST_DAY - timedelta(days=2)).isoformat(),
            "data_final": LAST_DAY.isoformat(),
            **fields,
        }
        status, _, answer = web.request("POST", "/api/buscar", body=body, headers=self.headers)
        assert status == 202, answer
        return str(json.loads(answer)["search_id"])

    def state(self, search_id: str) -> tuple[str, int, str, str]:
        """Return a search's (status, attempt, worker, error code)."""
        found = self.row(
            "SELECT status, attempt, worker, error_code FROM searches_search WHERE id = %s",
            search_id,
        )
        return found[0], found[1], found[2], found[3]

    def ended(self, search_id: str, *, seconds: float = WAIT_SECONDS) -> str:
        """Wait for a search's end and return its status."""
        until(lambda: self.state(search_id)[0] in OVER, seconds=seconds, what=f"end of {search_id}")
        return self.state(search_id)[0]

    def events(self, search_id: str) -> list[dict[str, Any]]:
        """Return what was told, as stored."""
        query = "SELECT payload FROM searches_searchevent WHERE search_id = %s ORDER BY seq"
        return [row[0] for row in self.rows(query, search_id)]

    def pages(self) -> Counter[tuple[tuple[str, str], ...]]:
        """Return how often the source was asked for each page and gave it."""
        return Counter(
            (("path", seen.path), *sorted(seen.params.items()))
            for seen in list(self.source.requests)
            if seen.status in (200, 204)  # an empty list has no page but was asked for
        )

    def script(self, code: str) -> str:
        """Run Python with the site's settings in a process of its own; return what it prints."""
        return script(code, self.variables)


def script(code: str, variables: Mapping[str, str]) -> str:
    """Run Python with settings of their own in a process of its own; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()\n" + code],
        cwd=processes.ROOT,
        env=processes.environment(**variables, DJANGO_SETTINGS_MODULE="bidiq.settings"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


_MAKE_TEMPLATE = """
from bidiq.migrating import migrate
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
migrate()
User.objects.create_user("alice")
call_command("create_api_token", "alice")
browser = Client()
browser.force_login(User.objects.get())
print(browser.cookies["sessionid"].value)
"""


@dataclass
class Template:
    """A migrated database with a user; a copy of it takes no time."""

    server: servers.PostgreSQL
    token: str = ""
    session: str = ""

    def make(self) -> "Template":
        url = self.server.create_database("template_bidiq")
        printed = script(_MAKE_TEMPLATE, {"DATABASE_URL": url, "SECRET_KEY": "test"})
        self.token, self.session = printed.split()
        return self

    def copy(self) -> str:
        """Make another database like it and return its URL."""
        name = f"bidiq_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template_bidiq")
        return self.server.url.rpartition("/")[0] + f"/{name}"


def whole(events: list[dict[str, Any]]) -> None:
    """Check one search's events: no hole, no double, order of progress, one ending."""
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    progress = [event["progress"] for event in events if event["progress"] >= 0]
    assert progress == sorted(progress)
    assert [event["stage"] in OVER for event in events].count(True) == 1
    assert events[-1]["stage"] in OVER


@contextlib.contextmanager
def cluster(
    directory: Path,
    template: Template,
    *,
    redis_url: str = "",
    source: Mapping[str, Any] | None = None,
    **variables: str,
) -> Iterator[Cluster]:
    """Make a database of its own and a source; processes are started by the test."""
    with contextlib.ExitStack() as stack:
        options = {"clock": lambda: NOW, **(source or {})}
        simulator, url = stack.enter_context(processes.simulator(**options))
        settings = {
            "DATABASE_URL": template.copy(),
            "SECRET_KEY": "test",
            "PNCP_BASE_URL": url,
            "BIDIQ_SEARCHES_PER_MINUTE": "1000",
            **({"REDIS_URL": redis_url} if redis_url else {}),
            **variables,
        }
        made = Cluster(directory, settings, simulator, stack, template.token, template.session)
        try:
            yield made
        except BaseException:
            for log in sorted(directory.glob("*.log")):
                tail = log.read_text(errors="replace")[-6000:]
                sys.stderr.write(f"--- {log.name}{os.linesep}{tail}{os.linesep}")
            raise

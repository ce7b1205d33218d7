"""Who a process is, and whether another one still lives, as far as can be seen here. Floor 1."""

import os
import secrets
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path

_TOKEN = secrets.token_hex(4)


@cache
def _place() -> str:
    """Return what a pid is valid in: a container on this machine, or the machine, since it started.

    A host's name alone would not do: containers that share it have pids of their own.
    """
    marks = [socket.gethostname()[:60]]
    with suppress(OSError):  # Linux only; elsewhere the name has to do
        marks.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8])
        marks.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return "-".join(marks)


def worker_name() -> str:
    """Return this process's name: place, pid, and a token against pids that are used again."""
    return f"{_place()}:{os.getpid()}:{_TOKEN}"


def is_dead(worker: str) -> bool:
    """Return whether a worker is known to be gone: its process was here and is no more."""
    place, _, rest = worker.rpartition(":")[0].rpartition(":")
    if place != _place() or not rest.isdigit():
        return False
    if int(rest) == os.getpid():
        return worker != worker_name()
    try:
        os.kill(int(rest), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False

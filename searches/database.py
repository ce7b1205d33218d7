"""The bridge from the loop to the database, patient while the database is away. Floor 1."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from channels.db import database_sync_to_async
from django.db import InterfaceError, InternalError, OperationalError, close_old_connections

logger = logging.getLogger(__name__)

#: What a driver raises when the server went away, is starting, refuses connections or writes, or
#: has ended a transaction that idled (InternalError: this process was frozen in the middle of it).
AWAY = (OperationalError, InterfaceError, InternalError)
PATIENCE_SECONDS = 60.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 1.0

P = ParamSpec("P")
T = TypeVar("T")

#: What is marked as `apart`, and its threads.
_APART: set[Callable[..., object]] = set()
_apart_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="apart")
#: Of what computes. More of them would be no faster, and the loop would wait for each one.
_aside_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="aside")


def in_a_line(error: BaseException) -> str:
    """Return what an error says; a driver takes several lines for it."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


class AwayFilter(logging.Filter):
    """Say in one line that a request met a database that is away.

    It is no fault of the code, and each request would leave the same traceback.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, AWAY):
            record.msg = f"{record.getMessage()}: {in_a_line(error)}"
            record.args = record.exc_info = None
        return True


async def patiently(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that reads or writes; while the database is away, again and again.

    The function must bear being called again after a commit whose answer was lost. Raises what
    the database raised when PATIENCE_SECONDS were not enough.
    """
    call = database_sync_to_async(function)
    return await _insist(lambda: call(*args, **kwargs))


async def patiently_to_the_end(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for what must be written once it is known: a cancelled caller leaves after it."""
    writing = asyncio.create_task(patiently(function, *args, **kwargs))
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.gather(writing, return_exceptions=True)
        raise


def apart(function: Callable[P, T]) -> Callable[P, T]:
    """Mark a function that waits for other servers: aside, it takes no thread from the others.

    A storage that hangs would stop the judging of every search.
    """
    _APART.add(function)
    return function


async def patiently_aside(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same on a thread of its own, for what takes long."""
    threads = _apart_threads if function in _APART else _aside_threads
    call = database_sync_to_async(function, thread_sensitive=False, executor=threads)
    return await _insist(lambda: call(*args, **kwargs))


def patiently_here(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The same for who is on a thread already, which waits."""
    patience = _Patience()
    while True:
        try:
            return function(*args, **kwargs)
        except AWAY as error:
            pause_seconds = patience.left(error)
        close_old_connections()  # the one that failed would fail again
        time.sleep(pause_seconds)


async def _insist(call: Callable[[], Awaitable[T]]) -> T:
    patience = _Patience()
    while True:
        try:
            return await call()
        except AWAY as error:
            pause_seconds = patience.left(error)
        await asyncio.sleep(pause_seconds)


class _Patience:
    """Begins with the first failure: a call that hung for long is made a second time, too."""

    def __init__(self) -> None:
        self._deadline: float | None = None
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def left(self, error: Exception) -> float:
        """Return how long to pause before the next call; raise the error when it is over."""
        if self._deadline is None:
            logger.warning("the database is away, waiting for it: %s", error)
            self._deadline = time.monotonic() + PATIENCE_SECONDS
        elif time.monotonic() >= self._deadline:
            raise error
        pause_seconds = self._pause_seconds
        self._pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
        return pause_seconds

"""Commands that SIGTERM ends as Ctrl-C does: what was begun is given back, and said in a line."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.core.management.base import CommandError

T = TypeVar("T")


@contextmanager
def said(text: str) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM within the block into a sentence and exit status 1."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    try:
        with _on_term(interrupt):
            yield
    except KeyboardInterrupt:
        raise CommandError(text, returncode=1) from None


def run(main: Coroutine[Any, Any, T]) -> T:
    """Do what asyncio.run does; also SIGTERM cancels `main`, then KeyboardInterrupt is raised."""

    async def stoppable() -> T:
        task, loop = asyncio.create_task(main), asyncio.get_running_loop()
        with _on_term(lambda *_: loop.call_soon_threadsafe(task.cancel)):
            return await task

    try:
        return asyncio.run(stoppable())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


@contextmanager
def _on_term(handler: Callable[..., Any]) -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

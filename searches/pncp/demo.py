"""The source of a demonstration: a simulator within the process that asks it. Floor 1."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from threading import Thread

from searches.pncp.simulator import Simulator

#: A page comes fast, and not so fast that nothing can be watched.
LATENCY_SECONDS = 0.15
_START_SECONDS = _STOP_SECONDS = 10.0


@contextmanager
def simulated() -> Iterator[str]:
    """Serve the generated notices while the block lasts; yields the base URL.

    On a loop of its own: to draw months of notices takes a while, and would stop every stream.
    """
    ready: Future[tuple[str, Callable[[], object]]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with Simulator(latency_seconds=LATENCY_SECONDS).serving() as url:
            ready.set_result((url, partial(loop.call_soon_threadsafe, stop.set)))
            await stop.wait()

    thread = Thread(target=lambda: asyncio.run(serve()), name="simulator", daemon=True)
    thread.start()
    url, stop = ready.result(_START_SECONDS)
    try:
        yield url
    finally:
        stop()
        thread.join(_STOP_SECONDS)

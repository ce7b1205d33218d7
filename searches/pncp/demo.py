"""The source of a demonstration: a simulator within the process that asks it. Floor 1."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from functools import partial
from threading import Thread

from searches.pncp.simulator import Simulator

#: A page comes fast, and not so fast that nothing can be watched.
LATENCY_SECONDS = 0.15
_START_SECONDS = _STOP_SECONDS = 10.0


@asynccontextmanager
async def simulated() -> AsyncIterator[str]:
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

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # whoever waits for it has to hear of it
            if ready.done():
                raise
            ready.set_exception(error)

    thread = Thread(target=run, name="simulator", daemon=True)
    thread.start()
    url, stop = await asyncio.wait_for(asyncio.wrap_future(ready), _START_SECONDS)
    try:
        yield url
    finally:
        with suppress(RuntimeError):  # its loop is closed: it has ended by itself
            stop()
        await asyncio.to_thread(thread.join, _STOP_SECONDS)

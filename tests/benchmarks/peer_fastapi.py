"""The peer: FastAPI with sse-starlette under uvicorn, fanning the same events out.

A queue for each watcher, as sse-starlette's own examples have it, filled by a publisher in the same
process; the JSON is made once for all. It stores nothing: the comparison begins where our event has
its row. Run as `python -m tests.benchmarks.peer_fastapi --port N`.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI
from sse_starlette import EventSourceResponse, ServerSentEvent

app = FastAPI()
_queues: set[asyncio.Queue[tuple[int, str]]] = set()


@app.get("/watch")
async def watch() -> EventSourceResponse:
    """Stream everything published from now on; a first event says that the stream is open."""

    async def events() -> AsyncIterator[ServerSentEvent]:
        queue: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        _queues.add(queue)
        try:
            yield ServerSentEvent(id="0", data="{}")
            while True:
                seq, text = await queue.get()
                yield ServerSentEvent(id=str(seq), data=text)
        finally:
            _queues.discard(queue)

    return EventSourceResponse(events(), ping=15)


@app.get("/bench/search")
async def search() -> dict[str, str]:
    """Say where to watch, as the site's benchmark door does."""
    return {"search": "", "path": "/watch", "token": ""}


@app.get("/bench/publish")
async def publish(count: int, gap_ms: int) -> dict[str, dict[str, int]]:
    """Publish at a steady pace; return when each event was published, as monotonic ns by seq."""
    published_at: dict[str, int] = {}
    due = time.monotonic()
    for seq in range(1, count + 1):
        payload: dict[str, Any] = {
            "seq": seq,
            "stage": "fetching",
            "progress": 10 + 45 * seq // count,
            "message": "Buscando dados: 9/27 estados",
            "status": "running",
            "detail": {
                "uf": "SP",
                "uf_index": 9,
                "uf_total": 27,
                "uf_status": "reading",
                "items_found": 50 * seq,
                "items_matched": 3 * seq,
                "pages_done": seq,
                "pages_total": count,
                "from_store": 0,
                "reason": "",
            },
            "at": "2026-01-01T00:00:00.000Z",
        }
        published_at[str(seq)] = time.monotonic_ns()
        text = orjson.dumps(payload).decode()
        for queue in tuple(_queues):
            queue.put_nowait((seq, text))
        due += gap_ms / 1000
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    return {"told": published_at, "published": published_at}


def main() -> None:
    """Serve, as fast as uvicorn goes: with uvloop and httptools."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--plain", action="store_true", help="asyncio and h11 only")
    options = parser.parse_args()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=options.port,
        loop="asyncio" if options.plain else "uvloop",
        http="h11" if options.plain else "httptools",
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()

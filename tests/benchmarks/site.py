"""The site as it is served, with a publisher inside: `python -m tests.benchmarks.site --port N`.

The in-memory layer does not leave its process, so the events have to be made in it. This wraps the
site's ASGI application, adds addresses under /bench/ and hands all else on; the server is the one
of `manage.py serve`, on whatever database and layer the environment names.
"""

import argparse
import asyncio
import os
import time
from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import django
import orjson

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bidiq.settings")


class WithPublisher:
    """Wraps the application. Promises that an event is told as the pipeline tells it: first its
    row, in one short transaction, then the bell."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self._beats: set[asyncio.Task[None]] = set()

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        # No coroutine of its own for what it hands on: it would count as the watchers' memory.
        is_ours = scope["type"] == "http" and scope["path"].startswith("/bench/")
        answer: Awaitable[None] = (self._answer if is_ours else self.application)(
            scope, receive, send
        )
        return answer

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        asked = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        match scope["path"]:
            case "/bench/search":
                body: dict[str, Any] = await self._make_search()
            case "/bench/publish":
                body = await publish(
                    UUID(asked["search"]), int(asked["count"]), int(asked["gap_ms"])
                )
            case _:
                body = {}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": orjson.dumps(body)})

    async def _make_search(self) -> dict[str, str]:
        """Make a search that runs and does nothing; say where to watch it and with which token."""
        from channels.db import database_sync_to_async

        search_id, token = await database_sync_to_async(_running_search)()
        task = asyncio.create_task(_beat(search_id))
        self._beats.add(task)
        return {
            "search": str(search_id),
            "path": f"/api/buscar-progress/{search_id}",
            "token": token,
        }


def _running_search() -> tuple[UUID, str]:
    from datetime import date

    from django.contrib.auth.models import User

    from searches import runner, tokens
    from searches.domain.query import parse_query
    from searches.owners import Owner
    from searches.services import searches as services

    user, _ = User.objects.get_or_create(username="bench")
    query = parse_query({"ufs": ["SP"], "setor_id": "vestuario"}, today=date.today())
    owner = Owner(user_id=user.pk)
    search, _ = services.create_search(query, owner=owner, limited=False, deferred=False)
    services.claim(search.pk, worker=runner.worker_name())
    return search.pk, tokens.create_token(user)


async def _beat(search_id: UUID) -> None:
    """Give signs of life, or the runner takes the search for abandoned."""
    from channels.db import database_sync_to_async

    from searches.services import searches as services

    while True:
        await database_sync_to_async(services.beat)(search_id, attempt=1)
        await asyncio.sleep(4)


async def publish(search_id: UUID, count: int, gap_ms: int) -> dict[str, dict[str, int]]:
    """Tell events at a steady pace; return when each was told (before its row was written) and
    when the bell rang, as monotonic nanoseconds by seq."""
    from channels.db import database_sync_to_async

    from searches import live
    from searches.domain.progress import Stage, Told
    from searches.services import events

    told_at: dict[str, int] = {}
    published_at: dict[str, int] = {}
    due = time.monotonic()
    for number in range(count):
        # As large as what the pipeline says of a UF.
        detail: dict[str, Any] = {
            "uf": "SP",
            "uf_index": 9,
            "uf_total": 27,
            "uf_status": "reading",
            "items_found": 50 * number,
            "items_matched": 3 * number,
            "pages_done": number,
            "pages_total": count,
            "from_store": 0,
            "reason": "",
        }
        told = Told(Stage.FETCHING, number / count, detail=detail)
        before = time.monotonic_ns()
        payloads = await database_sync_to_async(events.record)(search_id, [told], attempt=1)
        seq = str(payloads[0]["seq"])
        told_at[seq], published_at[seq] = before, time.monotonic_ns()
        await live.publish(search_id, payloads)
        due += gap_ms / 1000
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    return {"told": told_at, "published": published_at}


def main() -> None:
    """Migrate and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    from bidiq import asgi, server

    asgi.application = WithPublisher(asgi.application)  # type: ignore[assignment]
    server.run(host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()

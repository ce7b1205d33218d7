"""Under ASGI: bytes are streamed asynchronously, and nothing holds a connection meanwhile."""

import asyncio
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import connections

from exports.models import Download
from exports.services import places
from tests.integration.storage.conftest import CONTENT
from tests.integration.storage.faults import Hangs

pytestmark = pytest.mark.django_db(transaction=True)


async def test_it_streams_the_bytes(async_client, make_artifact):
    artifact = await database_sync_to_async(make_artifact)()

    response = await async_client.get(f"/arquivos/{artifact.pk}/")

    assert response.is_async
    assert b"".join([piece async for piece in response.streaming_content]) == CONTENT
    assert await database_sync_to_async(Download.objects.count)() == 1


async def test_it_streams_a_range(async_client, make_artifact):
    artifact = await database_sync_to_async(make_artifact)()

    response = await async_client.get(
        f"/arquivos/{artifact.pk}/", headers={"Range": "bytes=524000-525000"}
    )

    assert response.status_code == 206
    body = b"".join([piece async for piece in response.streaming_content])
    assert body == CONTENT[524000:525001]


@pytest.fixture
def opened(monkeypatch):
    """The database connections that are open."""
    opened: set[object] = set()
    wrapper = type(connections["default"])
    connect, close = wrapper.connect, wrapper.close

    def counted_connect(self):
        connect(self)
        opened.add(self)

    def counted_close(self):
        close(self)
        opened.discard(self)

    monkeypatch.setattr(wrapper, "connect", counted_connect)
    monkeypatch.setattr(wrapper, "close", counted_close)
    return opened


def scope_of(artifact):
    """The question for a file, as a server puts it: each has a thread of its own."""
    path = f"/arquivos/{artifact.pk}/"
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"testserver")],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
        "scheme": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
    }


async def test_a_storage_that_hangs_keeps_no_connection(use_object_storage, make_artifact, opened):
    artifact = await database_sync_to_async(make_artifact)()
    use_object_storage(backend="tests.integration.storage.faults.Hangs")
    hanging = places.required_object_storage()
    assert isinstance(hanging, Hangs)
    hanging.go_on.clear()
    told: list[Any] = []
    asked: list[bool] = []

    async def receive():
        if not asked:
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        return await asyncio.Event().wait()

    async def send(message):
        told.append(message)

    task = asyncio.create_task(ASGIHandler()(scope_of(artifact), receive, send))
    try:
        assert await asyncio.to_thread(hanging.asked.acquire, timeout=20)
        assert not opened
    finally:
        hanging.go_on.set()
    await task
    assert told[0]["status"] == 503


async def test_a_slow_client_holds_no_connection(make_artifact, opened):
    """Through the real handler, with a client that takes the first piece and then nothing."""
    artifact = await database_sync_to_async(make_artifact)()
    took_one, go_on = asyncio.Event(), asyncio.Event()
    body = b""

    async def receive():
        await go_on.wait()
        await asyncio.sleep(60)

    async def ask():
        if not asked:
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        return await receive()

    async def send(message):
        nonlocal body
        body += message.get("body", b"")
        if body and not took_one.is_set():
            took_one.set()
            await go_on.wait()

    asked: list[bool] = []
    task = asyncio.create_task(ASGIHandler()(scope_of(artifact), ask, send))
    await took_one.wait()

    assert not opened

    go_on.set()
    await task
    assert body == CONTENT

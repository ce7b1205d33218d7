"""WithStreams: Django answers the head, the stream goes on without it."""

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from uuid import uuid4

import pytest

from searches import sse, streams

PAYLOADS = [
    {"seq": 1, "stage": "queued", "message": "á"},
    {"seq": 2, "stage": "complete", "message": ""},
]


@pytest.fixture
def follow(monkeypatch):
    """Replace follow(): says what the test puts into its queue; None ends it."""
    told: asyncio.Queue = asyncio.Queue()
    state = SimpleNamespace(told=told, closed=False, asked=None)

    async def fake(search_id, *, after=0):
        state.asked = (search_id, after)
        try:
            while (batch := await told.get()) is not None:
                yield batch
        finally:
            state.closed = True

    monkeypatch.setattr(streams, "follow", fake)
    return state


class Client:
    """The server's side of one request."""

    def __init__(self, site) -> None:
        self.inbox: asyncio.Queue = asyncio.Queue()
        self.sent: list[dict] = []
        self.site = site
        self.scope = {"type": "http"}

    async def send(self, message) -> None:
        self.sent.append(message)

    async def run(self) -> None:
        await sse.WithStreams(self.site)(self.scope, self.inbox.get, self.send)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def django(search_id, *, swallows_disconnect=False):
    """Answer as Django does: head, first bytes, an empty last body."""

    async def answer(scope, receive, send) -> None:
        scope[sse._HANDOVER].append((search_id, 7))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"head", "more_body": True})
        if swallows_disconnect:
            await receive()
        await send({"type": "http.response.body"})

    return answer


async def test_the_stream_follows_the_head_and_ends_once(follow):
    search_id = uuid4()
    client = Client(django(search_id))
    for payload in PAYLOADS:
        follow.told.put_nowait([streams.Frame(payload)])
    follow.told.put_nowait(())
    follow.told.put_nowait(None)
    await client.run()
    assert follow.asked == (search_id, 7)
    assert client.body.startswith(b"head")
    assert client.body.count(b"id: ") == 2
    assert client.body.endswith(b": ping\n\n")
    assert [bool(message.get("more_body")) for message in client.sent[1:]] == [True] * 4 + [False]
    assert follow.closed


async def test_a_client_that_goes_ends_the_stream(follow):
    client = Client(django(uuid4()))
    running = asyncio.create_task(client.run())
    await asyncio.sleep(0.01)
    assert not running.done()
    client.inbox.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(running, 1)
    assert follow.closed
    assert running.cancelling() == 0


async def test_a_client_that_went_while_django_answered_is_not_waited_for(follow):
    client = Client(django(uuid4(), swallows_disconnect=True))
    client.inbox.put_nowait({"type": "http.disconnect"})
    await asyncio.wait_for(client.run(), 1)
    assert follow.asked is None


async def test_a_server_that_closes_cancels_the_stream(follow):
    running = asyncio.create_task(Client(django(uuid4())).run())
    await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert running.cancelled()
    assert follow.closed


async def test_other_answers_pass_as_they_are():
    async def answer(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    client = Client(answer)
    await client.run()
    assert [message["type"] for message in client.sent] == [
        "http.response.start",
        "http.response.body",
    ]

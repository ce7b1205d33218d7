"""Server-sent events: the one place that makes an open stream. Floor 6.

Django decides who may watch and answers the head of the response; then its part of the request is
over and the stream goes on outside of it (WithStreams). Kept inside, each open stream would hold a
request, a response, three tasks, and a thread of its own: asgiref gives each request one for its
synchronous middleware, and it lives as long as the request does.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import aclosing
from typing import Any, cast
from uuid import UUID

from channels.db import aclose_old_connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from searches import streams
from searches.consumers import as_seq
from searches.models import Search

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

#: Where a request's scope has a place for the stream that is to follow Django's answer.
_HANDOVER = "bidiq.handover"
#: After how long a client that was cut off comes again.
RETRY_MILLISECONDS = 3000
_HEAD = f"retry: {RETRY_MILLISECONDS}\n\n".encode()
_PING = b": ping\n\n"


async def event_stream_response(request: HttpRequest, search: Search) -> HttpResponseBase:
    """Return the stream of a search's events after what the client has; 204 when that is all.

    204 after the end is what stops EventSource from coming back. No database connection is held
    while the stream is open: session and login have used one, it goes before the first byte.
    """
    last_id = request.headers.get("Last-Event-ID", "")
    after = as_seq(last_id) if last_id else as_seq(request.GET.get("after"))
    if after >= search.last_seq:
        if search.is_terminal:
            return HttpResponse(status=204)
        after = search.last_seq  # a number from nowhere must not make the stream mute
    await aclose_old_connections()
    handover: list[tuple[UUID, int]] | None = getattr(request, "scope", {}).get(_HANDOVER)
    if request.method == "HEAD":
        content = _head()
    elif handover is None:  # no WithStreams around: Django carries the stream itself
        content = _whole(search.pk, after)
    else:
        handover.append((search.pk, after))
        content = _head()
    return StreamingHttpResponse(
        content,
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )


async def _head() -> AsyncIterator[bytes]:
    yield _HEAD


async def _whole(search_id: UUID, after: int) -> AsyncIterator[bytes]:
    yield _HEAD
    async for batch in streams.follow(search_id, after=after):
        yield _bytes_of(batch)


def _bytes_of(batch: "streams.Batch") -> bytes:
    return b"".join([frame.sse for frame in batch]) or _PING


class WithStreams:
    """Wraps the site: takes a stream over when Django has answered its head.

    Outermost, so that nothing of the request is kept alive by the frames of other wrappers.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        handover: list[tuple[UUID, int]] = []
        scope[_HANDOVER] = handover
        is_gone = False

        async def noted_receive() -> Message:
            nonlocal is_gone
            message = await receive()
            is_gone = is_gone or message["type"] == "http.disconnect"
            return message

        async def held_send(message: Message) -> None:
            is_end = message["type"] == "http.response.body" and not message.get("more_body")
            if not (handover and is_end):
                await send(message)

        await self.application(scope, noted_receive, held_send)
        del scope, noted_receive, held_send  # a stream is long, and needs none of them
        if handover and not is_gone:
            await _carry(*handover[0], receive, send)


async def _carry(search_id: UUID, after: int, receive: Receive, send: Send) -> None:
    """Send a search's events until it ends or the client goes."""
    carrier = cast("asyncio.Task[Any]", asyncio.current_task())
    leaving = asyncio.create_task(_cancel_when_gone(receive, carrier))
    try:
        async with aclosing(streams.follow(search_id, after=after)) as batches:
            async for batch in batches:
                await send(
                    {"type": "http.response.body", "body": _bytes_of(batch), "more_body": True}
                )
        await send({"type": "http.response.body", "body": b""})
    except asyncio.CancelledError:
        if not leaving.done():
            raise  # the server is closing
        carrier.uncancel()
    finally:
        leaving.cancel()


async def _cancel_when_gone(receive: Receive, carrier: "asyncio.Task[Any]") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    carrier.cancel()

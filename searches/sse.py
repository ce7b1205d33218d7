"""Server-sent events: the one place that makes an open stream. Floor 6."""

from collections.abc import AsyncIterator
from uuid import UUID

from channels.db import aclose_old_connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from searches import streams
from searches.consumers import as_seq
from searches.models import Search


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
    return StreamingHttpResponse(
        _frames(search.pk, after),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"},
    )


async def _frames(search_id: UUID, after: int) -> AsyncIterator[bytes]:
    yield b"retry: 3000\n\n"
    async for batch in streams.follow(search_id, after=after):
        yield b"".join(frame.sse for frame in batch) or b": ping\n\n"

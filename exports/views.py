"""How an artifact leaves over HTTP, for the doors of other apps. Floor 6.

The caller decides who may come in; here are redirects, ranges, tags, the audit and error pages.
"""

import ipaddress
from collections.abc import AsyncIterator, Iterator

from channels.db import database_sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from bidiq.connections import release_connections
from exports.errors import ArtifactError, ArtifactExpired, StorageUnavailable
from exports.headers import Unsatisfiable, attachment, names_tag, parse_range
from exports.models import DATABASE, Artifact
from exports.services import deliver, read_piece


def artifact_response(
    request: HttpRequest, artifact: Artifact, *, visitor: str
) -> HttpResponseBase:
    """Answer a GET or HEAD with the file: 302 to a signed address, or its bytes.

    Each GET leaves a Download row, but for the later pieces of what one fetches in pieces. Call it
    from a sync view, or through database_sync_to_async from an async one; under ASGI the bytes are
    streamed asynchronously and no database connection is held while the client is slow. Raises
    exports.errors.ArtifactError.
    """
    if artifact.is_expired(now=timezone.now()):
        raise ArtifactExpired
    is_head = request.method == "HEAD"
    span: tuple[int, int] | None = None
    if artifact.storage == DATABASE:  # the object storage answers these questions itself
        if names_tag(request.headers.get("If-None-Match", ""), etag=_etag(artifact)):
            return _with_headers(HttpResponse(status=304), artifact)
        try:
            span = _asked_span(request, artifact)
        except Unsatisfiable:
            refusal = HttpResponse(status=416)
            refusal["Content-Range"] = f"bytes */{artifact.size_bytes}"
            return _with_headers(refusal, artifact)
    delivery = deliver(
        artifact,
        user=request.user,
        visitor=visitor,
        address=client_address(request),
        agent=request.headers.get("User-Agent", ""),
        counts=not is_head,
        is_later_piece=span is not None and span[0] > 0,
        method="head_object" if is_head else "get_object",
    )
    release_connections()  # the client may be slow
    if delivery.signed_url is not None:
        # Not HttpResponseRedirect: it refuses, and logs, addresses above 2,048 characters, which
        # signed ones with a session token are.
        return HttpResponse(
            status=302, headers={"Location": delivery.signed_url, "Cache-Control": "no-store"}
        )
    return _bytes_response(request, delivery.artifact, span=None if is_head else span)


def _bytes_response(
    request: HttpRequest, artifact: Artifact, *, span: tuple[int, int] | None
) -> HttpResponseBase:
    start, stop = span or (0, artifact.size_bytes)
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse()
    elif isinstance(request, ASGIRequest):
        response = StreamingHttpResponse(_async_pieces(artifact, start=start, stop=stop))
    else:
        response = StreamingHttpResponse(_pieces(artifact, start=start, stop=stop))
    response["Content-Type"] = artifact.content_type
    response["Content-Length"] = str(stop - start)
    response["Content-Disposition"] = attachment(artifact.filename)
    if span is not None:
        response.status_code = 206
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{artifact.size_bytes}"
    return _with_headers(response, artifact)


def _pieces(artifact: Artifact, *, start: int, stop: int) -> Iterator[bytes]:
    while start < stop:
        piece = read_piece(artifact, start=start, length=stop - start)
        if not piece:
            return
        start += len(piece)
        yield piece


async def _async_pieces(artifact: Artifact, *, start: int, stop: int) -> AsyncIterator[bytes]:
    # Any thread may read, and the connection goes back after each piece.
    read = database_sync_to_async(read_piece, thread_sensitive=False)
    while start < stop:
        piece = await read(artifact, start=start, length=stop - start)
        if not piece:
            return
        start += len(piece)
        yield piece


def _etag(artifact: Artifact) -> str:
    return f'"{artifact.sha256}"'


def _asked_span(request: HttpRequest, artifact: Artifact) -> tuple[int, int] | None:
    header = request.headers.get("Range", "")
    if not header or request.method != "GET":
        return None
    condition = request.headers.get("If-Range", "").strip()
    if condition and condition != _etag(artifact):
        return None  # the client holds a piece of something else: it gets the whole
    return parse_range(header, size_bytes=artifact.size_bytes)


def _with_headers(response: HttpResponseBase, artifact: Artifact) -> HttpResponseBase:
    response["ETag"] = _etag(artifact)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    if response.status_code in {304, 416}:
        del response["Content-Type"]
    return response


def client_address(request: HttpRequest) -> str | None:
    """Return the address of the client, or None when the server does not know it.

    Behind the proxy that BIDIQ_HTTPS stands for it is the last entry of X-Forwarded-For, the only
    one that the proxy wrote itself.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.BIDIQ_HTTPS:
        address = request.headers.get("X-Forwarded-For", address).rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


def error_response(
    request: HttpRequest,
    error: ArtifactError,
    *,
    artifact: Artifact,
    repeat_url: str,
    result_url: str,
) -> HttpResponse:
    """Answer an ArtifactError with its page: 503 and Retry-After for a fault that passes, else 410.

    `repeat_url` is where a POST does again what made the file, `result_url` what it was made of.
    """
    context = {
        "error": error,
        "artifact": artifact,
        "repeat_url": repeat_url,
        "result_url": result_url,
    }
    if isinstance(error, StorageUnavailable):
        response = render(request, "exports/unavailable.html", context, status=503)
        response["Retry-After"] = str(error.retry_after_seconds)
    else:
        response = render(request, "exports/expired.html", context, status=410)
    response["Cache-Control"] = "no-store"
    return response

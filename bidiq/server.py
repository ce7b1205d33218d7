"""Daphne, started from Python: it has no lifespan, so the runner starts when it listens, and gives
back what it runs before the loop ends."""

import asyncio
import gc
import json
import logging
import re
from collections.abc import Iterable
from contextvars import Context
from http import HTTPStatus
from importlib import import_module
from typing import Any

from autobahn.websocket.types import ConnectionDeny
from daphne import http_protocol
from daphne.endpoints import build_endpoint_description_strings
from daphne.http_protocol import WebRequest
from daphne.server import Server
from daphne.ws_protocol import WebSocketFactory, WebSocketProtocol
from django.conf import settings
from twisted.internet import tcp
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.protocols.policies import TimeoutMixin
from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers

from bidiq.lifespan import WithRunner

logger = logging.getLogger(__name__)

#: How long the searches may take to be given back: who stops a site waits ten seconds, then kills.
STOP_SECONDS = 5.0
#: Longer than a database that is away keeps a handshake waiting: else it is cut without an answer.
HANDSHAKE_SECONDS = 20
#: What a page may say to us is `{"type": "sync", "after": n}`; nothing needs more.
MOST_MESSAGE_BYTES = 4096
#: Django itself refuses what is above DATA_UPLOAD_MAX_MEMORY_SIZE, and says so on a page or at the
#: API: it is to see what is only somewhat too large. More is never stored, from whomever it comes.
MOST_BODY_BYTES = 4 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
#: How long who is refused may go on sending.
DEAF_SECONDS = 5.0


# Twisted would call those that it does not know, as 422 and 429, "Unknown Status".
RESPONSES.update({s.value: s.phrase.encode() for s in HTTPStatus if s.value not in RESPONSES})


class PromptConnection(tcp.Server):
    """Sends at once what the socket takes, as asyncio's own transports do.

    Twisted always waits for the loop to say that a socket can be written to, which is true nearly
    always: two calls of epoll and a turn of the loop for each event and watcher. What the socket
    does not take, and every error, goes Twisted's way.
    """

    def write(self, data: bytes) -> None:
        """Send, or keep what cannot be sent now."""
        super().write(self._unsent(data))  # type: ignore[no-untyped-call]

    def writeSequence(self, iovec: Iterable[bytes]) -> None:  # Twisted's name
        """Send the pieces as one."""
        self.write(b"".join(iovec))

    def _unsent(self, data: bytes) -> bytes:
        is_idle = not (self.dataBuffer or self._tempDataBuffer or self.TLS)
        if not (data and is_idle and self.connected) or self.disconnecting or self._aborting:
            return data
        if self.producer is not None and not self.streamingProducer:
            return data  # a producer that waits to be asked for more is asked by Twisted's way
        try:
            return data[self.socket.send(data) :]
        except OSError:  # full, or broken: then Twisted meets it again, and ends the connection
            return data


class SiteRequest(WebRequest):  # type: ignore[misc]
    """Leaves the reading of forms to Django. Twisted would read each one before, whole, and cut off
    who sends a broken one with a bare 400.

    A body is read to its end before Django sees a word of it, so here is who refuses one without an
    end: as soon as its length is said, or has come.
    """

    _is_refused = False

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, parsePOSTFormSubmission=False, **options)

    def gotLength(self, length: int | None) -> None:
        """Begin a body; of one in pieces (None) the length is known at its end."""
        if length is not None and length > MOST_BODY_BYTES:
            self._refuse()
        super().gotLength(0 if self._is_refused else length)

    def handleContentChunk(self, data: bytes) -> None:
        """Keep a piece of the body."""
        if not self._is_refused and self.content.tell() + len(data) > MOST_BODY_BYTES:
            self._refuse()
        if not self._is_refused:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Answer a request that is there as a whole."""
        host, path = _host_and_path(path)
        if host:  # it outweighs the header (RFC 9112, 3.2.2)
            self.requestHeaders.setRawHeaders(b"host", [host])
        if not self._is_refused:
            super().requestReceived(command, path, version)

    def _refuse(self) -> None:
        """Answer 413 in the middle of a request, and hear no other on its connection."""
        self._is_refused = True
        if self.content is not None:
            self.content.close()
        self.requestHeaders.removeHeader(b"Expect")  # else 100 would follow: go on
        self.channel.setTimeout(None)
        transport = self.channel.transport
        transport.unregisterProducer()
        _, path = _host_and_path(self.channel._path)  # a request gets its path at the end
        transport.write(_too_large(path))
        self.server.protocol_disconnected(self)
        transport.protocol = _Deaf()
        transport.protocol.makeConnection(transport)


class _Deaf(Protocol, TimeoutMixin):
    """Lets a client that is refused talk on for a while, and keeps nothing.

    If its connection were closed on what it still sends, its system would be told of a reset, and
    throw away the answer that has come already.
    """

    transport: Any

    def connectionMade(self) -> None:
        self.transport.loseWriteConnection()
        self.setTimeout(DEAF_SECONDS)  # type: ignore[no-untyped-call]

    def timeoutConnection(self) -> None:
        self.transport.abortConnection()

    def connectionLost(self, reason: Any = None) -> None:
        self.setTimeout(None)  # type: ignore[no-untyped-call]


def _host_and_path(target: bytes) -> tuple[bytes, bytes]:
    """Take the target of a request apart: proxies are sent whole URLs, and some pass them on."""
    found = re.fullmatch(rb"https?://([^/?#]+)([^#]*)", target, re.IGNORECASE)
    if found is None:
        return b"", target
    return found[1], found[2] if found[2].startswith(b"/") else b"/" + found[2]


def _too_large(path: bytes) -> bytes:
    """Return the whole answer to a body that is too large, in the words of a door."""
    text = f"O corpo do pedido passa de {MOST_BODY_BYTES // 2**20} MB."
    kind = "text/plain; charset=utf-8"
    if path.startswith(b"/api/"):
        kind = "application/json"
        text = json.dumps({"error": {"code": "request.too_large", "message": text}})
    body = text.encode()
    lines = [
        "HTTP/1.1 413 Content Too Large",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Refused:
    """Stands where a handshake's outcome is awaited, and turns a refusal into another status."""

    def __init__(self, outcome: Any, status: HTTPStatus) -> None:
        self._outcome = outcome
        self._status = status

    def errback(self, refusal: Any) -> None:
        code, reason = self._status.value, self._status.phrase
        self._outcome.errback(ConnectionDeny(code, reason))  # type: ignore[no-untyped-call]


class SiteSocket(WebSocketProtocol):  # type: ignore[misc]
    """Daphne's socket; a stranger meets the same 404 as at every other door, not its 403.

    What ASGI calls `websocket.http.response`, a refusal with a status, daphne does not know.
    """

    handshake_deferred: Any
    _refusal = HTTPStatus.NOT_FOUND
    _refusal_headers: list[tuple[str, str]] = []

    def serverReject(self) -> None:
        """Refuse the handshake."""
        self.handshake_deferred = _Refused(self.handshake_deferred, self._refusal)
        super().serverReject()

    def handle_reply(self, message: Any) -> None:
        """Do what the application says."""
        if message["type"] == "websocket.http.response.start":
            self._refusal = HTTPStatus(message["status"])
            self._refusal_headers = [(k.decode(), v.decode()) for k, v in message["headers"]]
            self.serverReject()
        else:  # the body has no place in autobahn's answer
            super().handle_reply(message)

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        """Answer a handshake that is refused."""
        headers = [*(responseHeaders or ()), *self._refusal_headers]
        super().sendHttpErrorResponse(code, reason, headers)


class SiteServer(Server):  # type: ignore[misc]
    """Daphne with prompt connections that keep little while a stream is open."""

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application on a request or a socket."""
        if isinstance(protocol, SiteSocket):
            scope["extensions"] = {"websocket.http.response": {}}
        # A fresh context: a request that came with the one before begins in the end of that one.
        queue = Context().run(super().create_application, protocol, scope)
        if isinstance(protocol, WebRequest):
            # The scope has the headers; Twisted reads them no more, and a stream is long.
            protocol.requestHeaders, protocol.clean_headers = Headers(), []
        return queue

    def listen_success(self, port: Any) -> None:
        """Take note of a port that listens."""
        port.transport = PromptConnection
        super().listen_success(port)


def run(*, host: str, port: int) -> None:
    """Serve the site until a signal ends it."""
    from twisted.internet import reactor  # installed by daphne.server, on asyncio

    from bidiq.asgi import application, runner  # loads the apps: not before Django is set up

    server = SiteServer(
        application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        # Called before the loop runs: the runner has to start on it.
        ready_callable=lambda: reactor.callLater(0, runner.start),  # type: ignore[arg-type]
        websocket_max_message_size=MOST_MESSAGE_BYTES,
        websocket_handshake_timeout=HANDSHAKE_SECONDS,
        server_name="bidiq",
        application_close_timeout=5,
        # Open streams live long; daphne's own limit would cut them.
        http_timeout=None,
    )
    WebSocketFactory.protocol = SiteSocket
    http_protocol.WebRequest = SiteRequest  # its factory has no place for one
    reactor.addSystemEventTrigger(
        "before",
        "shutdown",  # type: ignore[arg-type]
        lambda: Deferred.fromFuture(asyncio.ensure_future(_stop(runner))),
    )
    _settle_memory()
    server.run()


async def _stop(runner: WithRunner) -> None:
    """Have the searches given back. Left to themselves they would count as lost at the next start,
    and three restarts would end them."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await runner.stop()
    except Exception:  # the process ends all the same: their silence gives them back
        logger.exception("the searches could not be given back")


def _settle_memory() -> None:
    """Load what the first request would, and take it all out of the garbage collector's sight.

    Django and the libraries are a million objects that never go; walking through them stopped every
    stream for a fifth of a second each time.
    """
    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()

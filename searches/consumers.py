"""The socket: the same events as everywhere, as JSON messages. Floor 6."""

import asyncio
import logging
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import orjson
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer
from django.conf import settings

from bidiq import logs
from searches import selectors, streams
from searches.database import AWAY
from searches.owners import owner_of
from searches.tokens import bearer_of_scope, user_of_token

logger = logging.getLogger(__name__)

#: Close codes of ours; before accepting, a refusal is HTTP 404 for strangers and unknown alike.
GONE = 4404
AWAY_NOW = 4503
_UNAVAILABLE = {"status": 503, "headers": [(b"retry-after", b"5"), (b"content-length", b"0")]}


class ProgressConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    """Pushes a search's events until it ends. One thing may be said to it:
    `{"type": "sync", "after": n}` asks for everything after n again."""

    #: No layer of this name exists: the hub listens for all sockets of the process together.
    channel_layer_alias = "none"

    search_id: UUID
    _pump: "asyncio.Task[None] | None" = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._stop()  # disconnect() alone misses crashes

    async def connect(self) -> None:
        self.search_id = self.scope["url_route"]["kwargs"]["search_id"]
        last_seq = await self._last_seq()
        if last_seq is None:
            await self.close()
            return
        await self.accept()
        text = self.scope.get("query_string", b"").decode("ascii", "replace")
        asked = parse_qs(text, keep_blank_values=True).get("after", ["0"])
        self._start(min(as_seq(asked[-1]), last_seq))  # the last, as the other doors read it

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if not isinstance(content, dict) or content.get("type") != "sync":
            return
        await self._read_login()
        last_seq = await self._last_seq()
        if last_seq is None:  # logged out meanwhile
            await self.close(code=GONE)
            return
        await self._stop()
        self._start(min(as_seq(content.get("after")), last_seq))

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        """Return None for nonsense: an exception here would kill the socket."""
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(text_data)
        return None

    async def receive(self, text_data: Any = None, bytes_data: Any = None, **kwargs: Any) -> None:
        if text_data:  # binary frames mean nothing here
            await super().receive(text_data=text_data, **kwargs)

    async def _read_login(self) -> None:
        """Read session and user anew: the scope has those of the handshake."""
        known = self.scope["session"]
        self.scope["session"] = known.__class__(known.session_key)
        self.scope["user"] = await get_user(self.scope)

    async def _last_seq(self) -> int | None:
        """Return the number of the search's last event; None for who may not watch it."""
        found: int | None = await database_sync_to_async(self._read_last_seq)()
        return found

    def _read_last_seq(self) -> int | None:
        logs.search_id.set(str(self.search_id))
        user, session = self.scope.get("user"), self.scope.get("session")
        token = bearer_of_scope(self.scope)
        if token is not None:
            user, session = user_of_token(token), None
        if settings.BIDIQ_LOGIN_REQUIRED and not (user and user.is_authenticated):
            return None
        owner = owner_of(user=user, session=session)
        search = selectors.get_visible(self.search_id, owner)
        return None if search is None else search.last_seq

    def _start(self, after: int) -> None:
        self._pump = asyncio.create_task(self._push(after))

    async def _stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            self._pump = None

    async def _push(self, after: int) -> None:
        try:
            async for batch in streams.follow(self.search_id, after=after):
                for frame in batch:
                    await self.send(text_data=frame.text)
            await self.close(code=1000)
        except asyncio.CancelledError:
            raise
        except Exception:  # the client went away between two frames: nobody is left to tell
            logger.debug("a socket went away while it was written to", exc_info=True)


class RefusingConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """Refuses: nothing is here."""

    channel_layer_alias = "none"

    async def connect(self) -> None:
        await self.close()


class RefusedWhileAway:
    """Wraps what sockets meet: while the database is away they are refused with 503, where the
    server can say that, and open ones are closed; in one line of the log. Session and login read
    before any consumer does."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        has_answered = False

        async def noted_send(message: Any) -> None:
            nonlocal has_answered
            has_answered = True
            await send(message)

        try:
            await self.application(scope, receive, noted_send)
        except AWAY as error:
            logger.warning("a socket met a database that is away: %s", " ".join(str(error).split()))
            if has_answered or "websocket.http.response" not in scope.get("extensions", {}):
                await send({"type": "websocket.close", "code": AWAY_NOW})
            else:
                await send({"type": "websocket.http.response.start", **_UNAVAILABLE})
                await send({"type": "websocket.http.response.body", "body": b""})


def as_seq(value: Any) -> int:
    """Return a place in the events; anything that is none means the beginning."""
    text = str(value).strip()
    if not (text.isascii() and text.isdigit()):
        return 0
    return int(text[-9:]) if len(text.lstrip("0")) <= 9 else 10**9

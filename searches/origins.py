"""Who may open a socket: pages of this site, and programs with a token. Floor 6."""

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import OriginValidator, WebsocketDenier
from django.conf import settings

from searches.tokens import bearer_of_scope

logger = logging.getLogger(__name__)


#: The ports that browsers leave out of an Origin.
_UNSAID_PORTS = {"http": 80, "https": 443}


def _is_of_another_port(headers: dict[bytes, bytes], *, trusted: Sequence[str]) -> bool:
    """Return whether Origin and Host name different ports: ALLOWED_HOSTS knows none, and browsers
    send one host's cookies to all its ports.

    A Host without a port says nothing: proxies leave it out.
    """
    origin = headers.get(b"origin", b"").decode("latin-1")
    try:
        asked, named = (
            urlsplit(f"//{headers.get(b'host', b'').decode('latin-1')}"),
            urlsplit(origin),
        )
        ports = {asked.port, named.port}
    except ValueError:
        return True
    if named.port is None and named.hostname == asked.hostname:  # else Host is a proxy's own word
        ports = {asked.port, _UNSAID_PORTS.get(named.scheme)}
    return None not in ports and len(ports) == 2 and origin not in trusted


class LoggedOriginValidator(OriginValidator):  # type: ignore[misc]
    """Refuses foreign and missing origins, and says so in the log (channels#2062: it is silent)."""

    def __init__(self, application: Any) -> None:
        trusted = [*settings.ALLOWED_HOSTS, *settings.CSRF_TRUSTED_ORIGINS]
        super().__init__(application, trusted)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        # No page can make a browser send such a header: whoever does is a program, and the token
        # alone says whose.
        if bearer_of_scope(scope) is not None:
            return await self.application(scope, receive, send)
        if _is_of_another_port(dict(scope["headers"]), trusted=settings.CSRF_TRUSTED_ORIGINS):
            logger.warning("a socket of a page of another port of this host was refused")
            return await WebsocketDenier()(scope, receive, send)
        return await super().__call__(scope, receive, send)

    def valid_origin(self, parsed_origin: Any) -> bool:
        is_valid = bool(super().valid_origin(parsed_origin))
        if not is_valid:
            host = parsed_origin.hostname if parsed_origin else None
            logger.warning("a socket of origin %r was refused (ALLOWED_HOSTS)", host)
        return is_valid

"""Daphne, started from Python: it has no lifespan, so the runner starts when it listens."""

import logging

from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server

logger = logging.getLogger(__name__)

#: What a page may say to us is `{"type": "sync", "after": n}`; nothing needs more.
MOST_MESSAGE_BYTES = 4096


def run(*, host: str, port: int) -> None:
    """Serve the site until a signal ends it."""
    from twisted.internet import reactor  # installed by daphne.server, on asyncio

    from bidiq.asgi import application  # loads the apps: not before Django is set up

    Server(
        application,
        endpoints=build_endpoint_description_strings(host=host, port=port),
        # Called before the loop runs: the runner has to start on it.
        ready_callable=lambda: reactor.callLater(0, application.start),  # type: ignore[arg-type]
        websocket_max_message_size=MOST_MESSAGE_BYTES,
        server_name="bidiq",
        application_close_timeout=5,
        # Open streams live long; daphne's own limit would cut them.
        http_timeout=None,
    ).run()

"""Starts the inline runner with the server: by lifespan where there is one, else at once."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class WithRunner:
    """Wraps the application. Daphne has no lifespan: there the first request starts the runner,
    and `manage.py serve` does it before that, by calling `start`."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self._started = False

    def start(self) -> None:
        """Start the runner on the running loop, once."""
        if not self._started and settings.BIDIQ_RUNNER == "inline":
            self._started = True
            from searches.runner import inline_runner

            inline_runner().start()

    async def stop(self) -> None:
        """Give back what runs here."""
        if self._started:
            from searches.runner import inline_runner

            await inline_runner().stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        self.start()
        await self.application(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

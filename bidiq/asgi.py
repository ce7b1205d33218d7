"""The site as an ASGI application, for any ASGI server."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bidiq.settings")

from django.core.asgi import get_asgi_application

# Before anything that imports models: this is what loads the apps.
_django = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402

from bidiq import checks, telemetry  # noqa: E402
from bidiq.lifespan import WithRunner  # noqa: E402
from searches.consumers import RefusedWhileAway  # noqa: E402
from searches.origins import LoggedOriginValidator  # noqa: E402
from searches.routing import websocket_urlpatterns  # noqa: E402
from searches.sse import WithStreams  # noqa: E402

checks.stop_on_errors()
telemetry.start()

#: The runner's keeper: daphne's start calls its `start`, servers with a lifespan need not.
runner = WithRunner(
    ProtocolTypeRouter(
        {
            "http": _django,
            "websocket": RefusedWhileAway(
                LoggedOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
            ),
        }
    )
)
application = WithStreams(runner)

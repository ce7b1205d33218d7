"""One search to tell of, and each channel layer in turn."""

import gc
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio
from channels.db import database_sync_to_async
from channels.layers import channel_layers, get_channel_layer
from django.conf import LazySettings

from searches import live
from searches.domain.lifecycle import Status
from searches.domain.progress import Stage, Told
from searches.models import Search
from searches.services import events
from searches.services import searches as services
from tests import servers
from tests.integration.conftest import create

BACKENDS = {
    "memory": "channels.layers.InMemoryChannelLayer",
    "core": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}


@pytest.fixture(scope="session")
def valkey() -> Iterator[servers.Valkey]:
    with servers.valkey() as server:
        yield server


#: The core layer may lose sight of a connection when a receive is cancelled (channels_redis#332),
#: the pub/sub layer of a socket when its receiver and a subscription reconnect at the same moment
#: (both use one connection of redis-py): whenever the garbage collector meets it, in that test or
#: at its end, it is not ours.
LOST = {"core": "unclosed Connection", "pubsub": "unclosed <StreamWriter"}
LAYERS_OF_REDIS = [
    pytest.param(kind, marks=pytest.mark.filterwarnings(f"ignore:{what}:ResourceWarning"))
    for kind, what in LOST.items()
]


@pytest.fixture(params=["memory", *LAYERS_OF_REDIS])
def kind(request: pytest.FixtureRequest) -> Iterator[str]:
    yield str(request.param)
    if request.param in LOST:
        gc.collect()  # what it lost is met here and not in the next test


@pytest_asyncio.fixture
async def layer(
    kind: str, settings: LazySettings, request: pytest.FixtureRequest
) -> AsyncIterator[dict[str, Any]]:
    """Point the site to a layer of this kind; yields its configuration."""
    configuration: dict[str, Any] = {"BACKEND": BACKENDS[kind], "CONFIG": {}}
    settings.REDIS_URL = ""
    if kind == "memory":
        configuration["CONFIG"] = {"capacity": 10_000}
    else:
        server: servers.Valkey = request.getfixturevalue("valkey")
        server.start()  # a test before may have taken it down
        settings.REDIS_URL = server.url
        host = {"address": server.url, "socket_timeout": 30, "socket_connect_timeout": 2}
        configuration["CONFIG"] = {"hosts": [host], "prefix": "test"}
    settings.CHANNEL_LAYERS = {"default": configuration}
    channel_layers.backends.clear()
    live._rests_until = 0.0
    yield configuration
    shared = get_channel_layer()
    with suppress(Exception):  # its server may be down
        await shared.flush()
    if hasattr(shared, "close_pools"):
        await shared.close_pools()
    channel_layers.backends.clear()


class Teller:
    """A running search that tells what a test wants told."""

    def __init__(self, search: Search) -> None:
        self.search = search
        self.id = search.pk

    async def record(self, count: int = 1, *, first: int = 0) -> list[dict[str, Any]]:
        """Store events without ringing."""
        told = [
            Told(Stage.FETCHING, 0.5, detail={"items_found": first + number})
            for number in range(count)
        ]
        return list(
            await database_sync_to_async(events.record)(self.id, told, attempt=self.search.attempt)
        )

    async def tell(self, count: int = 1, *, first: int = 0) -> list[dict[str, Any]]:
        """Store events and ring, as a worker does."""
        payloads = await self.record(count, first=first)
        await live.publish(self.id, payloads)
        return payloads

    async def end(self) -> None:
        payloads = await database_sync_to_async(services.finish)(
            self.id,
            Status.COMPLETE,
            Told(Stage.COMPLETE, status=Status.COMPLETE),
            attempt=self.search.attempt,
        )
        await live.publish(self.id, payloads)

    async def stored(self) -> Sequence[int]:
        numbers: list[int] = await database_sync_to_async(
            lambda: list(self.search.events.values_list("seq", flat=True))
        )()
        return numbers


@pytest_asyncio.fixture
async def teller(transactional_db: None, layer: dict[str, Any]) -> Teller:
    waiting = await create()
    claimed = await database_sync_to_async(services.claim)(waiting.pk, worker="test:1:x")
    assert claimed is not None
    return Teller(claimed)

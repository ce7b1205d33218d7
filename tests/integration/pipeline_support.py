"""What the tests of a search's run share."""

import asyncio
from collections import Counter

from channels.db import database_sync_to_async

from searches import selectors

FOOD = "Aquisição de gêneros alimentícios para a merenda"
OTHER = "Contratação de seguro de vida"


def sync(function):
    return database_sync_to_async(function)()


async def eventually(look, *, at_least=1):
    """Return when something that nobody announces has come to be."""
    async with asyncio.timeout(20):
        while True:
            found = look()
            if (await found if asyncio.iscoroutine(found) else found) >= at_least:
                return
            await asyncio.sleep(0.01)


async def events_of(search):
    return await sync(lambda: selectors.events_after(search.pk, 0))


def page_requests(simulator):
    """Return how often each page was asked for."""
    return Counter(tuple(sorted(seen.params.items())) for seen in simulator.requests)

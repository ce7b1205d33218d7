"""What the tests of a search's run share."""

import asyncio
from collections import Counter
from datetime import timedelta

from channels.db import database_sync_to_async
from django.db.models import F

from searches import selectors
from searches.models import Coverage, PageRead

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


async def grow_old(**age):
    """Make all that the store knows so much older."""

    def move():
        for model in (Coverage, PageRead):
            model.objects.update(fetched_at=F("fetched_at") - timedelta(**age))

    await sync(move)

"""A saved search, run again a day later."""

import asyncio
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth.models import User
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client

from searches.models import SavedSearch, Search
from searches.owners import Owner
from searches.pipeline import run_search
from searches.services import saved as services
from tests.integration.conftest import NOW, open_client, record, reload

ALICE = Owner(visitor="alice")
#: The made-up source: three notices until the 19th, two more on the 20th.
RECORDS = [record(n, day="2026-08-18") for n in (1, 2, 3)] + [
    record(n, day="2026-08-20", object=f"Aquisição de gêneros alimentícios, lote {n}")
    for n in (4, 5)
]
BEFORE = {"data_inicial": "2026-08-16", "data_final": "2026-08-19"}


class NoMail(EmailBackend):
    """A mail server that takes nothing."""

    def send_messages(self, messages):
        raise OSError("no mail today")


NO_MAIL = f"{__name__}.{NoMail.__name__}"


def sync(function, *args, **kwargs):
    return database_sync_to_async(function)(*args, **kwargs)


def login(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


async def finished(settings: Any, search: Search) -> Search:
    async with open_client(settings) as client:
        await asyncio.wait_for(run_search(search.pk, worker="test:1:x", client=client), 60)
    return await reload(search)


@pytest.fixture
def daily(simulate, run, settings):
    """Save a search of yesterday's and run it again today; return it and today's run."""

    async def make(owner: Owner = ALICE, **changes: Any) -> tuple[SavedSearch, Search]:
        await simulate(RECORDS)
        first = await run(owner, **BEFORE)
        saved = await sync(services.save, first, owner=owner, name="Merenda")
        await sync(SavedSearch.objects.filter(pk=saved.pk).update, next_run_at=NOW, **changes)
        (search_id,) = await sync(services.run_due, now=NOW)
        return saved, await finished(settings, await sync(Search.objects.get, pk=search_id))

    return make


@pytest.fixture
def mailed(daily, alice):
    """Run a saved search of a user who wants mail."""

    async def make(email: str = "alice@empresa.example") -> tuple[SavedSearch, Search]:
        await sync(User.objects.filter(pk=alice.pk).update, email=email)
        return await daily(Owner(user_id=alice.pk), wants_mail=True)

    return make

"""A browser without a script: what it asks for, and what its reader sees."""

import re
from html import unescape
from typing import Any

from channels.db import database_sync_to_async
from django.test import Client

from searches.models import Search
from searches.owners import VISITOR_KEY
from tests.integration.conftest import record


def browser(key: str = "alice") -> Client:
    """Return a browser whose session belongs to a visitor."""
    client = Client()
    session = client.session
    session[VISITOR_KEY] = key
    session.save()
    client.cookies["sessionid"] = str(session.session_key)
    return client


def page(path: str, *, status: int = 200, client: Client | None = None) -> str:
    answer = (client or browser()).get(path)
    assert answer.status_code == status
    return str(answer.content.decode())


async def get(path: str, **options: Any) -> str:
    return await database_sync_to_async(page)(path, **options)


def words(html: str) -> str:
    """Return what a reader sees, on one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).strip()


async def outdate(search: Search) -> Search:
    """Make a search one that was asked by rules that hold no more."""
    search.query |= {"setor_id": "setor-que-acabou", "modalidades": [6, 99], "esferas": ["X"]}
    await database_sync_to_async(search.save)(update_fields=["query"])
    return search


def foods(count: int) -> list[dict[str, Any]]:
    return [record(number) for number in range(1, count + 1)]

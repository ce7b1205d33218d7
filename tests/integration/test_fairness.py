"""Whoever asks for little does not wait for all that somebody else has asked for before."""

import asyncio

import pytest

from searches.owners import Owner
from searches.pipeline import run_search
from tests.integration.conftest import create, open_client, record
from tests.integration.pipeline_support import eventually

pytestmark = pytest.mark.django_db(transaction=True)

LARGE, SMALL = 40, 3  # pages


@pytest.mark.parametrize("wants_it_too", [False, True], ids=["its own", "what both want"])
async def test_a_small_search_waits_for_few_pages_of_a_large_one(simulate, settings, wants_it_too):
    settings.PNCP_CONCURRENCY = 1
    pages = [("SP", LARGE), ("TO", SMALL)]
    wanted = [uf for uf, count in pages for _ in range(50 * count)]
    source = await simulate([record(n, uf=uf) for n, uf in enumerate(wanted)])
    async with open_client(settings, concurrency=1) as client:

        async def begin(owner: str, ufs: list[str]) -> "asyncio.Task[None]":
            search = await create(Owner(visitor=owner), ufs=ufs, modalidades=[6])
            return asyncio.create_task(run_search(search.pk, worker="test:1:x", client=client))

        async def all_are_wanted() -> bool:
            return len(source.requests) > 2  # the first page has told how many there are

        large = await begin("alice", ["SP", "TO"] if wants_it_too else ["SP"])
        await eventually(all_are_wanted)
        before = len(source.requests)
        await (await begin("bob", ["TO"]))
        assert not large.done()
        large.cancel()
        await asyncio.gather(large, return_exceptions=True)
    small = [n for n, request in enumerate(source.requests) if request.params["uf"] == "TO"]
    assert len(small) == SMALL
    # Each after one of the other's, from the moment that it was asked for: half of what is left.
    assert small[-1] - before < LARGE / 2, (before, small)

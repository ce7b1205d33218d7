"""Faults of ours while a search runs: it ends, and keeps what it has."""

import asyncio
import tempfile

import pytest
from django.test import Client

from searches.domain.lifecycle import Status
from searches.domain.progress import Stage
from searches.models import SearchEvent
from searches.owners import Owner
from searches.pipeline import run_search
from searches.services import events, notices
from tests.integration.conftest import create, open_client, record, reload
from tests.integration.pages_support import get, words
from tests.integration.pipeline_support import (
    FOOD,
    events_of,
    sync,
)

pytestmark = pytest.mark.django_db(transaction=True)


async def test_it_ends_with_an_error_when_the_fault_is_ours(simulate, settings, monkeypatch):
    await simulate([record(1)])
    search = await create()

    def broken(*args, **kwargs):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr("searches.services.results.judge_all", broken)
    async with open_client(settings) as client:
        await run_search(search.pk, worker="test:1:x", client=client)
    ended = await reload(search)
    assert (ended.status, ended.error_code) == (Status.ERROR, "internal")
    last = await sync(SearchEvent.objects.filter(search=search).order_by("-seq").first)
    assert "a fault of ours" not in str(last.payload)


async def test_a_recorder_that_fails_over_the_last_events_leaves_no_search_hanging(
    simulate, run, monkeypatch
):
    written = events.record

    def record_events(search_id, told, **options):
        if any(each.stage is Stage.EXCEL and each.detail for each in told):
            raise RuntimeError("a fault of ours")
        return written(search_id, told, **options)

    monkeypatch.setattr(events, "record", record_events)
    await simulate([record(1)])
    search = await run()
    assert (search.status, search.error_code) == (Status.ERROR, "internal")


async def test_a_fault_in_one_list_ends_the_reading_of_the_others(simulate, settings, monkeypatch):
    """They share the source's budget with all searches."""
    store_page = notices.store_page

    def store(source, key, *args, **options):
        if key.modality == 4:
            raise ValueError("a fault of ours")
        return store_page(source, key, *args, **options)

    monkeypatch.setattr(notices, "store_page", store)
    few = [record(number, modality=4) for number in range(1, 3)]
    many = [record(number, modality=6) for number in range(10, 900)]
    await simulate(few + many, latency_seconds=0.1)
    search = await create()
    async with open_client(settings, concurrency=1) as client:
        await run_search(search.pk, worker="test:1:x", client=client)
        reading = [task for task in asyncio.all_tasks() if "ListReader" in repr(task.get_coro())]
    assert (await reload(search)).error_code == "internal"
    assert reading == []


async def test_without_room_for_the_file_the_result_is_still_there(
    simulate, run, tmp_path, monkeypatch
):
    await simulate([record(n, object=FOOD) for n in range(1, 11)])
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    search = await run()

    assert (search.status, search.total_kept) == (Status.COMPLETE, 10)
    assert search.artifact is None
    assert (await events_of(search))[-1]["detail"]["download_url"] is None


async def test_a_file_that_is_too_large_is_said_at_every_door(simulate, run, settings, alice):
    """Asking again would meet the same limit: what helps is a smaller question."""
    settings.BIDIQ_DATABASE_FILE_LIMIT_BYTES = 1000
    await simulate([record(n, object=FOOD) for n in range(1, 11)])

    search = await run(Owner(user_id=alice.pk))

    assert (search.status, search.total_kept, search.artifact) == (Status.COMPLETE, 10, None)
    assert (await events_of(search))[-1]["detail"]["code"] == "artifact.large"
    client = Client()
    await sync(lambda: client.force_login(alice))
    said = "grande demais para ser guardado. Para tê-lo, divida a busca: menos estados"
    for path, status in ((f"{search.pk}/", 200), ("", 200), (f"{search.pk}/excel/", 409)):
        html = await get(f"/buscas/{path}", status=status, client=client)
        assert said in words(html), path
        assert "ter o arquivo" not in html, path  # by the same search again
    answer = await sync(lambda: client.get(f"/api/buscar/{search.pk}"))
    assert (answer.json()["erro"], answer.json()["excel_available"]) == ("artifact.large", False)
    answer = await sync(lambda: client.get(f"/api/download?id={search.pk}"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "artifact.large")
    assert said in answer.json()["error"]["message"]


async def test_a_fault_of_ours_in_the_file_takes_no_result_away(simulate, run, monkeypatch):
    def fail(*args, **options):
        raise ValueError("a fault of ours")

    monkeypatch.setattr("searches.reports.write_report", fail)
    await simulate([record(n, object=FOOD) for n in range(1, 11)])
    search = await run()
    assert (search.status, search.total_kept, search.artifact) == (Status.COMPLETE, 10, None)


async def test_an_ending_after_the_result_is_stored_keeps_its_figures(simulate, run, monkeypatch):
    """The floor of terms was relaxed at the end: what was counted by UF is less."""

    def record_events(search_id, told, **options):
        if any(each.stage is Stage.EXCEL for each in told):
            raise RuntimeError("a fault of ours")
        return written(search_id, told, **options)

    written = events.record
    monkeypatch.setattr(events, "record", record_events)
    await simulate([record(n, object="Aquisição de café") for n in range(1, 4)])
    search = await run(setor_id=None, termos_busca="café, chá, leite, pão")
    assert (search.status, search.error_code) == (Status.ERROR, "internal")
    assert search.total_kept == search.summary["total"] == 3
    assert await sync(search.matches.filter(hidden=False).count) == 3

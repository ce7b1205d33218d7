"""What a search finds and counts, over a real source that misbehaves on demand."""

import asyncio
from datetime import date

import pytest

from searches.domain.filtering import Decider
from searches.domain.lifecycle import Status
from searches.domain.progress import Stage
from searches.domain.query import SearchQuery
from searches.models import Match, Notice, Search
from searches.pipeline import run_search
from searches.services import results
from tests.integration.conftest import NOW, create, open_client, record, reload
from tests.integration.pipeline_support import (
    FOOD,
    OTHER,
    events_of,
    page_requests,
    sync,
)

pytestmark = pytest.mark.django_db(transaction=True)


async def test_it_finds_keeps_and_counts(simulate, run):
    await simulate([record(n, object=FOOD if n % 3 else OTHER) for n in range(1, 131)])
    search = await run()
    assert search.status == Status.COMPLETE
    assert (search.total_raw, search.total_kept) == (130, 87)
    assert sum(search.rejections.values()) == 43
    assert search.rejections["sem_termo"] == 43
    assert await sync(search.matches.filter(hidden=False).count) == 87
    assert search.coverage["SP"]["status"] == "complete"
    assert search.artifact is not None
    assert search.artifact.rows == 87


async def test_events_have_no_hole_their_stages_are_in_order_and_progress_never_falls(
    simulate, run
):
    await simulate([record(n, uf=("SP", "RJ", "MG")[n % 3]) for n in range(1, 240)])
    search = await run(ufs=["SP", "RJ", "MG"])
    told = await events_of(search)
    assert [event["seq"] for event in told] == list(range(1, len(told) + 1))
    order = [stage.value for stage in Stage]
    stages = [order.index(event["stage"]) for event in told]
    assert stages == sorted(stages)
    progress = [event["progress"] for event in told]
    assert progress == sorted(progress)
    assert progress[-1] == 100
    assert told[0]["stage"] == "queued"
    assert [event["stage"] for event in told].count("complete") == 1
    last = told[-1]["detail"]
    assert last["total_raw"] == search.total_raw
    assert last["total_filtrado"] == search.total_kept
    assert last["storage"] == "database"
    assert str(search.pk) in last["download_url"]
    fetching = [event["detail"] for event in told if event["stage"] == "fetching"]
    assert {detail["uf"] for detail in fetching} == {"SP", "RJ", "MG"}
    assert fetching[-1]["uf_index"] == fetching[-1]["uf_total"] == 3
    assert len(told) < 200


async def test_a_copy_counts_once_and_the_newest_wins(simulate, run):
    old = record(1, object=OTHER)
    new = record(1, object=FOOD, dataAtualizacaoGlobal="2026-08-19T22:00:00")
    await simulate([new, *(record(n) for n in range(2, 60)), old])
    search = await run()
    assert (search.total_raw, search.total_kept) == (59, 59)
    assert search.coverage["SP"]["repetidas"] == 1


async def test_a_unit_that_fails_is_named_and_the_rest_is_there(simulate, run):
    await simulate(
        [record(n, uf="SP") for n in range(1, 20)] + [record(99, uf="MG")], faults="down:uf=MG"
    )
    search = await run(ufs=["SP", "MG"])
    assert search.status == Status.PARTIAL
    assert search.coverage["SP"]["status"] == "complete"
    assert search.coverage["MG"]["status"] == "failed"
    assert search.coverage["MG"]["motivo"] == "source.down"
    assert search.total_kept == 19
    assert search.artifact is not None
    last = (await events_of(search))[-1]
    assert last["stage"] == "partial"
    assert last["message"].endswith(". Minas Gerais não foi lida")
    assert last["progress"] == 100


async def test_the_pages_of_both_rounds_are_counted(simulate, run):
    """What the first round read of a UF is not asked again, and not forgotten either."""
    foods = [record(n, uf="RJ", modality=6) for n in range(1, 130)]
    works = [record(n, uf="RJ", modality=4) for n in range(200, 210)]
    await simulate(foods + works, faults="truncate:uf=RJ;page=2")
    search = await run(ufs=["RJ", "AC"])
    told = [
        event["detail"]
        for event in await events_of(search)
        if event["stage"] == "fetching" and event["detail"]["uf"] == "RJ"
    ]
    assert told[-1]["retrying"] == 1
    for count in ("pages_done", "pages_total", "items_found"):
        counts = [each[count] for each in told]
        assert counts == sorted(counts)
    covered = search.coverage["RJ"]
    assert covered["status"] == "partial"
    assert covered["paginas_lidas"] == 5
    assert covered["paginas_total"] == 6


async def test_a_first_page_that_failed_is_told_rather_than_a_later_one(simulate, run):
    """Without it nobody knows how many pages there are."""
    await simulate(
        [record(n, modality=6) for n in range(1, 130)],
        faults="truncate:modality=6;page=2,timeout:modality=4;page=1",
    )
    search = await run(client={"attempts": 1, "timeout_seconds": 0.3})  # the second fails later
    assert search.coverage["SP"]["pagina_que_falhou"] == 1


@pytest.mark.parametrize("ufs", [["SP"], ["SP", "RJ"]])
async def test_what_failed_is_tried_again_also_when_no_uf_is_whole(simulate, run, ufs):
    foods = [record(n, uf=ufs[n % len(ufs)]) for n in range(1, 151)]
    await simulate(foods, faults=f"500:page=2;times={len(ufs)}")
    search = await run(ufs=ufs, client={"attempts": 1})
    assert (search.status, search.total_raw) == (Status.COMPLETE, 150)
    told = [event["detail"] for event in await events_of(search) if event["stage"] == "fetching"]
    assert told[-1]["retrying"] == len(ufs)
    assert told[-1]["uf_index"] == len(ufs)


async def test_an_only_uf_of_a_source_that_fell_silent_is_not_tried_again(simulate, run):
    silent = ",".join(f"500:page={page}" for page in range(2, 9))
    simulator = await simulate([record(n) for n in range(1, 400)], faults=silent)
    search = await run(client={"attempts": 1})
    assert search.status == Status.PARTIAL
    assert set(page_requests(simulator).values()) == {1}


async def test_a_source_that_is_down_ends_in_one_clear_error(simulate, run):
    await simulate([], faults="down:")
    search = await run(ufs=["SP", "RJ", "MG", "BA"])
    assert search.status == Status.ERROR
    assert search.error_code == "source.down"
    last = (await events_of(search))[-1]
    assert (last["stage"], last["progress"]) == ("error", -1)
    assert "PNCP não respondeu" in last["message"]
    assert search.artifact is None


@pytest.mark.parametrize(
    "faults",
    [
        "500:rate=0.2",
        "truncate:rate=0.2",
        "reset:rate=0.2",
        "422:rate=0.15",
        "429:every=7,retry_after=0",
    ],
)
async def test_passing_faults_lose_nothing(simulate, run, faults):
    await simulate([record(n) for n in range(1, 400)], faults=faults)
    search = await run(client={"attempts": 8})
    assert search.status == Status.COMPLETE
    assert search.total_raw == 399


async def test_two_searches_at_once_share_the_requests(simulate, settings):
    simulator = await simulate([record(n) for n in range(1, 400)], latency_seconds=0.05)
    searches = [await create(), await create()]
    async with open_client(settings) as client:
        await asyncio.gather(
            *(run_search(search.pk, worker="test:1:x", client=client) for search in searches)
        )
    for search in searches:
        assert (await reload(search)).total_raw == 399
    assert set(page_requests(simulator).values()) == {1}


async def test_open_notices_are_found_whenever_they_were_published(simulate, run, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    await simulate(
        [
            record(1, day="2025-01-10", dataEncerramentoProposta="2026-09-01T10:00:00"),
            record(2, day="2026-08-19", dataEncerramentoProposta="2026-08-19T12:00:00"),
            record(3, dataEncerramentoProposta=None),
            record(4, modality=8, dataEncerramentoProposta="2026-09-01T10:00:00"),
            record(5, dataEncerramentoProposta="2099-12-31T23:59:00"),
        ]
    )
    search = await run(modo_busca="abertas", data_inicial=None, data_final=None)
    assert search.status == Status.COMPLETE
    assert (search.total_raw, search.total_kept) == (2, 2)


async def test_the_real_records_are_counted_as_an_independent_count_does(records, simulate, run):
    ufs, first, last = ["SP", "RJ", "MG", "ES"], date(2025, 8, 21), date(2026, 8, 20)
    expected = {
        entry["numeroControlePNCP"]
        for entry in records
        if entry["unidadeOrgao"]["ufSigla"] in ufs
        and first <= date.fromisoformat(entry["dataPublicacaoPncp"][:10]) <= last
        and entry["modalidadeId"] in (4, 5, 6, 7)
    }
    await simulate(records)
    search = await run(ufs=ufs, data_inicial=first.isoformat(), data_final=last.isoformat())
    assert search.status == Status.COMPLETE
    assert search.total_raw == len(expected)
    stored = await sync(lambda: set(Notice.objects.values_list("control_number", flat=True)))
    assert stored == expected
    kept = await sync(
        lambda: {
            match.notice.control_number
            for match in Match.objects.select_related("notice").filter(hidden=False)
        }
    )
    assert len(kept) == search.total_kept
    assert search.total_raw == search.total_kept + sum(search.rejections.values())


async def test_the_last_judgement_writes_only_what_differs(simulate, run, monkeypatch):
    """Very many rows in one transaction would keep all others from writing on SQLite."""
    await simulate([record(n, object=FOOD if n % 3 else OTHER) for n in range(1, 131)])
    written = []
    insert = Match.objects.bulk_create

    def counted(rows, **options):
        written.append(len(rows))
        return insert(rows, **options)

    monkeypatch.setattr(Match.objects, "bulk_create", counted)
    search = await run()
    assert (await sync(search.matches.count), sum(written), written[-1]) == (87, 87, 0)


async def test_the_last_judgement_mends_what_stands_there(simulate, run):
    await simulate([record(n, object=FOOD if n % 3 else OTHER) for n in range(1, 31)])
    search = await run()

    def judge_again():
        Search.objects.filter(pk=search.pk).update(status=Status.RUNNING, finished_at=None)
        right = rows()
        changed, lost, *_ = search.matches.order_by("pk")
        search.matches.filter(pk=changed.pk).update(relevance=1, hidden=True, terms=["x"])
        lost.delete()
        foreign = Notice.objects.filter(object=OTHER).earliest("pk")
        Match.objects.create(search=search, notice=foreign, relevance=1)
        query = SearchQuery.from_json(search.query)
        results.judge_all(search, query, Decider(query, now=NOW), coverage={})
        return right, rows()

    def rows():
        columns = ("notice", "relevance", "terms", "spans", "hidden")
        return sorted(search.matches.values_list(*columns), key=lambda row: row[0])

    right, mended = await sync(judge_again)
    assert len(right) == 20
    assert mended == right

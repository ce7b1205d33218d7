"""Whatever a search ends with: what it lists, counts and tells is the same."""

import asyncio
import threading
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone

from searches import pipeline, reports, representation, selectors, upkeep
from searches.domain.brazil import BRASILIA
from searches.domain.filtering import Reason
from searches.domain.lifecycle import MAX_LOSSES, Status
from searches.fetching import Fetcher
from searches.models import Coverage, Notice, PageRead, Search, SearchEvent
from searches.pipeline import run_search
from searches.pncp.client import PncpClient
from searches.pncp.faults import Faults
from searches.pncp.payload import parse_notice
from searches.services import notices, results
from searches.services import searches as services
from tests.integration.conftest import NOW, create, open_client, record, reload
from tests.integration.pipeline_support import events_of, grow_old, sync

pytestmark = pytest.mark.django_db(transaction=True)

TWO_TERMS, ONE_TERM, NO_TERM = "Leite em pó e arroz", "Leite em pó", "Seguro de vida"
#: Of a first attempt; of a second one, which has in the store what the first one has read.
FIRST = ["fetching", "judging", "judged", "excel"]
SECOND = ["connecting", "looking", *FIRST[1:]]


async def ask():
    """Ask for one of four terms in two; without an object that has two the minimum is relaxed."""
    return await create(setor_id=None, termos_busca="leite arroz feijao farinha", modalidades=[6])


@pytest.fixture(params=["minimum", "relaxed"])
async def source(request, simulate):
    """A source with two pages of notices, visible and hidden ones among them."""
    best = TWO_TERMS if request.param == "minimum" else ONE_TERM
    texts = [best, ONE_TERM, NO_TERM] * 20
    made = [record(number, object=text) for number, text in enumerate(texts, start=1)]
    await simulate(made)
    return made


async def change(source, search):
    """Have others store newer copies: matches that are none any more, and the reverse."""
    best, hidden, other, elsewhere = source[:4]
    for made, text, uf in [
        (best, NO_TERM, "SP"),
        (hidden, TWO_TERMS, "SP"),
        (other, ONE_TERM, "SP"),
        (elsewhere, TWO_TERMS, "RJ"),
    ]:
        newer = parse_notice(
            made
            | {"objetoCompra": text, "dataAtualizacaoGlobal": "2026-08-20T12:00:00"}
            | {"unidadeOrgao": made["unidadeOrgao"] | {"ufSigla": uf}},
            asked_uf=None,
        )
        await sync(lambda notice=newer: notices.upsert(search.source_id, [notice]))


@contextmanager
def halted_at(stage, monkeypatch):
    """Halt a run at a stage; yields what is set when it is there."""
    loop, reached, goes_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def halt():
        loop.call_soon_threadsafe(reached.set)
        assert goes_on.wait(20)

    where, name = {
        "connecting": (Fetcher, "read_unit"),
        "looking": (Fetcher, "read_lists"),
        "fetching": (PncpClient, "page"),
        "judging": (results, "judge_all"),
        "judged": (results, "judge_all"),
        "excel": (reports, "store_report"),
    }[stage]
    function = getattr(where, name)

    async def at_once(*args):
        reached.set()
        await asyncio.Event().wait()

    async def after_a_page(client, key, number):
        return await (function if number == 1 else at_once)(client, key, number)

    def before(*args, **options):
        halt()
        return function(*args, **options)

    def after(*args, **options):
        returned = function(*args, **options)
        halt()
        return returned

    with monkeypatch.context() as patch:
        halting = {"connecting": at_once, "looking": at_once, "fetching": after_a_page}
        patch.setattr(where, name, {**halting, "judged": after}.get(stage, before))
        try:
            yield reached
        finally:
            goes_on.set()


@asynccontextmanager
async def running(search, settings, stage, monkeypatch):
    """Have a search run until it is at a stage; yields the run."""
    async with open_client(settings) as client:
        with halted_at(stage, monkeypatch) as reached:
            work = asyncio.create_task(run_search(search.pk, worker="test:1:x", client=client))
            await asyncio.wait_for(reached.wait(), 20)
            yield work
            await asyncio.wait({work}, timeout=20)
            assert work.done()


async def given_back_at(stage, search, settings, monkeypatch):
    async with running(search, settings, stage, monkeypatch) as work:
        work.cancel()  # as a server that is told to stop
    assert (await reload(search)).status == Status.QUEUED


async def cancelled_at(stage, search, settings, monkeypatch):
    monkeypatch.setattr(pipeline, "CANCEL_CHECK_SECONDS", 0.01)
    async with running(search, settings, stage, monkeypatch):
        await sync(lambda: services.request_cancel(search))


async def adds_up(search):
    """Hold against each other all that says what a search has found; return it."""
    ended = await reload(search)
    assert ended.is_terminal
    listed = Counter(await sync(lambda: list(search.matches.values_list("hidden", flat=True))))
    assert listed[False] == ended.total_kept
    assert listed[True] == ended.rejections.get(Reason.BELOW_FLOOR, 0)
    assert ended.total_raw == ended.total_kept + sum(ended.rejections.values())
    if ended.is_judged:
        assert sum(row["total"] for row in ended.summary["por_uf"]) == ended.total_kept
    shown = await sync(lambda: representation.result(ended, page=1, page_size=100, now=NOW))
    assert len(shown["licitacoes"]) == shown["total_filtrado"] == ended.total_kept
    rows = shown["cobertura"].values()
    assert sum(row["encontradas"] for row in rows) == ended.total_kept
    assert sum(row["lidas"] for row in rows) == ended.total_raw
    last = (await events_of(search))[-1]["detail"]
    assert (last["total_raw"], last["total_filtrado"]) == (ended.total_raw, ended.total_kept)
    return ended


@pytest.mark.parametrize("stage", FIRST)
async def test_given_back_and_then_cancelled(source, settings, monkeypatch, stage):
    """A result that was stored is whole and stays; what an attempt has not counted goes."""
    search = await ask()
    await given_back_at(stage, search, settings, monkeypatch)
    assert await sync(search.matches.count) > 0
    await sync(lambda: services.request_cancel(search))
    ended = await adds_up(search)
    assert ended.status == Status.CANCELLED
    assert (ended.total_raw == len(source)) is (stage in ("judged", "excel"))


@pytest.mark.parametrize("stage", SECOND)
async def test_given_back_twice_and_then_cancelled(source, settings, monkeypatch, stage):
    """The result of an attempt is no more when the next one has begun."""
    search = await ask()
    await given_back_at("excel", search, settings, monkeypatch)
    await change(source, search)
    await given_back_at(stage, search, settings, monkeypatch)
    await sync(lambda: services.request_cancel(search))
    await adds_up(search)


@pytest.mark.parametrize(("first", "second"), [*product(["fetching", "excel"], SECOND)])
async def test_given_back_and_cancelled_in_the_next_attempt(
    source, settings, monkeypatch, first, second
):
    """What only the first attempt has found, or judged otherwise, is not listed."""
    search = await ask()
    await given_back_at(first, search, settings, monkeypatch)
    await change(source, search)
    await cancelled_at(second, search, settings, monkeypatch)
    assert (await adds_up(search)).status == Status.CANCELLED


async def test_given_back_and_ended_by_a_fault_of_ours(source, settings, monkeypatch):
    search = await ask()
    await given_back_at("judged", search, settings, monkeypatch)
    await change(source, search)

    def broken(*args, **options):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(results, "judge_all", broken)
    async with open_client(settings) as client:
        await run_search(search.pk, worker="test:1:x", client=client)
    ended = await adds_up(search)
    assert (ended.error_code, ended.total_raw) == ("internal", len(source) - 1)


async def test_given_back_and_ended_by_a_source_that_gives_nothing(simulate, settings, monkeypatch):
    """What was found before has left the state that was asked for."""
    found = record(1, object=TWO_TERMS)
    simulator = await simulate([found])
    search = await ask()
    await given_back_at("judging", search, settings, monkeypatch)
    assert await sync(search.matches.count) == 1
    await Notice.objects.aupdate(uf="RJ")
    await sync(Coverage.objects.all().delete)
    await sync(PageRead.objects.all().delete)
    simulator.faults = Faults.read("down:")
    async with open_client(settings, attempts=1) as client:
        await run_search(search.pk, worker="test:1:x", client=client)
    ended = await adds_up(search)
    assert (ended.error_code, ended.total_raw) == ("source.down", 0)


async def test_what_a_list_of_changes_brought_is_listed_as_it_is_counted(
    simulate, settings, monkeypatch
):
    now = timezone.now().astimezone(BRASILIA)
    made = [record(number, object=TWO_TERMS) for number in range(1, 20)]
    await simulate(made, clock=lambda: now)
    await given_back_at("judging", await ask(), settings, monkeypatch)  # so the store has them
    await grow_old(days=2)
    changed_at = f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%S}"
    made[0] |= {"objetoCompra": NO_TERM, "dataAtualizacaoGlobal": changed_at}
    search = await ask()
    await cancelled_at("judging", search, settings, monkeypatch)
    assert (await adds_up(search)).total_kept == 18


async def test_a_notice_in_the_lists_of_two_states_is_counted_once(simulate, settings, monkeypatch):
    newer = {"dataAtualizacaoGlobal": "2026-08-20T12:00:00", "objetoCompra": TWO_TERMS}
    await simulate([record(1, uf="RR", object=TWO_TERMS), record(1, uf="RO") | newer])
    search = await create(
        setor_id=None, termos_busca="leite arroz", modalidades=[6], ufs=["RO", "RR"]
    )
    await cancelled_at("judging", search, settings, monkeypatch)
    assert (await adds_up(search)).total_kept == 1


async def test_a_result_that_was_stored_outlives_the_workers(source, settings, monkeypatch):
    search = await ask()
    async with running(search, settings, "excel", monkeypatch) as work:
        await Search.objects.aupdate(losses=MAX_LOSSES - 1)
        lost = await reload(search)
        await sync(lambda: services.give_back(lost))
        work.cancel()
    ended = await adds_up(search)
    assert (ended.error_code, ended.total_raw) == ("worker.lost", len(source))


async def test_a_result_that_was_stored_outlives_its_source(source, settings, monkeypatch):
    search = await ask()
    await given_back_at("excel", search, settings, monkeypatch)
    settings.PNCP_BASE_URL = "http://127.0.0.1:10"
    await SearchEvent.objects.aupdate(at=timezone.now() - 2 * selectors.UNSERVED_AFTER)
    await upkeep.give_up_unserved()
    ended = await adds_up(search)
    assert (ended.error_code, ended.total_raw) == ("source.gone", len(source))


@pytest.mark.parametrize("stage", FIRST)
async def test_cancelled(source, settings, monkeypatch, stage):
    search = await ask()
    await cancelled_at(stage, search, settings, monkeypatch)
    assert (await adds_up(search)).status == Status.CANCELLED

"""Saved searches asked again: on which mornings, and about which days."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from searches.domain.lifecycle import Status
from searches.domain.schedule import next_daily
from searches.models import Digest, SavedSearch, Search
from searches.services import saved as services
from tests.integration.conftest import NOW, record
from tests.integration.pages_support import browser, words
from tests.integration.pipeline_support import FOOD, OTHER
from tests.integration.saved.conftest import ALICE, BEFORE, RECORDS, finished, sync

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_daily_run_asks_for_the_same_days_up_to_today(daily):
    saved, search = await daily()
    assert search.status == Status.COMPLETE
    assert (search.query["data_inicial"], search.query["data_final"]) == (
        "2026-08-17",
        "2026-08-20",
    )
    assert search.total_kept == 5
    assert await sync(lambda: search.saved_id) == saved.pk


async def test_what_is_published_after_the_morning_is_found_the_next(simulate, run, settings):
    """A question of one day: the morning of its own day sees only what came at night."""

    def published(moment: str) -> dict[str, Any]:
        dates = ("dataPublicacaoPncp", "dataInclusao", "dataAtualizacao", "dataAtualizacaoGlobal")
        return record(int(moment[8:10]), **dict.fromkeys(dates, moment))

    records = [published(f"2026-08-{day}T15:00:00") for day in (18, 19, 20)]
    noon = datetime(2026, 8, 18, 15, tzinfo=UTC)
    await simulate([], clock=lambda: noon)
    first = await run(ALICE, data_inicial="2026-08-18", data_final="2026-08-18")
    saved = await sync(services.save, first, owner=ALICE, name="Hoje")
    found = []
    for day in (19, 20, 21):
        morning = datetime(2026, 8, day, 9, 30, tzinfo=UTC)
        await simulate(records[: day - 18], clock=lambda morning=morning: morning)
        search = await sync(services.run, saved, now=morning, limited=False)
        found.append((await finished(settings, search)).total_kept)
    assert found == [1, 1, 1]
    page = await sync(lambda: browser().get("/salvas/").content.decode())
    assert "publicadas desde ontem" in words(page)


async def test_a_run_reaches_back_to_the_first_day_that_was_not_told_of_each_state(daily):
    """Over runs that failed or lacked a state, and over days without one."""
    saved, search = await daily()
    await sync(SavedSearch.objects.filter(pk=saved.pk).update, created_at=NOW - timedelta(days=30))
    await sync(saved.refresh_from_db)

    async def first_day(days_later: int) -> str:
        run = await sync(services.run, saved, now=NOW + timedelta(days=days_later), limited=False)
        failed = {"status": Status.ERROR, "finished_at": NOW}
        await sync(Search.objects.filter(pk=run.pk).update, **failed)
        return str(run.query["data_inicial"])

    assert await first_day(1) == "2026-08-18"  # the four days of the question
    assert await first_day(8) == "2026-08-18"  # those of the 21st, which was not told
    lacking = {"SP": {"status": "failed"}}
    run = Search.objects.filter(pk=search.pk)
    await sync(run.update, status="partial", coverage=lacking)
    assert await first_day(8) == "2026-08-17"  # those of the 20th: the 19th was read
    await sync(run.update, query=search.query | {"data_inicial": "2026-08-10"})
    assert await first_day(8) == "2026-08-10"  # what that run had asked for
    await sync(Search.objects.filter(saved=saved).update, coverage=lacking)
    assert await first_day(8) == "2026-07-18"  # never read: as if asked since it was saved
    assert await first_day(800) == "2027-10-29"  # a period's limit


@pytest.mark.parametrize(
    ("mail", "first_day"),
    [("sent", "2026-08-18"), ("failed", "2026-08-17"), ("waiting", "2026-08-17")],
)
async def test_a_mail_that_did_not_go_leaves_all_days_of_its_run_to_the_next(
    daily, mail, first_day
):
    """Also the oldest, of which something may have become news that morning."""
    saved, search = await daily()
    sent_at = NOW if mail == "sent" else None
    await sync(Digest.objects.create, search=search, state=mail, sent_at=sent_at)
    await sync(SavedSearch.objects.filter(pk=saved.pk).update, created_at=NOW - timedelta(days=30))
    await sync(saved.refresh_from_db)
    run = await sync(services.run, saved, now=NOW + timedelta(days=1), limited=False)
    assert run.query["data_inicial"] == first_day


async def test_a_run_finds_what_became_of_its_days_since_the_evening(simulate, run, settings, at):
    """Tomorrow's asks for the oldest of them no more. Others trust what is known, so does the next
    run of the same morning."""
    at()
    records = [record(n, day="2026-08-17", object=OTHER) for n in (1, 2)]
    simulator = await simulate(records)
    question = {"modalidades": [6], **BEFORE}
    first = await run(ALICE, **question)
    saved = await sync(services.save, first, owner=ALICE, name="Merenda")
    records[0] |= {"objetoCompra": FOOD, "dataAtualizacaoGlobal": "2026-08-20T12:30:00"}
    at(hours=3)
    assert (await run(ALICE, **question)).total_kept == 0
    changes = []
    for hours in (3, 3.5):
        at(hours=hours)
        before = len(simulator.requests)
        search = await sync(services.run, saved, now=NOW + timedelta(hours=hours), limited=False)
        search = await finished(settings, search)
        assert (search.query["data_inicial"], search.total_kept) == ("2026-08-17", 1)
        paths = [seen.path.rpartition("/")[2] for seen in list(simulator.requests)[before:]]
        changes.append(paths.count("atualizacao"))
    assert changes == [1, 0]


async def test_a_question_about_a_past_month_does_not_reach_back_to_it(simulate, run):
    await simulate(RECORDS)
    past = await run(ALICE, data_inicial="2025-01-01", data_final="2025-01-31")
    saved = await sync(services.save, past, owner=ALICE, name="Merenda")
    await sync(SavedSearch.objects.filter(pk=saved.pk).update, created_at=NOW)
    await sync(saved.refresh_from_db)
    search = await sync(services.run, saved, now=NOW + timedelta(days=1), limited=False)
    assert search.query["data_inicial"] == "2026-07-21"


async def test_after_days_of_silence_a_question_is_asked_once(simulate, run):
    await simulate(RECORDS)
    saved = await sync(services.save, await run(ALICE, **BEFORE), owner=ALICE, name="Merenda")
    await sync(SavedSearch.objects.filter(pk=saved.pk).update, next_run_at=NOW - timedelta(days=7))
    assert len(await sync(services.run_due, now=NOW)) == 1
    assert await sync(services.run_due, now=NOW) == []
    await sync(saved.refresh_from_db)
    assert NOW < saved.next_run_at <= NOW + timedelta(days=1)


async def test_a_run_that_is_not_over_is_not_run_over(daily):
    saved, _ = await daily()
    await sync(services.run, saved, now=NOW, limited=False)
    await sync(SavedSearch.objects.filter(pk=saved.pk).update, next_run_at=NOW)
    assert await sync(services.run_due, now=NOW) == []


async def test_a_paused_question_is_not_asked(simulate, run):
    await simulate(RECORDS)
    saved = await sync(services.save, await run(ALICE, **BEFORE), owner=ALICE, name="Merenda")
    browse = await sync(browser)
    answer = await sync(browse.post, f"/salvas/{saved.pk}/", {"nome": "Outro nome"})
    assert (answer.status_code, answer["location"]) == (303, "/salvas/")
    assert await sync(services.run_due, now=timezone.now() + timedelta(days=3)) == []
    page = words(await sync(lambda: browse.get("/salvas/").content.decode()))
    assert "Outro nome" in page
    assert "Pausada." in page


async def test_renaming_leaves_the_daily_run_alone(daily):
    """The page was read before the run moved its moment, and is written after it."""
    saved, _ = await daily()
    await sync(SavedSearch.objects.filter(pk=saved.pk).update, next_run_at=NOW)
    read_before = await sync(SavedSearch.objects.get)
    (run_id,) = await sync(services.run_due, now=NOW)
    await sync(
        services.change, read_before, owner=ALICE, name="Outro", is_daily=True, wants_mail=False
    )
    await sync(Search.objects.filter(pk=run_id).update, status="error", finished_at=NOW)
    assert await sync(services.run_due, now=NOW) == []
    await sync(saved.refresh_from_db)
    assert saved.name == "Outro"


async def test_what_a_visitor_does_not_look_at_any_more_is_paused(simulate, run):
    await simulate(RECORDS)
    saved = await sync(services.save, await run(ALICE, **BEFORE), owner=ALICE, name="Merenda")
    late = timezone.now() + services.VISITOR_PATIENCE + timedelta(days=1)
    assert await sync(services.run_due, now=late) == []
    await sync(saved.refresh_from_db)
    assert saved.next_run_at is None


async def test_it_can_be_asked_at_once(daily):
    saved, _ = await daily()
    answer = await sync((await sync(browser)).post, f"/salvas/{saved.pk}/buscar/")
    assert answer.status_code == 303
    latest = await sync(Search.objects.order_by("-created_at").first)
    assert answer["location"] == f"/buscas/{latest.pk}/"
    assert latest.saved_id == saved.pk


def test_the_daily_moment_is_in_the_morning_of_brasilia_and_later_than_now():
    for hour in range(24):
        now = datetime(2026, 11, 24, hour, 30, tzinfo=UTC)
        moment = next_daily(now, of=uuid4())
        assert now < moment <= now + timedelta(days=1)
        assert moment.hour == 6

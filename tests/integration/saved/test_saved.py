"""Saved searches: kept, asked again each day, held against what was there before."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from searches import digests, selectors
from searches.domain.lifecycle import Status
from searches.domain.schedule import next_daily
from searches.models import AddressRequest, LoginAttempt, SavedSearch, Search
from searches.owners import Owner
from searches.services import saved as services
from searches.upkeep import shared_chores
from tests.integration.conftest import NOW, record, reload
from tests.integration.pages_support import browser, words
from tests.integration.saved.conftest import ALICE, BEFORE, RECORDS, finished, login, sync

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


async def test_a_run_reaches_back_to_where_each_state_was_read(daily, settings):
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
    assert await first_day(8) == "2026-08-20"
    lacking = {"SP": {"status": "failed"}}
    await sync(Search.objects.filter(pk=search.pk).update, status="partial", coverage=lacking)
    assert await first_day(8) == "2026-08-19"  # as the search that was saved had read it
    await sync(Search.objects.filter(saved=saved).update, coverage=lacking)
    assert await first_day(8) == "2026-07-18"  # never read: as if asked since it was saved
    assert await first_day(800) == "2027-10-29"  # a period's limit


async def test_a_question_about_a_past_month_does_not_reach_back_to_it(simulate, run):
    await simulate(RECORDS)
    past = await run(ALICE, data_inicial="2025-01-01", data_final="2025-01-31")
    saved = await sync(services.save, past, owner=ALICE, name="Merenda")
    await sync(SavedSearch.objects.filter(pk=saved.pk).update, created_at=NOW)
    await sync(saved.refresh_from_db)
    search = await sync(services.run, saved, now=NOW + timedelta(days=1), limited=False)
    assert search.query["data_inicial"] == "2026-07-21"


async def test_only_what_no_earlier_run_has_shown_is_new(daily, settings):
    saved, search = await daily()
    new = selectors.unseen(search.matches.all(), selectors.earlier_runs(search))
    assert await sync(new.count) == 2
    again = await sync(services.run, saved, now=NOW, limited=False)
    again = await finished(settings, again)
    new = selectors.unseen(again.matches.all(), selectors.earlier_runs(again))
    assert (again.total_kept, await sync(new.count)) == (5, 0)


async def test_what_a_broken_run_missed_is_new_in_the_next(simulate, run, settings):
    simulator = await simulate(
        [record(1, uf="SP"), record(2, uf="MG")], faults="down:uf=MG", clock=lambda: NOW
    )
    first = await run(ALICE, ufs=["SP", "MG"], client={"attempts": 1})
    assert first.status == Status.PARTIAL
    saved = await sync(services.save, first, owner=ALICE, name="Merenda")
    simulator.faults.faults.clear()
    search = await sync(services.run, saved, now=NOW, limited=False)
    search = await finished(settings, search)
    new = selectors.unseen(search.matches.all(), selectors.earlier_runs(search))
    assert await sync(lambda: [match.notice.uf for match in new.select_related("notice")]) == ["MG"]


async def test_the_page_marks_what_is_new_and_shows_only_that_when_asked(daily):
    _, search = await daily()
    text = await sync(lambda: browser().get(f"/buscas/{search.pk}/").content.decode())
    assert "2 novas desde a busca de" in words(text)
    assert len(re.findall(r'<span class="new">nova</span>', text)) == 2
    only = await sync(lambda: browser().get(f"/buscas/{search.pk}/?novas=1").content.decode())
    assert "2 licitações" in words(only)
    assert only.count('data-card="') == 2


async def test_the_page_says_how_many_are_repeated(simulate, run):
    await simulate(RECORDS)

    async def saved(daily: int, paused: int) -> str:
        rows = SavedSearch.objects.order_by("pk")
        while await sync(rows.count) < daily + paused:
            search = await run(ALICE, ufs=["SP", "RJ", "MG"][: 1 + await sync(rows.count)])
            await sync(services.save, search, owner=ALICE, name="Merenda")
        pks = await sync(lambda: list(rows.values_list("pk", flat=True)))
        await sync(rows.filter(pk__in=pks[:daily]).update, next_run_at=NOW)
        await sync(rows.filter(pk__in=pks[daily:]).update, next_run_at=None)
        text = words(await sync(lambda: browser().get("/salvas/").content.decode()))
        return text[text.index("Buscas salvas ") + 14 : text.index("; com uma conta")]

    one, two = "1 busca salva.", "2 buscas salvas."
    assert (await saved(1, 0)).endswith(
        f"{one} É repetida toda manhã e marca o que é novo. Guardada neste navegador"
    )
    assert (await saved(0, 1)).endswith(f"{one} Está pausada. Guardada neste navegador")
    assert f"{two} 1 é repetida toda manhã e marca o que é novo." in await saved(1, 1)
    assert f"{two} Estão todas pausadas. Guardadas neste navegador" in await saved(0, 2)
    assert f"{two} Cada uma é repetida toda manhã e marca" in await saved(2, 0)


async def test_the_history_compares_with_the_last_asking_of_the_same_question(simulate, run):
    await simulate(RECORDS)
    first = await run(ALICE, **BEFORE)
    await run(ALICE, ufs=["RJ"], **BEFORE)  # another question
    await run(Owner(visitor="bob"), **BEFORE)  # a stranger's
    last = await run(ALICE, data_inicial="2026-08-18", data_final="2026-08-20")
    history = await sync(lambda: browser().get("/buscas/").content.decode())
    (href,) = re.findall(r'href="([^"]+\?desde=[^"#]+)', history)
    assert href == f"/buscas/{last.pk}/?desde={first.pk}"
    assert "2 novas desde a busca de" in words(
        await sync(lambda: browser().get(href).content.decode())
    )


async def test_what_is_no_longer_there_is_counted(simulate, run):
    await simulate(RECORDS)
    first = await run(ALICE, **BEFORE)
    last = await run(ALICE, data_inicial="2026-08-19", data_final="2026-08-20")
    text = words(
        await sync(lambda: browser().get(f"/buscas/{last.pk}/?desde={first.pk}").content.decode())
    )
    assert "3 daquela não aparecem mais" in text


async def test_the_chip_of_what_is_new_counts_what_its_click_gives(simulate, run):
    places = [("SP", "2026-08-18"), ("SP", "2026-08-20")] + [("RJ", "2026-08-20")] * 3
    await simulate([record(n, uf=uf, day=day) for n, (uf, day) in enumerate(places, 1)])
    asked = {"ufs": ["SP", "RJ"], "data_inicial": "2026-08-18"}
    first = await run(ALICE, **asked, data_final="2026-08-19")
    last = await run(ALICE, **asked, data_final="2026-08-20")
    for filters, count in (("", 4), ("&uf=SP", 1), ("&uf=RJ", 3)):
        path = f"/buscas/{last.pk}/?desde={first.pk}{filters}"
        html = await sync(lambda path=path: browser().get(path).content.decode())
        assert "4 novas desde a busca de" in words(html)
        (href,) = re.findall(rf'href="([^"]*)">só as novas <span class="n">{count}</span>', html)
        path = f"/buscas/{last.pk}/{unescape(href)}"
        html = await sync(lambda path=path: browser().get(path).content.decode())
        assert html.count("data-card=") == count
        assert f"só as novas {count}" in words(html)  # and when it is on


async def test_a_hidden_one_that_was_hidden_before_is_not_new(simulate, run):
    texts = ["arroz, feijão e café", "arroz e pneus"]
    days = {1: "2026-08-18", 2: "2026-08-18", 3: "2026-08-20", 4: "2026-08-20"}
    await simulate(
        [record(n, day=day, object=f"Aquisição de {texts[n % 2]}") for n, day in days.items()]
    )
    asked = {"setor_id": None, "termos_busca": "arroz, feijão, café, açúcar"}
    first = await run(ALICE, **asked, **BEFORE)
    last = await run(ALICE, **asked, data_inicial="2026-08-18", data_final="2026-08-20")
    again = await run(ALICE, **asked, data_inicial="2026-08-18", data_final="2026-08-20")

    async def new(search, earlier, hidden) -> tuple[str, int, int]:
        path = f"/buscas/{search.pk}/?desde={earlier.pk}{hidden}"
        html = await sync(lambda: browser().get(path).content.decode())
        (said,) = re.findall(r'<p class="since">(.*?) desde', html)
        return words(said), html.count('<span class="new">nova</span>'), html.count("data-card=")

    for hidden in ("", "&ocultas=1"):
        assert await new(last, first, hidden) == ("1 nova", 1, 2)
        assert await new(last, first, f"{hidden}&novas=1") == ("1 nova", 1, 1)
        assert await new(again, last, hidden) == ("Nada de novo", 0, 2)


async def test_a_strangers_search_is_nothing_to_compare_with(simulate, run):
    await simulate(RECORDS)
    strangers = await run(Owner(visitor="bob"), **BEFORE)
    mine = await run(ALICE, data_inicial="2026-08-18", data_final="2026-08-20")
    for other in (strangers.pk, uuid4(), "nonsense"):
        path = f"/buscas/{mine.pk}/?desde={other}&novas=1"
        answer = await sync(lambda path=path: browser().get(path))
        assert answer.status_code == 200
        assert "desde a busca" not in answer.content.decode()


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


async def test_a_name_is_one_line(daily, alice):
    """A line break would be one in the subject of the mail; PostgreSQL takes no NUL."""
    await sync(User.objects.filter(pk=alice.pk).update, email="alice@empresa.example")
    saved, search = await daily(Owner(user_id=alice.pk))
    client = await sync(login, alice)
    name = " Merenda\r\nBcc: bob@empresa.example\rde\x00SP "
    await sync(client.post, f"/salvas/{saved.pk}/", {"nome": name, "diaria": "on", "email": "on"})
    await sync(saved.refresh_from_db)
    assert saved.name == "Merenda Bcc: bob@empresa.example de SP"
    await sync(SavedSearch.objects.update, name="Merenda\rescolar")  # kept by an older bidiq
    assert await sync(digests.send_due) == 1
    assert mail.outbox[0].subject == "2 licitações novas: Merenda escolar"
    await sync(saved.delete)
    again = await sync(services.save, search, owner=Owner(user_id=alice.pk), name=name)
    assert again.name == "Merenda Bcc: bob@empresa.example de SP"


async def test_what_can_be_asked_no_more_is_not_saved(daily):
    saved, search = await daily()
    await sync(saved.delete)
    outdated = {**search.query, "setor_id": "setor-que-acabou"}
    await sync(Search.objects.filter(pk=search.pk).update, query=outdated)
    answer = await sync((await sync(browser)).post, f"/buscas/{search.pk}/salvar/")
    assert answer.status_code == 422
    assert "não pode mais ser feita" in answer.content.decode()


async def test_what_can_be_asked_no_more_is_still_listed(daily):
    saved, search = await daily()
    outdated = {**saved.query, "setor_id": "setor-que-acabou"}
    await sync(SavedSearch.objects.filter(pk=saved.pk).update, query=outdated, next_run_at=NOW)
    await sync(Search.objects.filter(pk=search.pk).update, query=outdated)
    assert await sync(services.run_due, now=NOW) == []
    client = await sync(browser)
    page = (await sync(client.get, "/salvas/")).content.decode()
    assert "setor-que-acabou em São Paulo" in words(page)
    said = "Esta pergunta não pode mais ser feita assim. Faça uma busca nova e salve-a."
    assert f"Pausada. {said}" in words(page)
    form = f"/?de={search.pk}"
    assert f'<a href="{form}">Faça uma busca nova</a>' in page
    assert (await sync(client.get, form)).status_code == 200
    goes_on = {"nome": "Outro", "diaria": "on"}
    for path, fields in ((f"/salvas/{saved.pk}/buscar/", {}), (f"/salvas/{saved.pk}/", goes_on)):
        answer = await sync(client.post, path, fields)
        assert answer.status_code == 422
        assert words(answer.content.decode()).count(said) == 2  # at the top, and at the row
    await sync(saved.refresh_from_db)
    assert (saved.name, saved.next_run_at) == ("Merenda", None)
    answer = await sync(client.post, f"/salvas/{saved.pk}/", {"nome": "Outro"})
    assert answer.status_code == 303  # it can still be renamed


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
    """The page was read before the run took its turn, and is written after it."""
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


async def test_a_question_is_kept_once_and_no_more_than_the_limit(simulate, run, monkeypatch):
    await simulate(RECORDS)
    first = await run(ALICE, **BEFORE)
    browse = await sync(browser)
    for _ in range(2):
        answer = await sync(browse.post, f"/buscas/{first.pk}/salvar/")
        assert answer.status_code == 303
    assert await sync(SavedSearch.objects.count) == 1
    monkeypatch.setattr(services, "MOST_SAVED", 1)
    other = await run(ALICE, ufs=["RJ"], **BEFORE)
    answer = await sync(browse.post, f"/buscas/{other.pk}/salvar/")
    assert answer.status_code == 422
    assert "Você já tem 1 busca salva. Apague uma para" in answer.content.decode()
    for _ in range(2):  # as many as a login brings along
        await sync(SavedSearch(owner_visitor="alice", query=first.query).save)
    answer = await sync(browse.post, f"/buscas/{other.pk}/salvar/")
    assert "Você já tem 3 buscas salvas. Apague 3 para" in answer.content.decode()


async def test_a_question_kept_about_other_days_says_so_and_can_take_these(simulate, run):
    await simulate(RECORDS)
    short = await run(ALICE, **BEFORE)
    long = await run(ALICE, data_inicial="2026-07-22", data_final="2026-08-20")
    client = await sync(browser)
    await sync(client.post, f"/buscas/{short.pk}/salvar/")
    answer = await sync(client.post, f"/buscas/{long.pk}/salvar/")
    assert answer.status_code == 422
    page = answer.content.decode()
    said = "já está salva como “Alimentos e bebidas em São Paulo”, sobre as licitações publicadas "
    assert f"{said}nos últimos 4 dias." in words(page)
    assert "Repetir sobre as publicadas nos últimos 30 dias" in words(page)
    assert (await reload(long)).saved_id is None  # no run of what is asked each day
    assert f'action="/buscas/{long.pk}/salvar/"' in page
    answer = await sync(client.post, f"/buscas/{long.pk}/salvar/", {"outros_dias": "on"})
    assert answer.status_code == 303
    saved = await sync(SavedSearch.objects.get)
    assert (await reload(long)).saved_id == saved.pk
    search = await sync(services.run, saved, now=NOW, limited=False)
    assert search.query["data_inicial"] == "2026-07-22"


async def test_a_question_about_today_is_the_one_about_two_days(simulate, run):
    """Each day both are asked about yesterday and today."""
    await simulate(RECORDS)
    for first_day in ("2026-08-20", "2026-08-19"):
        search = await run(ALICE, data_inicial=first_day, data_final="2026-08-20")
        saved = await sync(services.save, search, owner=ALICE, name="Merenda")
        assert (await reload(search)).saved_id == saved.pk
    assert await sync(SavedSearch.objects.count) == 1


async def test_the_last_runs_of_all_are_read_at_once(daily):
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            seen.append(words(browser().get("/salvas/").content.decode()))
        return len(queries)

    def save_others() -> None:
        for number in range(18):
            kept = SavedSearch.objects.create(
                name=f"Outra {number}", query=saved.query, **ALICE.columns
            )
            for run in (first, last) if number else ():  # one was never asked
                run.pk, run.saved, run.artifact = uuid4(), kept, None
                run.save(force_insert=True)

    seen: list[str] = []
    saved, last = await daily()
    first = await sync(lambda: saved.runs.earliest("created_at"))
    before = await sync(asked)
    await sync(save_others)
    assert await sync(asked) <= before + 17 * 2  # whether there is an earlier one; what is new
    assert (seen[-1].count("5 encontradas"), seen[-1].count("Ainda não repetida")) == (18, 1)


async def test_deleting_asks_first_and_keeps_the_runs(daily):
    saved, search = await daily()
    page = await sync(lambda: browser().get("/salvas/").content.decode())
    inner = page[page.rindex("<details>") : page.index("</details>")]
    assert words(inner).startswith("Apagar Merenda Ela deixa de ser repetida.")
    assert f'action="/salvas/{saved.pk}/apagar/"' in inner
    assert "Apagar mesmo" in inner
    assert (
        await sync((await sync(browser)).post, f"/salvas/{saved.pk}/apagar/")
    ).status_code == 303
    assert not await sync(SavedSearch.objects.exists)
    assert (await reload(search)).saved_id is None


async def test_it_can_be_asked_at_once(daily):
    saved, _ = await daily()
    answer = await sync((await sync(browser)).post, f"/salvas/{saved.pk}/buscar/")
    assert answer.status_code == 303
    latest = await sync(Search.objects.order_by("-created_at").first)
    assert answer["location"] == f"/buscas/{latest.pk}/"
    assert latest.saved_id == saved.pk


@pytest.mark.parametrize("door", ["/salvas/{}/", "/salvas/{}/buscar/", "/salvas/{}/apagar/"])
async def test_a_strangers_saved_search_is_404(daily, door):
    saved, _ = await daily()
    for client in (Client(), await sync(browser, "bob")):
        assert (await sync(client.post, door.format(saved.pk))).status_code == 404
        assert (await sync(client.post, door.format(uuid4()))).status_code == 404
    assert await sync(SavedSearch.objects.count) == 1


async def test_a_strangers_search_cannot_be_saved(daily):
    _, search = await daily()
    client = await sync(browser, "bob")
    assert (await sync(client.post, f"/buscas/{search.pk}/salvar/")).status_code == 404
    assert "Merenda" not in (await sync(client.get, "/salvas/")).content.decode()


def test_the_daily_moment_is_in_the_morning_of_brasilia_and_later_than_now():
    for hour in range(24):
        now = datetime(2026, 11, 24, hour, 30, tzinfo=UTC)
        moment = next_daily(now, of=uuid4())
        assert now < moment <= now + timedelta(days=1)
        assert moment.hour == 6


async def test_the_chores_delete_what_is_looked_at_no_more(alice):
    now = timezone.now()

    def fill() -> None:
        for old in (timedelta(), timedelta(days=2)):
            AddressRequest.objects.create(user=alice)
            LoginAttempt.objects.create()
            SessionStore().save()
            latest = AddressRequest.objects.latest("pk").pk
            AddressRequest.objects.filter(pk=latest).update(asked_at=now - old)
            latest = LoginAttempt.objects.latest("pk").pk
            LoginAttempt.objects.filter(pk=latest).update(at=now - old)
        key = Session.objects.values_list("pk", flat=True)[0]
        Session.objects.filter(pk=key).update(expire_date=now - timedelta(days=1))

    await sync(fill)
    for chore in shared_chores():
        await chore.do()
    for model in (AddressRequest, LoginAttempt, Session):
        assert await sync(model.objects.count) == 1, model

"""Saved searches: kept, listed, renamed and deleted, by their owners alone."""

from collections import Counter
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from searches import digests
from searches.models import SavedSearch, Search
from searches.owners import Owner
from searches.services import saved as services
from tests.integration.conftest import NOW, reload
from tests.integration.pages_support import browser, words
from tests.integration.saved.conftest import ALICE, BEFORE, RECORDS, login, sync

pytestmark = pytest.mark.django_db(transaction=True)


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


async def test_a_long_name_is_cut_after_a_word(daily):
    saved, search = await daily()
    cut = f"{'merenda escolar ' * 7}merenda…"
    long = "merenda escolar " * 10
    await sync((await sync(browser)).post, f"/salvas/{saved.pk}/", {"nome": long})
    await sync(saved.refresh_from_db)
    assert saved.name == cut
    await sync(saved.delete)
    assert (await sync(services.save, search, owner=ALICE, name=long)).name == cut


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
        found = list(last.matches.all())
        for number in range(18):
            kept = SavedSearch.objects.create(
                name=f"Outra {number}", query=saved.query, **ALICE.columns
            )
            for run in (first, last) if number else ():  # one was never asked
                run.pk, run.saved, run.artifact = uuid4(), kept, None
                run.save(force_insert=True)
                for match in found[number % 6 :] if run is last else found[3:]:
                    match.pk, match.search = None, run
                    match.hidden = run is first and number == 16  # nobody has been shown it
                    match.save(force_insert=True)

    seen: list[str] = []
    saved, last = await daily()
    first = await sync(lambda: saved.runs.earliest("created_at"))
    before = await sync(asked)
    await sync(save_others)
    assert await sync(asked) == before
    assert (seen[-1].count("5 encontradas"), seen[-1].count("Ainda não repetida")) == (18, 1)
    # Of five the earlier run has the last two; the later one lacks so many of the first.
    lacks = Counter(number % 6 for number in range(1, 18))
    counts = [seen[-1].count(new) for new in (" 3 novas", " 2 novas", " 1 nova", " nada de novo")]
    rest = lacks[3] + lacks[4] + lacks[5]
    assert counts == [lacks[0], lacks[1] + 1, lacks[2] + 1, rest - 1]


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

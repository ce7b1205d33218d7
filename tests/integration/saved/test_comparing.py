"""What is new: a search held against the earlier ones of its question."""

import re
from html import unescape
from uuid import uuid4

import pytest

from searches import askings
from searches.domain.lifecycle import Status
from searches.owners import Owner
from searches.services import saved as services
from tests.integration.conftest import NOW, record
from tests.integration.pages_support import browser, words
from tests.integration.saved.conftest import ALICE, BEFORE, RECORDS, finished, sync

pytestmark = pytest.mark.django_db(transaction=True)


async def test_only_what_no_earlier_run_has_shown_is_new(daily, settings):
    saved, search = await daily()
    new = askings.unseen(search.matches.all(), askings.earlier_runs(search))
    assert await sync(new.count) == 2
    again = await sync(services.run, saved, now=NOW, limited=False)
    again = await finished(settings, again)
    new = askings.unseen(again.matches.all(), askings.earlier_runs(again))
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
    new = askings.unseen(search.matches.all(), askings.earlier_runs(search))
    assert await sync(lambda: [match.notice.uf for match in new.select_related("notice")]) == ["MG"]


async def test_the_page_marks_what_is_new_and_shows_only_that_when_asked(daily):
    _, search = await daily()
    text = await sync(lambda: browser().get(f"/buscas/{search.pk}/").content.decode())
    assert "2 novas desde a busca de" in words(text)
    assert len(re.findall(r'<span class="new">nova</span>', text)) == 2
    only = await sync(lambda: browser().get(f"/buscas/{search.pk}/?novas=1").content.decode())
    assert "2 licitações" in words(only)
    assert only.count('data-card="') == 2


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

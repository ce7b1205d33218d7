"""The page of a result: its filters, on paper, on a phone."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from searches.domain.brazil import BRASILIA
from tests.browser.conftest import Stage, Visit, ask, published, shot, wait_for_end


def test_a_result_is_filtered_and_sorted_without_a_new_search(
    visit: Visit, live_site: Stage
) -> None:
    page = visit().open()
    address = ask(page, live_site)
    wait_for_end(page)
    tile = page.locator("a.tile").first
    code, count = tile.locator(".code").inner_text(), tile.locator(".n").inner_text()
    tile.click()
    assert f"uf={code}" in page.url
    expect(page.locator("#resultados-titulo")).to_have_text(
        re.compile(rf"^{re.escape(count)} licitaç(ão|ões) ")
    )
    page.get_by_role("link", name="maior valor").click()
    values = [text for text in page.locator(".card .value").all_inner_texts() if "R$" in text]
    numbers = [float(re.sub(r"[^\d,]", "", text).replace(",", ".")) for text in values]
    assert numbers == sorted(numbers, reverse=True)
    page.get_by_role("link", name="Limpar filtros").click()
    assert page.url.split("?")[0] == address


def test_a_phone_has_the_best_before_the_list_and_what_is_chosen_in_sight(
    visit: Visit, live_site: Stage
) -> None:
    page = visit(viewport={"width": 360, "height": 740}).open()
    today = datetime.now(BRASILIA).date()
    # Of this week, which no other test asks for, much is open.
    ask(page, live_site, week=((today - timedelta(days=6)).isoformat(), today.isoformat()))
    wait_for_end(page)
    page.get_by_role("link", name="menor valor").click()
    wait_for_end(page)
    chosen = page.locator('.chips-list [aria-current="true"]')
    expect(chosen).to_have_text("menor valor")
    expect(chosen).to_be_in_viewport(ratio=0.9)
    row = page.locator(".chips-list").first
    places = row.evaluate("row => [...row.children].map((chip) => chip.offsetLeft)")
    assert places == sorted(places)
    shown = page.locator(".where, .highlights, .results, .behind")
    tops = shown.evaluate_all("parts => parts.map((part) => part.getBoundingClientRect().top)")
    assert len(tops) == 4
    assert tops == sorted(tops)


def test_paper_has_long_objects_to_their_end(
    visit: Visit, live_site: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    week = live_site.new_week()
    text = "Aquisição de arroz para a merenda das escolas. " * 14 + "Entrega em doze meses."
    monkeypatch.setattr(live_site.source, "records", published(week, text))
    page = visit().open()
    ask(page, live_site, ufs="SP", week=week)
    wait_for_end(page)
    head, rest = page.locator(".card .object").all()
    ending = "element => getComputedStyle(element, '::after').content"
    expect(rest).to_be_hidden()
    assert head.evaluate(ending) == '"…"'
    shot(page, "long-object")
    page.emulate_media(media="print")
    expect(rest).to_be_visible()
    assert head.evaluate(ending) == "none"
    shot(page, "long-object-paper")
    page.emulate_media(media="screen")
    folded = page.locator("details.rest")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    expect(folded).to_have_attribute("open", "")
    assert head.evaluate(ending) == "none"
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    expect(folded).not_to_have_attribute("open", "")


def test_the_whole_question_stays_open_at_the_end_and_is_on_paper(
    visit: Visit, live_site: Stage
) -> None:
    live_site.source.latency_seconds = 0.5
    page = visit().open()
    ask(page, live_site, ufs="SP MG", terms="arroz, feijão, café, açúcar, leite, óleo")
    whole = page.locator("[data-question] p")
    expect(whole).to_be_hidden()
    page.get_by_text("ver a pergunta inteira").click()
    expect(whole).to_contain_text("“leite” ou “óleo” em Minas Gerais e em São Paulo")
    live_site.source.latency_seconds = 0.0
    wait_for_end(page)
    expect(whole).to_be_visible()
    page.get_by_text("ver a pergunta inteira").click()
    expect(whole).to_be_hidden()
    page.emulate_media(media="print")
    expect(whole).to_be_visible()
    expect(page.get_by_text("ver a pergunta inteira")).to_be_hidden()

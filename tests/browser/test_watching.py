"""A search watched live, and what the reader sees meanwhile."""

import re
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Route, WebSocketRoute, expect

from tests.browser.conftest import Stage, Visit, ask, found_count, live, shot, wait_for_end

COUNT_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def test_a_search_is_watched_to_its_end_and_its_file_opens(
    visit: Visit, live_site: Stage, tmp_path: Any
) -> None:
    live_site.source.latency_seconds = 0.4
    tabs = visit()
    tabs.context.add_init_script(COUNT_SHIFTS)
    page = tabs.open()
    ask(page, live_site)
    live(page).to_have_attribute("data-live", "ws")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Licitações de alimentos e bebidas em todo o Brasil"
    )
    expect(page.locator("[data-uf].is-reading").first).to_be_visible()
    full = page.locator("[data-uf].is-complete .fill rect").first
    expect(full).to_have_attribute("height", "100")
    expect(page.locator(".card").first).to_be_visible()
    expect(page.locator("[data-stage]")).to_have_text(re.compile(r"Buscando dados: \d+/27 estados"))
    shot(page, "running")
    wait_for_end(page)
    shot(page, "result")
    assert page.evaluate("window.shifted") < 0.02

    expect(page.locator("[data-announce]")).to_have_text(re.compile("^Pronto: "))
    with page.expect_download() as downloading:
        page.locator("[data-excel]").click()
    assert re.fullmatch(
        r"licitacoes_alimentos_\d{4}-\d\d-\d\d\.xlsx", downloading.value.suggested_filename
    )
    downloading.value.save_as(tmp_path / "file.xlsx")
    book = openpyxl.load_workbook(tmp_path / "file.xlsx", read_only=True)
    codes = [row[0] for row in book["Licitações"].iter_rows(min_row=2, values_only=True)]
    book.close()
    assert sum(bool(re.search(r"-1-\d+/\d{4}$", str(code))) for code in codes) == found_count(page)


#: Each time something has changed: what the tiles, the figure and the list's heading count.
KEEP_COUNTS = """
window.counts = [];
const count = (text) => Number((text || "").replace(/[^0-9]/g, ""));
new MutationObserver(() => {
  const heading = document.querySelector("[data-live-count]");
  if (!heading) return;
  const tiles = [...document.querySelectorAll("[data-uf] .n")];
  window.counts.push([
    tiles.reduce((sum, tile) => sum + count(tile.textContent), 0),
    count(document.querySelector("[data-found]").textContent),
    count(heading.textContent),
  ]);
}).observe(document, { subtree: true, childList: true, characterData: true });
"""


def test_what_was_found_is_one_number_at_any_moment(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 0.6
    tabs = visit()
    page = tabs.open()
    ask(page, live_site)
    tabs.context.add_init_script(KEEP_COUNTS)
    page.reload()
    wait_for_end(page)
    counts = page.evaluate("window.counts")
    assert max(found for _, found, _ in counts) > 30  # the list was drawn, and did not hold all
    assert [each for each in counts if len(set(each)) > 1] == []


def test_a_reload_in_mid_search_shows_where_it_stands_and_goes_on(
    visit: Visit, live_site: Stage
) -> None:
    live_site.source.latency_seconds = 0.3
    page = visit().open()
    ask(page, live_site)
    expect(page.locator("[data-uf].is-complete").first).to_be_visible()
    page.reload()
    expect(page.locator("[data-uf].is-complete").first).to_be_visible()
    assert page.locator("[data-progress]").evaluate("bar => bar.value") >= 10
    live(page).to_have_attribute("data-live", "ws")
    wait_for_end(page)
    assert found_count(page) > 0


def test_two_tabs_see_the_same_end(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 0.25
    tabs = visit()
    one = tabs.open()
    address = ask(one, live_site)
    two = tabs.open(address)
    live(two).to_have_attribute("data-live", "ws")
    wait_for_end(one)
    wait_for_end(two)
    assert found_count(one) == found_count(two)


def test_cancelling_stops_it_and_says_what_is_next(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 0.5
    page = visit().open()
    ask(page, live_site)
    expect(page.locator("[data-uf].is-reading").first).to_be_visible()
    page.get_by_role("button", name="Cancelar").click()
    wait_for_end(page)
    expect(page.get_by_role("heading", name="A busca foi cancelada")).to_be_visible()
    expect(page.get_by_role("button", name="Repetir a busca")).to_be_visible()
    shot(page, "cancelled")


def test_cancelling_by_keyboard_keeps_the_place_and_asks_once(
    visit: Visit, live_site: Stage
) -> None:
    live_site.source.latency_seconds = 0.5
    page = visit().open()
    ask(page, live_site)
    asked: list[Route] = []
    page.route("**/cancelar/", lambda route: asked.append(route))
    expect(page.locator("[data-uf].is-reading").first).to_be_visible()
    button = page.get_by_role("button", name="Cancelar")
    button.press("Enter")
    stopping = page.get_by_role("button", name="Cancelando")
    expect(stopping).to_be_focused()
    stopping.press("Enter")
    expect(stopping).to_have_attribute("aria-disabled", "true")
    assert len(asked) == 1
    asked[0].continue_()
    expect(page.get_by_role("heading", name="A busca foi cancelada")).to_be_visible()
    assert len(asked) == 1


def test_a_page_from_before_a_login_says_how_to_cancel(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 2.0
    tabs = visit(may_complain=True)  # 403 is an error in the console
    page = tabs.open()
    ask(page, live_site)
    other = tabs.open("/contas/criar/")
    other.get_by_label("Usuário").fill("bruna")
    other.get_by_label("Senha", exact=True).fill("licitação-2026")
    other.get_by_label("Confirmação de senha").fill("licitação-2026")
    other.get_by_role("button", name="Criar conta").click()
    expect(other.get_by_role("link", name="Conta")).to_be_visible()
    page.get_by_role("button", name="Cancelar").click()
    expect(page.locator("[data-connection]")).to_contain_text("recarregue a página e cancele")
    page.reload()
    page.get_by_role("button", name="Cancelar").click()
    expect(page.get_by_role("heading", name="A busca foi cancelada")).to_be_visible()


def test_without_news_the_time_left_does_not_grow(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 1.0
    page = visit(may_complain=True).open()
    page.clock.install()
    is_cut: list[bool] = []

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        server.on_message(lambda message: None if is_cut else socket.send(message))

    page.route_web_socket(re.compile("/ws/"), between)
    ask(page, live_site)
    left = page.locator("[data-left]")
    expect(left).to_contain_text("cerca de")
    page.route("**/eventos.json*", lambda route: route.abort())
    is_cut.append(True)
    page.clock.pause_at(page.evaluate("Date.now()") + 1500)
    before = left.inner_text()
    page.clock.run_for(8_000)
    assert left.inner_text() == before
    page.clock.run_for(8_000)
    expect(left).to_have_text("–")


#: The cards that are whole on the screen, and how high they stand.
SEEN = """cards => cards.map(card => [card.dataset.card, card.getBoundingClientRect().top])
    .filter(([, top]) => top >= 48 && top < window.innerHeight)"""


@pytest.mark.parametrize("order", ["relevancia", "data_desc"])
def test_what_is_being_read_does_not_move(visit: Visit, live_site: Stage, order: str) -> None:
    live_site.source.latency_seconds = 2.0  # the list is drawn several times
    page = visit(viewport={"width": 1280, "height": 500}).open()
    ask(page, live_site, order=order)
    first = page.locator(".card").first
    expect(first).to_be_visible()
    first.scroll_into_view_if_needed()
    page.evaluate("window.scrollBy(0, 300)")
    key = first.get_attribute("data-card")
    expect(page.get_by_role("button", name=re.compile("novas? acima, mostrar"))).to_be_visible()
    assert page.locator(".card").first.get_attribute("data-card") == key
    page.get_by_role("button", name=re.compile("novas? acima, mostrar")).click()
    expect(page.locator("[data-show-new]")).to_be_hidden()
    live_site.source.latency_seconds = 0.0
    page.evaluate("window.scrollBy(0, 250)")
    link = page.locator(".card").nth(2).get_by_role("link").first
    link.evaluate("link => link.focus({ preventScroll: true })")
    focus = link.get_attribute("href")
    before = page.locator(".card").evaluate_all(SEEN)
    assert len(before) > 1
    wait_for_end(page)
    after = page.locator(".card").evaluate_all(SEEN)
    assert [key for key, _ in after] == [key for key, _ in before]
    assert all(abs(new - old) < 2 for (_, new), (_, old) in zip(after, before, strict=True))
    assert page.evaluate("document.activeElement.href") == focus


@pytest.mark.parametrize("leave", ["button", "scroll"])
def test_the_result_waits_for_who_reads_what_is_not_together_in_it(
    visit: Visit, live_site: Stage, leave: str
) -> None:
    live_site.source.latency_seconds = 2.0  # the list is drawn several times
    page = visit(viewport={"width": 1280, "height": 500}).open()
    ask(page, live_site)
    expect(page.locator(".card").nth(3)).to_be_visible()
    page.evaluate("window.scrollBy(0, 550)")
    key = page.locator(".card").evaluate_all(SEEN)[1][0]

    def between(route: Route) -> None:  # another card where the second one was
        answer = route.fetch()
        text = answer.text().replace(f'data-card="{key}"', 'data-card="0"')
        route.fulfill(response=answer, body=text)

    page.route(re.compile(r"/buscas/[^/]+/($|\?ordem)"), between)
    before = page.locator(".card").evaluate_all(SEEN)
    live_site.source.latency_seconds = 0.0
    wait_for_end(page)
    assert page.locator(".card").evaluate_all(SEEN) == before
    show = page.get_by_role("button", name="A busca terminou, ver o resultado")
    expect(show).to_be_visible()
    expect(page.get_by_role("button", name="Cancelar")).to_be_hidden()
    expect(page.locator("#resultados-titulo")).to_have_text(re.compile(r"^Encontradas: \d"))
    if leave == "button":
        show.click()
    else:
        page.evaluate("window.scrollTo(0, 0)")
    expect(page.get_by_role("link", name="Baixar Excel")).to_be_visible()
    expect(page.locator("#busca")).to_have_class(re.compile("is-ended"))
    assert page.evaluate("window.scrollY") == 0


@pytest.mark.parametrize("fault", ["down:uf=MG", "down"])
def test_a_source_that_fails_is_said_in_words(visit: Visit, live_site: Stage, fault: str) -> None:
    from searches.pncp.faults import Faults

    before = live_site.source.faults
    live_site.source.faults = Faults.read(fault)
    try:
        page = visit().open()
        ask(page, live_site, ufs="SP MG")
        page.set_default_timeout(60_000)
        expect(page.locator("html")).to_have_attribute("data-live", "done", timeout=60_000)
    finally:
        live_site.source.faults = before
    if fault == "down":
        expect(page.locator(".verdict")).to_contain_text("O PNCP não respondeu")
        expect(page.get_by_role("button", name="Repetir a busca")).to_be_visible()
        shot(page, "source-down")
    else:
        expect(page.locator(".warning").first).to_contain_text("Minas Gerais")
        shot(page, "partial")
        page.get_by_role("button", name="Repetir só em Minas Gerais").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("em Minas Gerais")
        wait_for_end(page)

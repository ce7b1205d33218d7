"""Every page: without a script, by keyboard, on a phone, in the dark, and for axe-core."""

import json
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import Stage, Tabs, Visit, ask, published, shot, wait_for_end

PASSWORD = "licitação-2026"
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def test_everything_works_without_a_script(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 0.3
    page = visit(java_script_enabled=False).open()
    expect(page.get_by_role("button", name="Todas")).to_be_hidden()
    for box in page.locator("input[name=ufs]").all():
        box.check()
    page.get_by_label("Setor", exact=True).select_option("alimentos")
    first, last = live_site.new_week()
    page.get_by_label("De", exact=True).fill(first)
    page.get_by_label("até", exact=True).fill(last)
    page.get_by_role("button", name="Buscar", exact=True).click()
    expect(page.locator("[data-progress]")).to_be_visible()
    assert 'http-equiv="refresh" content="5"' in page.content()
    shot(page, "no-script-running")
    expect(page.locator(".figures")).to_be_visible()  # the page has fetched itself again
    assert "http-equiv" not in page.content()
    with page.expect_download() as downloading:
        page.locator("[data-excel]").click()
    assert downloading.value.suggested_filename.endswith(".xlsx")
    page.get_by_role("link", name="mais antigas").click()
    expect(page.locator(".chips a[aria-current]").first).to_have_text("mais antigas")
    page.get_by_role("button", name="Repetir a busca").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("alimentos")


def test_errors_stand_at_their_fields_and_are_told_first(visit: Visit) -> None:
    # The answer to a wrong form is 422, and Chromium says so in the console.
    page = visit(may_complain=True).open()
    page.get_by_label("meus termos", exact=True).check()
    page.get_by_label("Meus termos", exact=True).fill("")
    page.get_by_label("De", exact=True).fill("2026-02-02")
    page.get_by_label("até", exact=True).fill("2026-02-01")
    page.get_by_text("Mais filtros").click()
    page.get_by_label("Valor mínimo (R$)").fill("muito")
    page.get_by_role("button", name="Buscar", exact=True).click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("listitem")).to_have_count(4)
    expect(page.locator("#erro-ufs")).to_have_text("Escolha pelo menos um estado.")
    expect(page.get_by_label("Meus termos", exact=True)).to_have_accessible_description(
        re.compile("Escolha um setor ou escreva os seus termos")
    )
    expect(page.get_by_label("Valor mínimo (R$)")).to_have_value("muito")
    expect(page.get_by_label("Valor mínimo (R$)")).to_have_accessible_description(
        "Escreva um número."
    )
    shot(page, "form-errors")
    summary.get_by_role("link", name="Valor mínimo").click()
    expect(page.get_by_label("Valor mínimo (R$)")).to_be_focused()
    page.goto("/salvas/")
    page.go_back()  # to what was posted, without a question whether to post it again
    expect(page.locator("#erro-ufs")).to_have_text("Escolha pelo menos um estado.")


def test_a_date_that_is_none_is_not_taken_for_the_usual_period(
    visit: Visit, live_site: Stage
) -> None:
    page = visit().open()
    # What is open now was published in weeks that other tests look at, in São Paulo.
    page.locator("input[value=AC]").check()
    page.get_by_label("Setor", exact=True).select_option("alimentos")
    first, last = page.get_by_label("De", exact=True), page.get_by_label("até", exact=True)
    first.fill("")
    first.press_sequentially("1")  # a day, or a month, and no more
    page.get_by_role("button", name="Buscar", exact=True).click()
    expect(first).to_be_focused()
    expect(first).to_have_accessible_description("Esta data está incompleta ou não existe.")
    expect(last).not_to_have_attribute("aria-invalid", "true")
    shot(page, "form-date")
    page.get_by_role("button", name="7 dias").click()
    expect(page.locator("#erro-data_inicial")).to_have_count(0)
    expect(first).to_have_accessible_description("")
    last.fill("")
    last.press_sequentially("12")
    page.get_by_label("abertas agora").check()  # no period is asked for
    page.get_by_role("button", name="Buscar", exact=True).click()
    page.wait_for_url("**/buscas/*-*/")


def test_the_map_is_picked_by_keyboard(visit: Visit) -> None:
    page = visit().open()
    page.get_by_role("button", name="Nenhuma").click()
    page.locator("input[value=SP]").focus()
    page.keyboard.press("Space")
    for key, uf in (("ArrowUp", "GO"), ("ArrowLeft", "MS"), ("ArrowDown", "RS"), ("ArrowUp", "MS")):
        page.keyboard.press(key)
        expect(page.locator(f"input[value={uf}]")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.locator("[data-place]")).to_have_text("em Mato Grosso do Sul e em São Paulo")
    page.get_by_role("button", name="Sul", exact=True).press("Enter")
    expect(page.locator("[data-count]")).to_have_text("5")
    page.get_by_role("button", name="Sul", exact=True).press("Enter")
    expect(page.locator("[data-count]")).to_have_text("2")
    page.get_by_role("button", name="Todas").click()
    expect(page.locator("[data-place]")).to_have_text("em todo o Brasil")


#: No script sees how a bar's inner parts are drawn: the rules that hold for them.
MOVING = """() => {
  const found = [];
  const walk = (rules) => {
    for (const rule of rules) {
      if (rule.media && !matchMedia(rule.media.mediaText).matches) continue;
      if (rule.selectorText?.startsWith("progress::") && rule.style.transitionDuration)
        found.push(rule.style.transitionDuration);
      walk(rule.cssRules ?? []);
    }
  };
  for (const sheet of document.styleSheets) walk(sheet.cssRules);
  return found;
}"""


def test_the_bar_does_not_move_for_who_wants_no_motion(visit: Visit) -> None:
    page = visit().open()
    assert page.evaluate(MOVING) == ["0.4s"]
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(MOVING) == []


def test_the_first_page_is_light(visit: Visit) -> None:
    tabs = visit()
    sizes: list[int] = []
    page = tabs.context.new_page()
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto("/", wait_until="networkidle")
    assert len(sizes) >= 4
    assert sum(sizes) < 100_000


#: The second has too few of the terms: it is found, and hidden.
FEW_TERMS = "arroz, feijão, café, açúcar"
WITH_FEW_TERMS = ("Aquisição de arroz, feijão e café", "Aquisição de arroz e pneus")


def sign_up(page: Page, name: str) -> None:
    page.get_by_label("Usuário").fill(name)
    page.get_by_label("Senha", exact=True).fill(PASSWORD)
    page.get_by_label("Confirmação de senha").fill(PASSWORD)
    page.get_by_role("button", name="Criar conta").click()
    expect(page.get_by_role("link", name="Conta", exact=True)).to_be_visible()


@pytest.fixture
def tour(live_site: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[[Tabs], Any]:
    """Walk one visitor through every page, in every state that can be had quickly."""

    def walk(tabs: Tabs) -> Any:
        page = tabs.open()
        yield "form", page
        page.get_by_text("Mais filtros").click()
        yield "form-more", page
        live_site.source.latency_seconds = 0.5
        address = ask(page, live_site)
        expect(page.locator(".card").first).to_be_visible()
        yield "running", page
        live_site.source.latency_seconds = 0.0
        wait_for_end(page)
        page.goto(address)
        for numbers in page.locator(".chart details summary").all():
            numbers.click()
        yield "result", page
        page.goto("/")
        ask(page, live_site, ufs="AC", sector="vigilancia")
        wait_for_end(page)
        yield "nothing", page
        week = live_site.new_week()
        monkeypatch.setattr(live_site.source, "records", published(week, *WITH_FEW_TERMS))
        page.goto("/")
        address = ask(page, live_site, ufs="SP", terms=FEW_TERMS, week=week)
        wait_for_end(page)
        page.goto(f"{address}?ocultas=1")
        expect(page.locator(".card.is-hidden mark")).to_have_text("arroz")
        yield "hidden", page
        page.goto("/buscas/")
        yield "history", page
        page.get_by_role("button", name="Salvar").first.click()
        page.locator("summary", has_text="Mudar").click()
        yield "saved", page
        page.goto("/contas/entrar/")
        yield "login", page
        page.goto("/contas/criar/")
        yield "sign-up", page
        page.goto("/contas/senha/esquecida/")
        yield "forgotten", page
        page.goto("/nada/")
        yield "not-found", page
        page.goto("/contas/tokens/criar/")
        yield "refused-method", page
        page.goto("/contas/criar/?next=/contas/")
        sign_up(page, "dora")
        yield "account", page
        page.get_by_role("link", name="Excluir a conta").click()
        page.get_by_label("Senha").fill("outra")
        page.get_by_role("button", name="Excluir a conta").click()
        yield "delete-account", page
        page.get_by_label("Senha").fill(PASSWORD)
        page.get_by_role("button", name="Excluir a conta").click()
        yield "account-deleted", page
        page.goto("/salvas/")
        yield "saved-nothing", page
        page.goto("/buscas/")
        yield "history-nothing", page

    return walk


def test_axe_finds_nothing_in_the_light_and_in_the_dark(
    visit: Visit, tour: Callable[[Tabs], Any]
) -> None:
    # axe is put into the page from outside, which its policy forbids to everybody else.
    tabs = visit(may_complain=True, bypass_csp=True)
    for name, page in tour(tabs):
        page.evaluate(AXE)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate("axe.run().then(({ violations }) => violations)")
            summary = [
                (each["id"], [(node["html"], node["failureSummary"]) for node in each["nodes"][:3]])
                for each in found
            ]
            assert not summary, f"{name}, {scheme}: {json.dumps(summary, indent=1)}"
            shot(page, f"{name}-{scheme}")
        page.emulate_media(color_scheme="light")


def test_the_docs_of_the_api_can_be_read(visit: Visit) -> None:
    page = visit().open("/api/docs")
    expect(page.locator(".opblock")).to_have_count(8)
    expect(page.get_by_text("Dados de demonstração")).to_be_visible()
    shot(page, "docs")


def test_on_paper_what_is_chosen_is_seen_and_buttons_are_not(
    visit: Visit, live_site: Stage
) -> None:
    page = visit().open()
    ask(page, live_site, ufs="AC")
    wait_for_end(page)
    page.get_by_role("button", name="Salvar a busca").click()
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", level=2)).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    page.goto("/")
    expect(page.get_by_role("button")).to_have_count(0)
    chosen = page.locator(".tile:has(:checked)").first
    expect(chosen).to_have_css("color", "rgb(0, 0, 0)")
    shot(page, "form-paper")


#: What runs off the screen is reached by keyboard.
SCROLLED = "scrollable-region-focusable"


def test_a_phone_shows_all_of_it(visit: Visit, tour: Callable[[Tabs], Any]) -> None:
    narrow = {"width": 360, "height": 780}
    tabs = visit(may_complain=True, bypass_csp=True, has_touch=True, viewport=narrow)
    for name, page in tour(tabs):
        page.evaluate(AXE)
        found = page.evaluate(f"axe.run({{ runOnly: '{SCROLLED}' }})")
        assert found["violations"] == [], name
        for width in (390, 360):
            page.set_viewport_size({"width": width, "height": 780})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        shot(page, f"{name}-phone")


def test_twice_the_text_fits_a_small_phone(
    launch: Callable[..., Browser], live_site: Stage, tour: Callable[[Tabs], Any]
) -> None:
    with launch("--blink-settings=defaultFontSize=32") as browser:
        context = browser.new_context(
            base_url=live_site.url, locale="pt-BR", viewport={"width": 320, "height": 700}
        )
        for name, page in tour(Tabs(context, [])):
            size = "getComputedStyle(document.documentElement).fontSize"
            assert page.evaluate(size) == "32px"
            for box in page.locator("label input:not(.tile *)").all():
                assert box.evaluate("box => box.offsetWidth") == 28  # twice as large too
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, name
            assert page.locator(".tile > :is(.code, .n)").evaluate_all(CUT_OFF) == [], name
            shot(page, f"{name}-large")


#: What the tiles do not show whole.
CUT_OFF = """parts => parts.filter(part => {
  const [own, tile] = [part, part.closest(".tile")].map(each => each.getBoundingClientRect());
  return own.left < tile.left - 1 || own.right > tile.right + 1 || own.bottom > tile.bottom + 1;
}).map(part => part.outerHTML)"""

STATES = (
    *("is-out", "is-waiting", "is-reading", "is-complete", "is-complete from-store"),
    *("is-partial", "is-failed", "is-unread", "is-idle"),
    *(f"is-idle shade-{step}" for step in range(1, 6)),
)


def test_forced_colours_tell_the_states_of_tiles_and_bars_apart(visit: Visit) -> None:
    page = visit(forced_colors="active").open()
    tiles = [f"tile {state}" for state in STATES]
    legend = "".join(f"<li><span class='{name}'></span></li>" for name in tiles)
    bars = "".join(f"<progress max='4' value='{value}'></progress>" for value in range(4))
    page.evaluate(
        "html => { document.body.innerHTML = html; }", f"<ul class=legend>{legend}</ul>{bars}"
    )
    looks = [each.screenshot() for each in page.locator(".tile, progress").all()]
    assert len(set(looks)) == len(looks) == len(tiles) + 4


def test_an_account_keeps_the_history_and_makes_tokens(visit: Visit, live_site: Stage) -> None:
    page: Page = visit().open()
    key = ask(page, live_site, ufs="SP").split("/")[-2]
    wait_for_end(page)
    page.get_by_role("link", name="Entrar").click()
    page.get_by_role("link", name="Criar uma conta").click()
    sign_up(page, "alice")
    page.get_by_role("link", name="Histórico").click()
    expect(page.locator(".history tbody tr")).to_have_count(1)
    page.get_by_role("link", name="Conta", exact=True).click()
    page.get_by_label("Nome do novo token").fill("planilha")
    page.get_by_role("button", name="Criar token").click()
    expect(page.locator(".new-token code")).to_be_visible()
    shot(page, "account")
    token = page.locator(".new-token code").inner_text()
    page.reload()  # posts again
    expect(page.locator(".new-token")).to_contain_text("já foi criado")
    page.get_by_role("link", name="Conta", exact=True).click()
    expect(page.locator(".new-token")).to_have_count(0)
    expect(page.locator(".tokens li")).to_have_count(1)
    page.request.get(f"/api/buscar/{key}", headers={"Authorization": f"Bearer {token}"})
    page.reload()
    page.locator(".tokens summary").click()
    expect(page.locator(".tokens")).to_contain_text("usado em")
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 780})
        expect(page.get_by_role("button", name="Apagar mesmo")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        row, asking = (page.locator(place).bounding_box() for place in (".tokens li", "details"))
        assert row and asking and asking["width"] == row["width"]
        for moment in page.locator(".tokens .muted").all():
            box = moment.bounding_box()
            assert box and box["height"] < 30  # one line
            assert box["y"] + box["height"] <= asking["y"]
        shot(page, f"account-token-{width}")


def test_a_double_click_is_one_click(visit: Visit, live_site: Stage) -> None:
    page = visit().open()
    asked = ask(page, live_site, ufs="AC")
    wait_for_end(page)
    sent: list[Route] = []
    page.route("**/repetir/", lambda route: sent.append(route))  # answered when it is let go
    button = page.get_by_role("button", name="Repetir a busca")
    button.scroll_into_view_if_needed()
    place = button.bounding_box()
    assert place
    with page.expect_request("**/repetir/"):
        page.mouse.click(place["x"] + 5, place["y"] + 5)
    page.mouse.click(place["x"] + 5, place["y"] + 5)  # a second request would cut the first off
    sent[0].continue_()
    page.wait_for_url(lambda url: url != asked)
    page.go_back()
    page.unroute("**/repetir/")
    button.click()
    page.wait_for_url(lambda url: url != asked)


def test_a_token_asked_for_after_logging_out_in_another_tab(visit: Visit) -> None:
    tabs = visit()
    page = tabs.open("/contas/criar/?next=/contas/")
    sign_up(page, "erika")
    other = tabs.open("/contas/")
    other.get_by_role("button", name="Sair").click()
    page.get_by_role("button", name="Criar token").click()
    page.get_by_label("Usuário").fill("erika")
    page.get_by_label("Senha").fill(PASSWORD)
    page.get_by_role("button", name="Entrar").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("erika")
    page.get_by_role("button", name="Criar token").click()
    expect(page.locator(".new-token code")).to_be_visible()

"""The list that grows while a search runs, fed by hand."""

from collections.abc import Sequence

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visit

#: Draw a list of these cards, each half a screen high, and take it for what the server has drawn.
BEGIN = """async (html) => {
  const { Results } = await import("/static/searches/results.js");
  document.body.innerHTML = `<section>${html}</section>`;
  window.results = new Results(document.querySelector("section"));
}"""


def drawn(*names: str) -> str:
    counts = "data-live-count='{}'"
    cards = "".join(f"<li data-card='{name}' style='height: 50vh'>{name}</li>" for name in names)
    return (
        f"<div><h2>Encontradas até agora: <span {counts}></span></h2>"
        f"<button data-show-new hidden></button></div><ol data-cards>{cards}</ol>"
    )


def take(page: Page, *names: str) -> None:
    page.evaluate("html => window.results.take(html)", drawn(*names))


def shown(page: Page) -> Sequence[str]:
    return page.locator("[data-card]").all_inner_texts()


def test_better_ones_wait_behind_the_button_also_when_what_is_read_is_no_longer_of_the_best(
    visit: Visit,
) -> None:
    page = visit(viewport={"width": 600, "height": 400}, bypass_csp=True).open()
    page.evaluate(BEGIN, drawn("a", "b", "c", "d"))
    page.evaluate("window.scrollTo(0, 200)")
    button = page.locator("[data-show-new]")
    take(page, "a", "x", "b", "c", "e")
    expect(button).to_have_text("1 nova acima, mostrar")
    assert shown(page) == ["a", "b", "c", "e"]
    take(page, "a", "x", "y", "b", "z")  # "c", the last one on the screen, fell out of the best
    expect(button).to_have_text("3 novas acima, mostrar")
    assert shown(page) == ["a", "b", "c"]
    button.click()
    assert shown(page) == ["a", "x", "y", "b", "z"]


def test_a_button_that_goes_leaves_the_focus_in_the_list(visit: Visit) -> None:
    page = visit(viewport={"width": 600, "height": 400}, bypass_csp=True).open()
    page.evaluate(BEGIN, drawn("a", "b"))
    take(page, "x", "a", "b")
    page.locator("[data-show-new]").focus()
    take(page, "a", "b")
    expect(page.locator("[data-show-new]")).to_be_hidden()
    expect(page.locator("h2")).to_be_focused()

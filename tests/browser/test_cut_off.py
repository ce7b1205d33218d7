"""A search watched while transports, connections or the site itself do not work as they should."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Request, Route, WebSocketRoute, expect

from tests.browser.conftest import Stage, Visit, ask, found_count, live, shot, wait_for_end

NO_SOCKET = """
window.WebSocket = class extends EventTarget {
  constructor() { super(); this.readyState = 0; setTimeout(() => this.fail(), 5); }
  fail() {
    this.readyState = 3;
    this.dispatchEvent(new Event("error"));
    this.dispatchEvent(new CloseEvent("close", { code: 1006 }));
  }
  close() {}
};
window.WebSocket.OPEN = 1;
"""
#: What a screen reader says, from then on.
HEAR = """
window.heard = [];
const region = document.querySelector("[data-announce]");
new MutationObserver(() => heard.push(region.textContent)).observe(region, { childList: true });
"""
STREAMS = re.compile(r"/eventos/(\?|$)")


def test_without_sockets_it_listens_to_the_event_stream(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 0.4
    tabs = visit()
    tabs.context.add_init_script(NO_SOCKET)
    page = tabs.open()
    ask(page, live_site)
    live(page).to_have_attribute("data-live", "sse")
    expect(page.locator("[data-uf].is-complete").first).to_be_visible()
    wait_for_end(page)


def test_a_socket_that_is_cut_at_once_counts_as_none(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 0.4
    tabs = visit()
    page = tabs.open()
    page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close(code=1001))
    ask(page, live_site)
    live(page).to_have_attribute("data-live", "sse")
    wait_for_end(page)


def test_a_message_that_was_lost_is_asked_for_again(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 0.25
    page = visit().open()
    lost: list[str] = []
    said: list[str] = []

    def between(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(message: str | bytes) -> None:
            said.append(str(message))
            server.send(message)

        def to_page(message: str | bytes) -> None:
            if not lost and '"seq":8,' in str(message):
                lost.append(str(message))
            else:
                socket.send(message)

        socket.on_message(to_server)
        server.on_message(to_page)

    page.route_web_socket(re.compile("/ws/"), between)
    ask(page, live_site)
    wait_for_end(page)
    assert len(lost) == 1
    assert said[0] == '{"type":"sync","after":7}'


def test_without_sockets_and_streams_it_polls(visit: Visit, live_site: Stage) -> None:
    live_site.source.latency_seconds = 0.8
    tabs = visit(may_complain=True)  # the blocked stream is an error in the console
    tabs.context.add_init_script(NO_SOCKET)
    tabs.context.route(STREAMS, lambda route: route.abort())
    page = tabs.open()
    ask(page, live_site)
    live(page).to_have_attribute("data-live", "poll")
    expect(page.locator("[data-connection]")).to_have_text("Atualizando a cada 2 s.")
    expect(page.locator("[data-uf].is-complete").first).to_be_visible()
    wait_for_end(page)
    assert found_count(page) > 0


@pytest.mark.parametrize("transport", ["ws", "poll"])
def test_a_database_that_is_away_is_said_in_one_line_until_it_is_back(
    visit: Visit, live_site: Stage, transport: str
) -> None:
    live_site.source.latency_seconds = 600.0  # nothing is told meanwhile
    tabs = visit(may_complain=True)  # each 503 is an error in the console
    polls = re.compile(r"/eventos\.json")
    if transport == "poll":
        tabs.context.add_init_script(NO_SOCKET)
        tabs.context.route(STREAMS, lambda route: route.fulfill(status=503))
    page = tabs.open()
    page.clock.install()
    ask(page, live_site, ufs="SP")
    live(page).to_have_attribute("data-live", transport)
    connection = page.locator("[data-connection]")
    calm = connection.inner_text()
    page.evaluate(HEAR)
    page.route(polls, lambda route: route.fulfill(status=503))
    page.clock.run_for(21_000)  # a socket is silent for long before the database is asked
    expect(connection).to_have_text(re.compile("^O site não está conseguindo ler o andamento"))
    live(page).to_have_attribute("data-live", transport)
    page.unroute(polls)
    page.clock.run_for(21_000)
    expect(connection).to_have_text(calm)
    told = [
        "O site não está conseguindo ler o andamento. Nada se perdeu: ele volta sozinho.",
        "A conexão voltou.",
    ]
    heard = page.evaluate("heard")  # between stages
    assert [text for text in heard if text in told] == told
    page.get_by_role("button", name="Cancelar").click()
    wait_for_end(page)


#: What a page asks for while it is open.
ASKED = {
    "events": r"/eventos\.json",
    "list": r"\?fragmento=resultados$",
    "page": r"/buscas/[^/?]+/$",
}


@pytest.mark.parametrize("what", list(ASKED))
def test_what_gets_no_answer_is_asked_for_again(visit: Visit, live_site: Stage, what: str) -> None:
    live_site.source.latency_seconds = 0.4
    tabs = visit(may_complain=True)  # the blocked stream is an error in the console
    if what == "events":
        tabs.context.add_init_script(NO_SOCKET)
        tabs.context.route(STREAMS, lambda route: route.abort())
    page = tabs.open()
    page.clock.install()
    kept: list[Route] = []

    def is_asked(request: Request) -> bool:
        return request.resource_type == "fetch" and bool(re.search(ASKED[what], request.url))

    def between(route: Route) -> None:
        if kept or not is_asked(route.request):
            route.continue_()
        else:
            kept.append(route)  # for ever

    page.route(re.compile(ASKED[what]), between)
    with page.expect_request(is_asked):
        ask(page, live_site)
    with page.expect_request(is_asked):
        page.clock.run_for(25_000)  # its patience, and the pause before it asks again
    wait_for_end(page)
    expect(page.get_by_role("link", name="Baixar Excel")).to_be_visible()


@pytest.mark.parametrize("fault", ["down", "off", "mute"])
def test_a_cancel_that_does_not_get_through_is_said_and_can_be_asked_again(
    visit: Visit, live_site: Stage, fault: str
) -> None:
    live_site.source.latency_seconds = 1.0
    page = visit(may_complain=True).open()  # the failed request is an error in the console
    ask(page, live_site)
    page.clock.install()
    faults: dict[str, Callable[[Route], None]] = {
        "down": lambda route: route.fulfill(status=503),
        "off": lambda route: route.abort(),
        "mute": lambda route: page.clock.run_for(21_000),
    }
    page.route("**/cancelar/", faults[fault])
    page.get_by_role("button", name="Cancelar").press("Enter")
    said = page.locator("[data-connection]")
    expect(said).to_contain_text("O servidor não respondeu ao pedido de cancelar")
    shot(page, "not-cancelled")
    again = page.get_by_role("button", name="Cancelar")
    expect(again).to_be_focused()
    page.unroute("**/cancelar/")
    again.press("Enter")
    expect(page.get_by_role("heading", name="A busca foi cancelada")).to_be_visible()

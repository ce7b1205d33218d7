"""A real Chromium on a real server with a simulated source.

Fixtures live as long as a module: Playwright's loop must not outlive the browser tests, or the
async tests that run after them in the same process find a loop running.
"""

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from searches.domain.brazil import BRASILIA
from searches.pncp.simulator import Simulator
from searches.pncp.simulator_records import FileRecords
from tests import processes
from tests.integration.conftest import record

ARTIFACTS = Path(__file__).resolve().parent.parent / "artifacts"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
HOW = (
    "no Chromium: `python -m playwright install --with-deps chromium`, or apt-get install chromium"
)
#: Long enough for a loaded machine; nothing waits that long when all is well.
PATIENCE_MS = 30_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in Path(item.fspath).parents:
            item.add_marker(pytest.mark.browser)


def _executable(playwright: Playwright) -> str | None:
    own = Path(playwright.chromium.executable_path)
    return str(own) if own.exists() else next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Browser]]:
    """Start a browser with these arguments more."""
    with sync_playwright() as playwright:
        executable = _executable(playwright)
        if executable is None:
            if os.environ.get("CI"):
                pytest.fail(HOW)
            pytest.skip(HOW)
        yield lambda *more: playwright.chromium.launch(
            executable_path=executable, args=[*ARGUMENTS, *more]
        )


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Browser]) -> Iterator[Browser]:
    with launch() as launched:
        yield launched


@dataclass
class Stage:
    """The served site, and its source, whose pace the tests set."""

    url: str
    process: processes.Process
    source: Simulator
    _weeks: "Iterator[int]"

    def new_week(self) -> tuple[str, str]:
        """Return first and last day of a week that no test has asked for yet."""
        today = datetime.now(BRASILIA).date()
        last = today - timedelta(days=7 * next(self._weeks))
        return (last - timedelta(days=6)).isoformat(), last.isoformat()

    def stop_searches(self) -> None:
        """End what a test has left running: its requests would hold the source from the next."""
        path = self.process.variables["DATABASE_URL"].removeprefix("sqlite:///")
        going = "status IN ('queued', 'running')"
        deadline = time.monotonic() + PATIENCE_MS / 1000
        with contextlib.closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as base:
            asked = "cancel_requested_at = datetime('now')"
            base.execute(f"UPDATE searches_search SET {asked} WHERE {going}")
            while base.execute(f"SELECT 1 FROM searches_search WHERE {going}").fetchone():
                assert time.monotonic() < deadline, "a search does not stop"
                time.sleep(0.05)  # nobody outside is told


@pytest.fixture(scope="module")
def live_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("site")
    with (
        processes.simulator() as (source, source_url),
        processes.site(
            directory,
            PNCP_BASE_URL=source_url,
            BIDIQ_SEARCHES_PER_MINUTE="1000",
            BIDIQ_DEMO="1",
        ) as process,
    ):
        yield Stage(process.url, process, source, count(1))


@dataclass
class Tabs:
    """Opens pages of one visitor, and keeps what the browser complained of."""

    context: BrowserContext
    problems: list[str]

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.goto(path)
        return page

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)


#: What the fixture gives: called with a context's options, it makes a visitor.
Visit = Callable[..., Tabs]


@pytest.fixture
def visit(browser: Browser, live_site: Stage) -> Iterator[Visit]:
    """Make visitors; a test fails when the console of one of them has a complaint."""
    made: list[Tabs] = []

    def make(*, may_complain: bool = False, **options: Any) -> Tabs:
        context = browser.new_context(base_url=live_site.url, locale="pt-BR", **options)
        context.set_default_timeout(PATIENCE_MS)
        tabs = Tabs(context, [])
        if not may_complain:
            made.append(tabs)
        return tabs

    expect.set_options(timeout=PATIENCE_MS)
    live_site.source.latency_seconds = 0.0
    yield make
    try:
        for tabs in made:
            assert tabs.problems == []
    finally:
        for context in browser.contexts:
            context.close()
        live_site.stop_searches()


def published(week: tuple[str, str], *objects: str) -> FileRecords:
    """Return a source's records: one notice for each object, published in São Paulo in that week.

    With numbers of the week's own: the store keeps the newest it has met of each number.
    """
    number = int(week[0].replace("-", "")) * 10
    return FileRecords(
        record(number + place, day=week[0], object=text) for place, text in enumerate(objects)
    )


def shot(page: Page, name: str) -> None:
    """Keep a picture of the whole page."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png", full_page=True)


def ask(
    page: Page,
    stage: Stage,
    *,
    ufs: str = "*",
    sector: str = "alimentos",
    terms: str = "",
    week: tuple[str, str] | None = None,
    order: str = "",
) -> str:
    """Fill the form and send it; return the address of the search's page.

    `ufs`: "*" for all, or codes with spaces between them; `terms`: in the place of a sector.
    """
    first, last = week or stage.new_week()
    if ufs == "*":
        page.get_by_role("button", name="Todas").click()
    else:
        page.get_by_role("button", name="Nenhuma").click()
        for uf in ufs.split():
            page.locator(f"input[value={uf}]").check()
    if terms:
        page.get_by_label("meus termos", exact=True).check()
        page.get_by_label("Meus termos", exact=True).fill(terms)
    else:
        page.get_by_label("Setor", exact=True).select_option(sector)
    page.get_by_label("De", exact=True).fill(first)
    page.get_by_label("até", exact=True).fill(last)
    if order:
        page.get_by_text("Mais filtros").click()
        page.get_by_label("Ordem", exact=True).select_option(order)
    page.get_by_role("button", name="Buscar", exact=True).click()
    page.wait_for_url("**/buscas/*-*/")
    return page.url


def wait_for_end(page: Page) -> None:
    expect(page.locator("html")).to_have_attribute("data-live", "done")


def live(page: Page) -> Any:
    return expect(page.locator("html"))


def found_count(page: Page) -> int:
    text = page.locator(".figures .number").first.inner_text()
    return int(text.replace(".", ""))

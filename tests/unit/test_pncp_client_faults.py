"""The client when the source is busy, sick or wrong."""

import asyncio
import time
from datetime import timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web

from searches.domain.errors import (
    SourceMalformed,
    SourceRejected,
    SourceThrottled,
    SourceUnavailable,
)
from searches.pncp import client as client_module
from searches.pncp.limiter import AdaptiveLimiter
from searches.pncp.retry import is_passing, pause_seconds
from searches.pncp.simulator import Simulator
from tests.unit.pncp_support import NOW, answering, published, quick_client, records


class QuickPauses(AdaptiveLimiter):
    """A limiter that remembers the pauses asked for, and keeps a thousandth of each."""

    def __init__(self) -> None:
        super().__init__(600_000)
        self.pauses: list[float] = []

    async def throttled(self, retry_after_seconds: float) -> None:
        self.pauses.append(retry_after_seconds)
        await super().throttled(retry_after_seconds / 1000)


async def statuses_after(faults: str, **options: object) -> list[int]:
    """Read one page through the faults; return the statuses that the simulator gave."""
    simulator = Simulator(records(1), faults=faults)
    async with (
        simulator.serving() as url,
        quick_client(url, QuickPauses(), **options) as client,
    ):
        assert len((await client.page(published("MG"), 1)).notices) == 1
    return [seen.status for seen in simulator.requests]


@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "truncate", "html", "reset"])
async def test_it_asks_again_after_a_passing_fault(kind):
    status = {"truncate": 200, "html": 200, "reset": 0}.get(kind)
    if status is None:
        status = int(kind)
    assert await statuses_after(f"{kind}:times=3") == [status] * 3 + [200]


async def test_it_asks_again_after_no_answer_in_time():
    assert len(await statuses_after("timeout:times=1", timeout_seconds=0.1)) == 2


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("500", SourceUnavailable),
        ("down", SourceUnavailable),
        ("reset", SourceUnavailable),
        ("truncate", SourceMalformed),
        ("html", SourceMalformed),
    ],
)
async def test_it_gives_a_lasting_fault_up_after_its_attempts(kind, error):
    simulator = Simulator(records(1), faults=kind)
    async with simulator.serving() as url, quick_client(url, attempts=4) as client:
        with pytest.raises(error):
            await client.page(published("MG"), 1)
        assert client.stats.retries == 3
    assert len(simulator.requests) == 4


async def test_the_error_of_a_500_quotes_its_text():
    simulator = Simulator(records(1), faults="500")
    async with simulator.serving() as url, quick_client(url, attempts=1) as client:
        with pytest.raises(SourceUnavailable, match="500: Erro na comunicação com o banco"):
            await client.page(published("MG"), 1)


async def test_a_refused_connection_is_an_unavailable_source():
    async with quick_client("http://127.0.0.1:1", attempts=2) as client:
        with pytest.raises(SourceUnavailable):
            await client.page(published("MG"), 1)
        assert client.stats.requests == 2


async def test_an_address_that_is_none_is_an_unavailable_source():
    async with quick_client("http://[::1", attempts=1) as client:
        with pytest.raises(SourceUnavailable):
            await client.page(published("MG"), 1)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_another_4xx_is_final_at_once(status):
    seen = 0

    async def handler(request: web.Request) -> web.Response:
        nonlocal seen
        seen += 1
        return web.json_response({"message": "não \x00 pode"}, status=status)

    async with answering(handler) as url, quick_client(url) as client:
        with pytest.raises(SourceRejected, match=f"{status}: não pode") as caught:
            await client.page(published("MG"), 1)
    assert (caught.value.status, seen) == (status, 1)


async def test_a_400_on_the_first_page_is_final():
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=400, text="Tamanho de página inválido" + "x" * 5000)

    async with answering(handler) as url, quick_client(url) as client:
        with pytest.raises(SourceRejected, match="Tamanho de página inválido") as caught:
            await client.page(published("MG"), 1)
    assert caught.value.status == 400
    assert len(str(caught.value)) <= 210


@pytest.mark.parametrize(("spurious_count", "asked"), [(1, 2), (2, 3)])
async def test_a_spurious_422_is_asked_again(spurious_count, asked):
    assert len(await statuses_after(f"422:times={spurious_count}")) == asked


async def test_a_lasting_422_is_final_after_two_more_tries():
    simulator = Simulator(records(1), faults="422")
    async with simulator.serving() as url, quick_client(url) as client:
        with pytest.raises(SourceRejected, match="Data Inicial") as caught:
            await client.page(published("MG"), 1)
    assert caught.value.status == 422
    assert len(simulator.requests) == 3


async def test_a_429_waits_as_long_as_it_is_told_and_else_a_minute():
    limiter = QuickPauses()
    faults = "429:uf=MG;times=1;retry_after=7,html429:uf=SP;times=1"
    simulator = Simulator(records(1), faults=faults)
    async with simulator.serving() as url, quick_client(url, limiter) as client:
        await client.page(published("MG"), 1)
        await client.page(published("SP"), 1)
        assert (client.stats.throttled, client.stats.requests) == (2, 4)
    assert limiter.pauses == [7, 60]


async def test_many_429_do_not_eat_the_attempts_of_real_failures():
    statuses = await statuses_after("429:times=12;retry_after=1", attempts=1)
    assert statuses == [429] * 12 + [200]


async def test_429_for_ever_is_given_up_in_the_end():
    simulator = Simulator(records(1), faults="429:retry_after=1")
    async with simulator.serving() as url, quick_client(url, QuickPauses()) as client:
        with pytest.raises(SourceThrottled) as caught:
            await client.page(published("MG"), 1)
    assert caught.value.retry_after_seconds == 1
    assert len(simulator.requests) == 30


async def test_a_429_pauses_every_request():
    simulator = Simulator(records(1), faults="429:times=1;retry_after=0.3")
    async with simulator.serving() as url, quick_client(url, concurrency=1) as client:
        started_at = time.monotonic()
        await asyncio.gather(*(client.page(published("MG", modality), 1) for modality in range(4)))
    first, *others = simulator.requests
    assert first.status == 429
    assert all(seen.at - started_at >= 0.3 for seen in others)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 60),
        ("", 60),
        ("soon", 60),
        ("nan", 60),
        ("0", 0),
        ("-5", 0),
        ("12.5", 12.5),
        ("100000", 300),
        ("inf", 300),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0),
        ("Tue, 24 Nov 2026 15:00:30", 30),
        ("Tue, 99 Nov 2026 15:00:30 GMT", 60),
        ("Tue, 24 Nov 2026 15:00:30 +99999999999999999", 60),
        (f"Tue, 24 Nov {'9' * 20} 15:00:30 GMT", 60),
        ('"(', 60),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_capped(header, seconds):
    assert pause_seconds(header, now=NOW) == pytest.approx(seconds)


def test_what_passes_and_what_does_not():
    assert [
        status for status in (400, 401, 404, 408, 422, 500, 503, 504) if is_passing(status)
    ] == [
        408,
        500,
        503,
        504,
    ]


async def test_a_redirect_of_the_same_host_is_followed_and_to_another_is_not():
    async def handler(request: web.Request) -> web.Response:
        if request.path.startswith("/new"):
            return web.Response(status=204)
        if request.query.get("uf") == "MG":
            return web.Response(status=302, headers={"Location": "/new/place"})
        if request.query.get("uf") == "SP":
            return web.Response(status=302, headers={"Location": str(request.url)})
        return web.Response(status=302, headers={"Location": "http://other.invalid/steal"})

    async with answering(handler) as url, quick_client(url, attempts=1) as client:
        assert (await client.page(published("MG"), 1)).total_pages == 0
        with pytest.raises(SourceUnavailable, match="circle"):
            await client.page(published("SP"), 1)
        with pytest.raises(SourceRejected) as caught:
            await client.page(published("RJ"), 1)
        assert caught.value.status == 302


async def test_a_body_without_end_is_cut(monkeypatch):
    monkeypatch.setattr(client_module, "LARGEST_BODY_BYTES", 100_000)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b" " * 10_000)
        return response

    async with answering(handler) as url, quick_client(url, attempts=1) as client:
        with pytest.raises(SourceMalformed, match="more than"):
            await client.page(published("MG"), 1)
        assert client.stats.bytes < 2_000_000


async def test_a_body_shorter_than_it_says_is_asked_again():
    count = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal count
        count += 1
        if count > 1:
            return web.Response(status=204)
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"data"')
        assert request.transport is not None
        request.transport.close()
        return response

    async with answering(handler) as url, quick_client(url) as client:
        await client.page(published("MG"), 1)
    assert count == 2


async def test_json_under_another_content_type_is_read():
    async def handler(request: web.Request) -> web.Response:
        return web.Response(
            text='{"data": [], "totalRegistros": 0, "totalPaginas": 0}', content_type="text/plain"
        )

    async with answering(handler) as url, quick_client(url) as client:
        assert (await client.page(published("MG"), 1)).total_pages == 0


async def test_two_waiters_of_a_failing_page_both_hear_of_it():
    simulator = Simulator(records(1), faults="down")
    async with simulator.serving() as url, quick_client(url, attempts=2) as client:
        results = await asyncio.gather(
            *(client.page(published("MG"), 1) for _ in range(2)), return_exceptions=True
        )
    assert [type(result) for result in results] == [SourceUnavailable] * 2


async def test_every_fault_at_once_costs_no_notice_and_none_is_invented():
    faults = (
        "500:rate=0.1,reset:rate=0.05,truncate:rate=0.05,422:rate=0.03,429:every=9;retry_after=1"
    )
    simulator = Simulator(records(1000), faults=faults, seed=3)
    async with simulator.serving() as url, quick_client(url, QuickPauses(), attempts=8) as client:
        pages = await asyncio.gather(
            *(client.page(published("MG"), number) for number in range(1, 21))
        )
    keys = [notice.control_number for page in pages for notice in page.notices]
    assert len(keys) == len(set(keys)) == 1000
    assert len(simulator.requests) > 20

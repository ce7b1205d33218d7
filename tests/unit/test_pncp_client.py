"""The client against the simulator: what it asks, and how callers share it."""

import asyncio
from collections import Counter
from datetime import date

import pytest

from searches.domain.errors import SourceRejected
from searches.domain.planning import Endpoint, ListKey
from searches.pncp.client import PncpClient
from searches.pncp.limiter import AdaptiveLimiter
from searches.pncp.payload import Page
from searches.pncp.simulator import Simulator
from tests.unit.pncp_support import DAY, NOW, published, quick_client, record, records

OPEN = ListKey(Endpoint.OPEN, None, "MG", date(2026, 11, 24), date(2027, 11, 24))


async def whole(client: PncpClient, key: ListKey) -> list[Page]:
    pages = [await client.page(key, 1)]
    while pages[-1].number < pages[-1].total_pages:
        pages.append(await client.page(key, len(pages) + 1))
    return pages


async def test_it_reads_a_list_page_by_page_and_each_page_once():
    simulator = Simulator(records(120))
    async with simulator.serving() as url, quick_client(url) as client:
        pages = await whole(client, published("MG"))
    assert [len(page.notices) for page in pages] == [50, 50, 20]
    assert {page.total_pages for page in pages} == {3}
    assert {page.total_records for page in pages} == {120}
    assert len({notice.control_number for page in pages for notice in page.notices}) == 120
    assert Counter(seen.params["pagina"] for seen in simulator.requests) == {"1": 1, "2": 1, "3": 1}


async def test_it_asks_for_publications_as_the_source_wants():
    simulator = Simulator(records(1))
    async with simulator.serving() as url, quick_client(url) as client:
        await client.page(published("MG"), 1)
        await client.page(published(None, modality=8), 2)
    first, second = simulator.requests
    assert first.path == "/v1/contratacoes/publicacao"
    assert first.params == {
        "dataInicial": "20261118",
        "dataFinal": "20261118",
        "codigoModalidadeContratacao": "6",
        "uf": "MG",
        "pagina": "1",
        "tamanhoPagina": "50",
    }
    assert "uf" not in second.params


async def test_it_asks_for_open_notices_without_modality_or_first_day():
    simulator = Simulator(records(3), clock=lambda: NOW)
    async with simulator.serving() as url, quick_client(url) as client:
        page = await client.page(OPEN, 1)
    assert len(page.notices) == 3
    assert simulator.requests[0].path == "/v1/contratacoes/proposta"
    assert simulator.requests[0].params == {
        "dataFinal": "20271124",
        "uf": "MG",
        "pagina": "1",
        "tamanhoPagina": "50",
    }


async def test_a_base_url_with_a_path_and_a_final_slash_works():
    async with (
        Simulator(records(1)).serving() as url,
        quick_client(f"{url}/api/consulta/") as client,
    ):
        assert len((await client.page(published("MG"), 1)).notices) == 1


async def test_no_records_is_an_empty_list_not_an_error():
    async with Simulator(records(1)).serving() as url, quick_client(url) as client:
        page = await client.page(published("AC"), 1)
    assert page == Page(number=1, total_pages=0, total_records=0, notices=())


@pytest.mark.parametrize("faults", ["", "past204"])
async def test_a_page_past_the_end_is_the_end(faults):
    async with Simulator(records(60), faults=faults).serving() as url, quick_client(url) as client:
        page = await client.page(published("MG"), 3)
    assert (page.total_pages, page.notices) == (2, ())


async def test_a_refusal_of_open_notices_without_modality_says_its_status():
    simulator = Simulator(records(3), clock=lambda: NOW, faults="needmodality")
    async with simulator.serving() as url, quick_client(url) as client:
        with pytest.raises(SourceRejected, match="codigoModalidadeContratacao") as caught:
            await client.page(OPEN, 1)
        assert caught.value.status == 400
        with_modality = ListKey(Endpoint.OPEN, 6, "MG", OPEN.first_day, OPEN.last_day)
        assert len((await client.page(with_modality, 1)).notices) == 3
    assert len(simulator.requests) == 2


@pytest.mark.parametrize(
    "key",
    [
        ListKey(Endpoint.PUBLISHED, None, "MG", DAY, DAY),
        ListKey(Endpoint.PUBLISHED, 6, "MG", DAY, date(2026, 11, 17)),
        ListKey(Endpoint.PUBLISHED, 6, "MG", date(2025, 11, 17), DAY),
    ],
)
async def test_what_the_source_would_surely_refuse_is_not_even_sent(key):
    simulator = Simulator(records(1))
    async with simulator.serving() as url, quick_client(url) as client:
        with pytest.raises(SourceRejected):
            await client.page(key, 1)
    assert not simulator.requests


async def test_a_body_that_cannot_be_identified_does_not_cost_the_page():
    data = [*records(4), record(numeroControlePNCP="x", objetoCompra=None)]
    async with Simulator(data).serving() as url, quick_client(url) as client:
        page = await client.page(published("MG"), 1)
    assert (len(page.notices), page.malformed_count, page.total_records) == (4, 1, 5)


async def test_never_more_requests_at_once_than_allowed():
    simulator = Simulator(records(1), latency_seconds=0.02)
    async with simulator.serving() as url, quick_client(url, concurrency=3) as client:
        await asyncio.gather(*(client.page(published("MG", modality), 1) for modality in range(12)))
    starts = sorted(seen.at for seen in simulator.requests)
    # The fourth begins only when one of the first three has ended.
    assert all(later - earlier >= 0.02 for earlier, later in zip(starts, starts[3:], strict=False))


async def test_two_callers_of_the_same_page_share_one_request():
    simulator = Simulator(records(1), latency_seconds=0.05)
    async with simulator.serving() as url, quick_client(url) as client:
        first, second, other = await asyncio.gather(
            client.page(published("MG"), 1),
            client.page(published("MG"), 1),
            client.page(published("MG"), 2),
        )
        assert first is second
        assert other is not first
        assert len(simulator.requests) == 2
        await client.page(published("MG"), 1)
    # Shared, not kept: what comes later asks again.
    assert len(simulator.requests) == 3


async def test_one_callers_cancellation_does_not_cancel_the_others():
    simulator = Simulator(records(1), latency_seconds=0.1)
    async with simulator.serving() as url, quick_client(url) as client:
        one, other = (asyncio.create_task(client.page(published("MG"), 1)) for _ in range(2))
        await asyncio.sleep(0.03)
        one.cancel()
        await asyncio.wait({one})
        assert one.cancelled()
        assert len((await other).notices) == 1
    assert len(simulator.requests) == 1


async def test_cancelling_the_last_caller_stops_the_request_at_once():
    simulator = Simulator(records(1), faults="timeout")
    async with simulator.serving() as url, quick_client(url, concurrency=1) as client:
        callers = [asyncio.create_task(client.page(published("MG"), 1)) for _ in range(2)]
        await asyncio.sleep(0.05)
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers, timeout=1)
        assert all(caller.cancelled() for caller in callers)
        # Its place is free again, and the page can be asked for anew.
        simulator.faults.faults.clear()
        assert len((await client.page(published("MG"), 1)).notices) == 1


async def test_cancelling_works_while_waiting_for_the_limiter():
    limiter = AdaptiveLimiter(1, burst=1)
    simulator = Simulator(records(1))
    async with simulator.serving() as url, quick_client(url, limiter) as client:
        await client.page(published("MG"), 1)
        waiting = asyncio.create_task(client.page(published("SP"), 1))
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=1)
        assert waiting.cancelled()
    assert len(simulator.requests) == 1


async def test_leaving_the_client_ends_what_is_under_way():
    async with Simulator(records(1), faults="timeout").serving() as url:
        async with quick_client(url) as client:
            waiting = asyncio.create_task(client.page(published("MG"), 1))
            await asyncio.sleep(0.05)
        await asyncio.wait({waiting}, timeout=1)
        assert waiting.cancelled()


async def test_it_counts_what_it_does():
    async with Simulator(records(60)).serving() as url, quick_client(url) as client:
        await whole(client, published("MG"))
        stats = client.stats
    assert (stats.requests, stats.retries, stats.throttled) == (2, 0, 0)
    assert stats.bytes > 60_000
    assert stats.seconds > 0


async def test_outside_its_context_it_is_a_mistake():
    with pytest.raises(RuntimeError):
        await quick_client("http://127.0.0.1:1").page(published("MG"), 1)

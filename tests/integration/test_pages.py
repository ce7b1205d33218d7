"""A search's pages as the server draws them: true at any moment, safe whatever the source wrote."""

import itertools
import re
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.conf import LazySettings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exports.models import Artifact
from searches import selectors
from searches.domain.lifecycle import Status
from searches.domain.notice import NoticeStatus
from searches.domain.progress import Stage, Told
from searches.domain.query import Order
from searches.models import Search, SearchEvent
from searches.services import events
from searches.services import searches as services
from searches.units import coverage_of
from tests.integration.conftest import NOW, create, record
from tests.integration.pages_support import browser, foods, get, page, words

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = '<script>alert(1)</script> Aquisição de "arroz" & feijão\' {{ settings }} <img src=x>'


async def told(search: Search, *events_told: Told) -> None:
    claimed = await database_sync_to_async(services.claim)(search.pk, worker="w")
    assert claimed is not None
    await database_sync_to_async(events.record)(
        search.pk, list(events_told), attempt=claimed.attempt, units_done=1
    )


def reading(uf: str, status: str, **changes) -> Told:
    detail = {
        "uf": uf, "uf_index": 1, "uf_total": 2, "uf_status": status, "items_found": 1463,
        "items_matched": 12, "pages_done": 3, "pages_total": 10, "from_store": 0, "reason": "",
    } | changes  # fmt: skip
    return Told(Stage.FETCHING, 0.5, detail=detail)


# --- while it runs -------------------------------------------------------------------------------


async def test_a_running_page_says_where_it_stands_and_refreshes_itself_without_a_script():
    search = await create(ufs=["SP", "MG"])
    await told(search, reading("MG", "complete", from_store=1463), reading("SP", "reading"))
    html = await get(f"/buscas/{search.pk}/")
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in html
    assert 'data-seq="3"' in html
    seen = words(html)
    assert "Licitações de alimentos e bebidas em Minas Gerais e em São Paulo" in seen
    assert "Minas Gerais: 1.463 lidas, 12 encontradas, do acervo" in seen
    assert "São Paulo: lendo, 3 de 10 páginas, 1.463 lidas, 12 encontradas" in seen
    assert "Bahia: não pedida" in seen
    assert 'height="30" y="70"' in html  # the tile is filled to 3 of 10
    assert "Cancelar" in seen


@pytest.mark.parametrize(("status", "said"), [("complete", "6 de 20"), ("partial", "6")])
async def test_how_many_pages_there_are_is_said_while_none_has_failed(status, said):
    search = await create(ufs=["SP", "MG"])
    await told(search, reading("MG", status), reading("SP", "reading"))
    assert f"Páginas {said} Lidas" in words(await get(f"/buscas/{search.pk}/"))


async def test_a_number_and_its_sign_stay_on_one_line_in_the_history():
    await told(await create(), reading("SP", "reading"))
    assert re.search("em andamento, \\d+\u00a0%", await get("/buscas/"))


async def test_the_script_gets_the_list_alone():
    search = await create()
    html = await get(f"/buscas/{search.pk}/?fragmento=resultados")
    assert "<html" not in html
    assert "Encontradas até agora" in words(html)


async def test_the_list_shows_nothing_of_a_uf_whose_tile_waits(simulate, run):
    await simulate([record(1), record(2, uf="RJ", ibge="3304557")])
    search = await run(ufs=["SP", "RJ"])
    update = database_sync_to_async(Search.objects.filter(pk=search.pk).update)
    await update(status=Status.RUNNING, stage=Stage.FETCHING, finished_at=None)
    fragment = f"/buscas/{search.pk}/?fragmento=resultados"
    assert "Encontradas até agora: 2" in words(await get(fragment))
    waiting = SearchEvent.objects.filter(search=search, payload__detail__uf="RJ")
    await database_sync_to_async(waiting.delete)()
    assert "Encontradas até agora: 1" in words(await get(fragment))


async def test_figure_tiles_and_heading_count_the_same(simulate, run):
    await simulate(foods(5))
    search = await run(ufs=["SP", "RJ"])
    # Of a page that is stored, and of the country's, it is told a little later.
    update = database_sync_to_async(Search.objects.filter(pk=search.pk).update)
    await update(status=Status.RUNNING, stage=Stage.FETCHING, finished_at=None)
    last = SearchEvent.objects.filter(search=search, payload__detail__uf="SP").latest

    def tell_less() -> None:
        event = last("seq")
        event.payload["detail"] |= {"items_found": 2, "items_matched": 1, "from_store": 0}
        event.save()

    await database_sync_to_async(tell_less)()
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "São Paulo: 5 lidas, 5 encontradas" in seen
    assert "Lidas 5 Do acervo 0 Encontradas 5" in seen
    assert "Encontradas até agora: 5" in seen
    fragment = await get(f"/buscas/{search.pk}/?fragmento=resultados")
    assert "Encontradas até agora: 5" in words(fragment)
    assert 'data-live-count="{&quot;SP&quot;: 5}"' in fragment


async def test_no_number_in_an_attribute_has_a_thousands_point():
    search = await create(ufs=["SP", "MG"])
    await told(search, reading("SP", "reading", pages_done=1200, pages_total=2400))
    await database_sync_to_async(Search.objects.filter(pk=search.pk).update)(last_seq=1234)
    assert 'data-seq="1234"' in await get(f"/buscas/{search.pk}/")


# --- the result ----------------------------------------------------------------------------------


async def test_hostile_texts_are_only_text(simulate, run):
    link = "javascript:alert(1)"
    await simulate([record(1, object=HOSTILE, body="<b>PREFEITURA</b>", linkSistemaOrigem=link)])
    search = await run()
    assert search.status == Status.COMPLETE
    html = await get(f"/buscas/{search.pk}/")
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "<b>PREFEITURA" not in html
    assert "javascript:" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "<mark>arroz</mark>" in html
    assert "{{ settings }}" in html


async def test_no_page_carries_inline_scripts_or_styles(simulate, run):
    await simulate(foods(30))
    search = await run()
    running = await create()
    for path in ("/", "/buscas/", f"/buscas/{search.pk}/", f"/buscas/{running.pk}/", "/nada/"):
        html = await get(path, status=404 if path == "/nada/" else 200)
        assert not re.search(r"\sstyle=|\son\w+=|<style", html), path
        assert all(
            "src=" in tag or 'type="application/json"' in tag
            for tag in re.findall(r"<script[^>]*>", html)
        ), path


async def test_what_was_left_out_adds_up_to_what_was_read(simulate, run):
    others = [record(number, object="Aquisição de pneus") for number in range(101, 104)]
    await simulate([*foods(5), *others])
    search = await run()
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "sem nenhum dos termos 3 de fora, ao todo 3 encontradas 5 lidas 8" in seen
    assert "encontradas 5 em 8 lidas" in seen


async def test_filters_orders_and_pages_need_no_new_search(simulate, run):
    notices = [
        record(
            number,
            uf="SP" if number % 2 else "MG",
            modality=6 if number <= 20 else 4,
            valorTotalEstimado=number * 1000,
        )
        for number in range(1, 31)
    ]  # fmt: skip
    await simulate(notices)
    search = await run(ufs=["SP", "MG"], itens_por_pagina=10)
    path = f"/buscas/{search.pk}/"

    async def cards(query: str) -> list[str]:
        return re.findall(r'data-card="(\d+)"', await get(path + query))

    assert len(await cards("")) == 10
    pages = [await cards(f"?pagina={number}") for number in (1, 2, 3)]
    assert len({card for each in pages for card in each}) == 30
    assert len(await cards("?pagina=99")) == 10  # nonsense shows the last page
    assert len(await cards("?uf=SP&itens=50")) == 15
    assert len(await cards("?uf=SP&uf=MG&itens=50")) == 30
    assert len(await cards("?modalidade=4&itens=50")) == 10
    assert len(await cards("?faixa=0&itens=50")) == 30
    assert len(await cards("?faixa=1&uf=XX&ordem=nonsense&itens=7&prazo=x&modalidade=x")) == 0
    dearest = words(await get(path + "?ordem=valor_desc"))
    assert dearest.index("R$ 30.000,00") < dearest.index("R$ 29.000,00")
    # A filter that empties the list says so, and how to get out.
    assert "Nenhuma licitação passa por estes filtros" in words(await get(path + "?faixa=4"))


async def test_the_deadline_is_said_in_words(simulate, run, monkeypatch):
    moments = {1: "2026-08-20T18:00:00", 2: "2026-08-21T09:00:00", 3: "2026-08-23T09:00:00"}
    await simulate([record(n, dataEncerramentoProposta=at) for n, at in moments.items()])
    search = await run()
    from django.utils import timezone

    monkeypatch.setattr(timezone, "now", lambda: NOW)  # 20/08/2026, 12:00 in Brasília
    await database_sync_to_async(Search.objects.filter(pk=search.pk).update)(created_at=NOW)
    client = await database_sync_to_async(browser)()
    seen = words(await get(f"/buscas/{search.pk}/", client=client))
    assert "encerra hoje às 18:00" in seen
    assert "encerra amanhã às 09:00" in seen
    assert "encerra em 3 dias" in seen


async def test_by_deadline_comes_first_what_can_still_be_answered(simulate, run, monkeypatch):
    moments = {1: "2026-08-19T18:00:00", 2: "2026-09-21T09:00:00", 3: "2026-08-23T09:00:00"}
    await simulate([record(n, dataEncerramentoProposta=at) for n, at in moments.items()])
    search = await run()
    from django.utils import timezone

    monkeypatch.setattr(timezone, "now", lambda: NOW)
    await database_sync_to_async(Search.objects.filter(pk=search.pk).update)(created_at=NOW)
    client = await database_sync_to_async(browser)()
    seen = words(await get(f"/buscas/{search.pk}/?ordem=prazo_asc", client=client))
    seen = seen[seen.index("3 licitações") :]
    places = [seen.index(text) for text in ("encerra em 3", "encerra em 32", "encerrou ontem")]
    assert places == sorted(places)


async def test_the_best_can_still_be_answered(simulate, run, monkeypatch):
    """Relevance is the same for all: what is over comes last, and a filter leaves it out."""
    days = {1: "19T18:00:00", 2: "23T09:00:00", 3: "18T09:00:00"}
    await simulate(
        [record(n, dataEncerramentoProposta=f"2026-08-{at}") for n, at in days.items()]
        + [record(4, dataEncerramentoProposta=None)]
    )
    search = await run()
    from django.utils import timezone

    monkeypatch.setattr(timezone, "now", lambda: NOW)
    await database_sync_to_async(Search.objects.filter(pk=search.pk).update)(created_at=NOW)
    client = await database_sync_to_async(browser)()
    seen = words(await get(f"/buscas/{search.pk}/?ordem=relevancia", client=client))
    assert "recebendo propostas 1" in seen
    seen = seen[seen.index("4 licitações mais relevantes primeiro") :]
    texts = ("encerra em 3 dias 23/08/2026 às 09:00", "sem prazo informado", "encerrou ontem")
    places = [seen.index(text) for text in (*texts, "encerrou há 2 dias")]
    assert max(places[:1]) < min(places[1:])
    seen = words(await get(f"/buscas/{search.pk}/?prazo=abertas", client=client))
    assert "1 licitação" in seen
    assert "encerrou ontem" not in seen


async def test_a_relaxed_floor_counts_everywhere(simulate, run):
    texts = ["Aquisição de arroz e pneus", "Aquisição de lápis"]
    await simulate([record(n, object=text) for n, text in enumerate(texts, 1)])
    search = await run(setor_id=None, termos_busca="arroz, feijão, café, açúcar")
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "Nenhuma tinha 2 dos seus termos; esta tem pelo menos 1." in seen
    assert (search.total_kept, search.coverage["SP"]["encontradas"]) == (1, 1)
    assert "São Paulo 2 0 1" in seen


async def test_a_notice_that_cannot_be_answered_is_not_urgent(simulate, run, monkeypatch):
    closes = {"dataEncerramentoProposta": "2026-08-22T09:00:00"}
    await simulate([record(1, situacaoCompraId=2, situacaoCompraNome="Revogada", **closes)])
    search = await run()
    from django.utils import timezone

    monkeypatch.setattr(timezone, "now", lambda: NOW)
    html = await get(f"/buscas/{search.pk}/")
    assert 'class="card is-over"' in html
    assert "não recebe propostas 22/08/2026 às 09:00" in words(html)


async def test_what_receives_proposals_is_one_thing_everywhere(simulate, run, monkeypatch):
    cases = itertools.product((1, 2, 3, 4), ("2026-08-22T09:00:00", "2026-08-01T09:00:00", None))
    await simulate(
        [
            record(n, situacaoCompraId=code, dataEncerramentoProposta=closes, **awarded)
            for n, ((code, closes), awarded) in enumerate(
                itertools.product(cases, ({}, {"valorTotalHomologado": 10})), 1
            )
        ]
    )
    search = await run(modalidades=[6])

    def receiving() -> tuple[set[str], set[str]]:
        matches = list(selectors.results(search, order=Order.NEWEST))
        found = selectors.results(search, order=Order.NEWEST).filter(selectors.receiving(NOW))
        return (
            {m.notice.control_number for m in found},
            {
                m.notice.control_number
                for m in matches
                if m.notice.status(NOW) is NoticeStatus.RECEIVING
            },
        )

    by_database, by_rule = await database_sync_to_async(receiving)()
    assert by_database == by_rule
    assert len(by_rule) == 2  # published, its deadline ahead, with and without a result
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "encerram em 7 dias 2 de 2 que recebem propostas" in seen
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW + timedelta(days=9))
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "encerram em 7 dias 0 de 0 que recebem propostas" in seen


async def test_what_is_open_is_counted_once_for_the_figures_and_for_the_chips(simulate, run):
    await simulate([record(1), record(2, modality=4)])
    search = await run()

    def counts(query: str) -> int:
        client = browser()
        with CaptureQueriesContext(connection) as asked:
            page(f"/buscas/{search.pk}/{query}", client=client)
        return sum("COUNT(" in each["sql"] and "closes_at" in each["sql"] for each in asked)

    assert await database_sync_to_async(counts)("") == 1
    assert await database_sync_to_async(counts)("?modalidade=6") == 2  # the chips' own


async def test_a_search_that_was_stopped_before_it_began_has_not_failed():
    search = await create(ufs=["SP", "MG"])
    await database_sync_to_async(services.request_cancel)(search)
    html = await get(f"/buscas/{search.pk}/")
    seen = words(html)
    assert "A busca foi cancelada Nada tinha sido lido ainda." in seen
    assert "fica no acervo" not in seen
    assert "falhou" not in seen
    assert "Minas Gerais: não foi lida: a busca parou antes" in seen
    # One that had been begun tells what it had read of each.
    begun = await database_sync_to_async(Search.objects.get)(pk=search.pk)
    begun.coverage = coverage_of(begun)
    await database_sync_to_async(begun.save)()
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "Nada tinha sido lido ainda." in seen
    assert "Não se leu tudo" not in seen


async def test_there_is_no_file_before_the_end():
    search = await create()
    seen = words(await get(f"/buscas/{search.pk}/excel/", status=409))
    assert "O Excel ainda não está pronto" in seen


def test_every_page_says_when_the_data_is_a_demonstration(settings: LazySettings):
    settings.BIDIQ_DEMO = True
    for path, status in (("/", 200), ("/buscas/", 200), ("/contas/entrar/", 200), ("/x/", 404)):
        assert "Dados de demonstração" in page(path, status=status), path
    settings.BIDIQ_DEMO = False
    assert "Dados de demonstração" not in page("/")


@pytest.mark.parametrize(
    "ended",
    [
        {"expires_at": NOW - timedelta(days=400)},
        {"expires_at": NOW - timedelta(days=400), "bytes_deleted_at": NOW - timedelta(days=399)},
        {"bytes_deleted_at": NOW - timedelta(days=400)},  # by an admin, before its term
    ],
)
async def test_an_expired_file_is_said_on_the_page(simulate, run, ended):
    await simulate(foods(2))
    search = await run()
    artifact = search.artifact
    await Artifact.objects.filter(pk=artifact.pk).aupdate(**ended)
    assert "O Excel expirou em 16/07/2025." in words(await get(f"/buscas/{search.pk}/"))
    html = await get(f"/buscas/{search.pk}/excel/", status=410)
    assert "guardadas por um tempo limitado: esta, até 16/07/2025." in words(html)
    assert f'action="/buscas/{search.pk}/repetir/"' in html
    assert "Repetir a busca" in html
    assert f'href="/buscas/{search.pk}/">Ir para o resultado</a>' in html

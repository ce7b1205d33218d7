"""What pages say of a question and its answer: all of it, and why what is missing is missing."""

import re
from typing import Any

import pytest
from channels.db import database_sync_to_async

from searches.domain.brazil import UNITS
from searches.domain.lifecycle import Status
from searches.models import SavedSearch, Search
from searches.pages import report, tiles
from searches.services import searches as services
from tests.integration.conftest import create, record
from tests.integration.pages_support import browser, foods, get, words

pytestmark = pytest.mark.django_db(transaction=True)

SIX = "arroz, feijão, café, açúcar, leite, óleo"
#: A question that the heading and the line under it cut, and one that begins as it does.
LONG: dict[str, Any] = {
    "setor_id": None,
    "termos_busca": SIX,
    "ufs": ["SP", "MG", "BA", "AC", "GO"],
}
ALIKE: dict[str, Any] = {**LONG, "termos_busca": SIX.replace("óleo", "sal")}


# --- the question --------------------------------------------------------------------------------


@pytest.mark.parametrize("is_over", [False, True])
async def test_the_page_has_the_whole_question_once(is_over):
    bodies = ["saúde", "educação", "obras", "esporte", "cultura", "turismo"]
    search = await create(**LONG, orgaos=bodies, modalidades=[1, 2, 3, 4, 5, 8])
    if is_over:
        await database_sync_to_async(services.request_cancel)(search)
    html = await get(f"/buscas/{search.pk}/")
    assert "<h1>Licitações de “arroz”, “feijão”, “café”, “açúcar” ou outros 2" in html
    folded = re.search(r"<details[^>]*data-question.*?</details>", html, re.DOTALL)
    assert folded is not None
    seen = words(folded[0])
    assert "“leite” ou “óleo” no Acre" in seen
    assert "em Minas Gerais" in seen
    assert "publicadas de 01/08/2026 a 20/08/2026" in seen
    assert "“cultura” ou “turismo”" in seen
    assert "Concurso" in seen
    assert "outr" not in seen


async def test_a_short_question_is_said_once():
    search = await create()
    assert "ver a pergunta inteira" not in await get(f"/buscas/{search.pk}/")


async def test_the_history_tells_apart_what_begins_alike():
    for question in (LONG, ALIKE):
        await create(**question)
    html = await get("/buscas/")
    heading = "Licitações de “arroz”, “feijão”, “café”, “açúcar” ou outros 2 em 5 estados"
    assert re.findall(r'asked-what"><a [^>]*>(.*?)</a>', html) == [heading, heading]
    folded = re.findall(r"<details[^>]*data-question.*?</details>", html, re.DOTALL)
    assert len(folded) == len(set(folded)) == 2
    assert "“leite” ou “sal” no Acre" in folded[0]


async def test_saved_questions_have_names_of_their_own():
    client = await database_sync_to_async(browser)()
    alike: list[dict[str, Any]] = [LONG, ALIKE, {"valor_minimo": 5}, {"valor_minimo": 6}]
    for question in alike:
        search = await create(**question)
        await database_sync_to_async(client.post)(f"/buscas/{search.pk}/salvar/")
    names = await database_sync_to_async(
        lambda: set(SavedSearch.objects.values_list("name", flat=True))
    )()
    assert len(names) == len(alike)
    assert "Alimentos e bebidas em São Paulo" in names
    assert "Alimentos e bebidas em São Paulo (2)" in names
    seen = words(await get("/salvas/", client=client))
    assert "“leite” ou “sal” no Acre" in seen


# --- what was read -------------------------------------------------------------------------------


def lacking(**missing: tuple[str, str, int | None]) -> Search:
    """Return a search that lacks these UFs: status, reason, page."""
    names = ("status", "motivo", "pagina_que_falhou")
    rows = {uf: dict(zip(names, row, strict=True)) for uf, row in missing.items()}
    return Search(coverage={**rows, "RS": {"status": "complete"}})


DOWN, PART = ("failed", "source.down", None), ("partial", "source.down", 14)


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ({"MG": PART}, "Minas Gerais ficou incompleta: o PNCP não respondeu à página 14."),
        (
            {"SP": PART, "MG": DOWN},
            "Minas Gerais não foi lida: o PNCP não respondeu. "
            "São Paulo ficou incompleta: o PNCP não respondeu à página 14.",
        ),
        (
            {"SP": PART, "MG": DOWN, "BA": DOWN, "AC": ("partial", "source.busy", 3), "RJ": PART},
            "Bahia e Minas Gerais não foram lidas: o PNCP não respondeu. "
            "Acre ficou incompleta: o PNCP limitou as consultas. "
            "Rio de Janeiro e São Paulo ficaram incompletas: o PNCP não respondeu.",
        ),
        (
            {unit.code: DOWN for unit in UNITS if unit.code not in ("RS", "SP")} | {"SP": PART},
            "25 estados não foram lidos: o PNCP não respondeu. "
            "São Paulo ficou incompleta: o PNCP não respondeu à página 14.",
        ),
    ],
)
def test_what_is_missing_is_said_with_its_reason(missing, said):
    assert report.incomplete_text(lacking(**missing)) == f"{said} O resto está aqui."


@pytest.mark.parametrize(
    ("failed", "done", "said"),
    [(14, 13, "13 de 20 páginas"), (1, 3, "3 páginas lidas"), (None, 1, "1 página lida")],
)
def test_how_many_pages_there_are_is_said_when_each_first_page_told_it(failed, done, said):
    counts = dict.fromkeys(("lidas", "encontradas", "do_acervo"), 0)
    search = lacking(SP=("partial", "source.down", failed))
    search.coverage = {
        "SP": search.coverage["SP"] | counts | {"paginas_lidas": done, "paginas_total": 20}
    }
    (row,) = report.coverage(search)
    assert row.pages == said


def test_a_uf_that_was_not_reached_looks_like_its_sign():
    told = lacking(MG=("failed", "search.stopped", None), BA=DOWN)
    drawn = tiles.result_tiles(
        {"RS": 2},
        told.coverage,
        asked=frozenset({"MG", "BA", "RS"}),
        chosen=frozenset(),
        links={},
        nouns=("encontrada", "encontradas"),
    )
    seen = {tile.uf: (tile.state, tile.label) for tile in drawn}
    unread = "não foi lida: a busca parou antes"
    assert seen["MG"] == ("unread", unread)
    assert seen["BA"] == ("failed", "falhou, não foi lida")
    assert seen["RS"] == ("idle", "2 encontradas")
    assert tiles.legend(drawn) == [("failed", "falhou"), ("unread", unread)]
    (failed,) = [tile.count for tile in drawn if tile.state == "failed"]
    assert failed == "falhou"


async def test_a_cancelled_search_shows_what_it_has_not_read(simulate, run):
    await simulate(foods(3))
    search = await run(ufs=["SP", "MG", "RJ"])
    stopped = {"status": "failed", "motivo": "search.stopped"}
    search.status, search.coverage["MG"] = Status.CANCELLED, search.coverage["MG"] | stopped
    await database_sync_to_async(search.save)()
    html = await get(f"/buscas/{search.pk}/")
    assert 'class="tile is-unread" title="Minas Gerais: não foi lida: a busca parou antes"' in html
    assert 'class="tile is-idle" title="Rio de Janeiro: 0 encontradas"' in html
    assert '<span class="tile is-unread"></span>não foi lida: a busca parou antes' in html
    assert '<span class="tile is-failed"></span>' not in html
    assert "cancelada 3 encontradas em 3 lidas" in words(await get("/buscas/"))


# --- money ---------------------------------------------------------------------------------------


async def test_a_sum_of_nothing_is_not_zero(simulate, run):
    told = [record(n, uf="SP", valorTotalEstimado=0) for n in (1, 2)]
    await simulate(told)
    search = await run()
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "valor somado não informado 2 não têm valor" in seen
    assert "R$ 0,00" not in seen
    await simulate([*told, record(3, uf="MG", valorTotalEstimado=50)])
    search = await run(ufs=["SP", "MG"], data_inicial="2026-07-31")
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "valor somado R$ 50,00 2 não têm valor" in seen
    assert "São Paulo 2 não informado" in seen
    assert "R$ 0,00" not in seen

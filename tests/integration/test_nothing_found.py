"""The page of a search that found nothing, or too little: what to change, and what was excluded."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from channels.db import database_sync_to_async

from searches.domain.brazil import UNITS
from searches.domain.query import parse_query
from searches.models import Search
from searches.pages import report
from tests.integration.conftest import NOW, ask, record
from tests.integration.pages_support import browser, get, words

pytestmark = pytest.mark.django_db(transaction=True)


async def test_nothing_found_says_what_to_change_and_suggests_terms(simulate, run):
    await simulate([record(n, object="Aquisição de uniformes escolares") for n in range(1, 4)])
    search = await run(setor_id=None, termos_busca="uniforne")
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "Nenhuma licitação encontrada" in seen
    assert "3 sem nenhum dos termos: use outros termos" in seen
    html = await get(f"/buscas/{search.pk}/")
    assert re.search(rf'\?de={search.pk}&amp;termos=uniformes"', html)
    client = await database_sync_to_async(browser)()
    form = await get(f"/?de={search.pk}&termos=uniformes", client=client)
    assert 'value="uniformes"' in form
    search = await run(setor_id=None, termos_busca="uniforne", exclusion_terms=["escolar"])
    assert "Termos parecidos" not in await get(f"/buscas/{search.pk}/")


BRAZIL = [unit.code for unit in UNITS]
ONE_DAY = {"data_inicial": "2026-08-20", "data_final": "2026-08-20"}
A_YEAR = {"data_inicial": "2025-08-20", "data_final": "2026-08-20"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            ONE_DAY,
            "O PNCP não tem licitações de concorrência ou pregão em São Paulo, publicadas em "
            "20/08/2026. Peça mais dias, mais estados ou outras modalidades.",
        ),
        (
            {"modo_busca": "abertas", "modalidades": [8]},
            "O PNCP não tem licitações da modalidade Dispensa em São Paulo que recebam propostas "
            "agora. Peça mais estados, outras modalidades ou as publicadas num período.",
        ),
        (
            {"ufs": BRAZIL, "modalidades": list(range(1, 20)), **A_YEAR},
            "O PNCP não tem licitações em todo o Brasil, publicadas de 20/08/2025 a 20/08/2026.",
        ),
        (
            {"ufs": ["SP", "MG"], "modalidades": [6, 8], **ONE_DAY},
            "O PNCP não tem licitações das modalidades Pregão - Eletrônico e Dispensa em São "
            "Paulo, publicadas em 20/08/2026. Peça mais dias, mais estados ou outras modalidades.",
        ),
    ],
)
def test_nothing_there_names_what_was_asked_and_what_can_be(fields, said):
    query = parse_query(ask(**fields), today=NOW.date())
    # Of what was not read nothing is said.
    coverage = {"MG": {"status": "failed"}} if query.ufs == ("SP", "MG") else {}
    assert report.nothing_there(Search(coverage=coverage), query) == said


async def test_a_source_with_nothing_is_said_as_it_was_asked(simulate, run):
    await simulate([])
    search = await run(**ONE_DAY)
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "publicadas em 20/08/2026 · concorrência e pregão, eletrônicos e presenciais." in seen
    assert "Nenhuma licitação encontrada O PNCP não tem licitações de concorrência" in seen


async def test_what_can_be_changed_can_be_asked(simulate, run):
    until = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%dT%H:%M:%S}"
    await simulate([record(1, object="Aquisição de pneus", dataEncerramentoProposta=until)])
    search = await run(modo_busca="abertas", ufs=BRAZIL)
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "1 sem nenhum dos termos: escreva os seus termos." in seen


async def test_what_the_sector_excludes_is_not_said_to_be_the_users_choice(simulate, run):
    insured = record(1, object="Seguro da frota de veículos")
    await simulate([insured, record(2, object="Aquisição de pneus para a frota usada")])
    search = await run(setor_id="frota_veicular")
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "de outro assunto, apesar de um termo" in seen
    assert "que você excluiu" not in seen
    search = await run(setor_id="frota_veicular", exclusion_terms=["usada"])
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "1 com termo que você excluiu: tire alguma exclusão." in seen
    assert "com termo que você excluiu 1 de outro assunto, apesar de um termo 1" in seen
    await simulate([insured])
    search = await run(setor_id="frota_veicular", exclusion_terms=["usada"], ufs=["SP", "MG"])
    seen = words(await get(f"/buscas/{search.pk}/"))
    assert "Nenhuma licitação encontrada" in seen
    assert "de outro assunto, apesar de um termo 1" in seen
    assert "excluiu" not in seen
    assert "tire alguma exclusão" not in seen

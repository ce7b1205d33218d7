"""The list of a result: what its filters count, and what they say of the rest of the page."""

import re

import pytest

from tests.integration.conftest import record
from tests.integration.pages_support import get, words

pytestmark = pytest.mark.django_db(transaction=True)


async def test_hidden_ones_are_shown_on_demand(simulate, run):
    texts = ["Aquisição de arroz, feijão e café", "Aquisição de arroz e pneus"]
    await simulate([record(n, object=text) for n, text in enumerate(texts, 1)])
    search = await run(setor_id=None, termos_busca="arroz, feijão, café, açúcar")
    path = f"/buscas/{search.pk}/"
    seen = words(await get(path))
    assert "arroz e pneus" not in seen.replace("arroz  e", "arroz e")
    assert "Ocultas com poucos dos termos 1" in seen
    hidden = words(await get(path + "?ocultas=1"))
    assert "Com poucos dos termos. Apareceu por arroz" in hidden
    assert "1 licitação" in hidden
    assert "feijão" not in hidden[hidden.index("Ocultas com poucos dos termos 1") :]


async def test_the_chip_of_hidden_ones_keeps_the_filters_and_counts_by_them(simulate, run):
    text = "Aquisição de arroz e pneus"
    many = [record(n, object=text, uf="SP" if n < 3 else "MG") for n in range(1, 6)]
    found = record(9, object="Aquisição de arroz, feijão e café")
    await simulate([*many, found, found | record(10, modality=4, object=text)])
    search = await run(
        setor_id=None, termos_busca="arroz, feijão, café, açúcar", ufs=["SP", "MG", "RJ"]
    )
    path = f"/buscas/{search.pk}/"
    chip = r'<span class="chips-name">Ocultas</span>.*?(?:href="([^"]*)".*?)?<span class="n">(\d)'

    async def offered(asked: str) -> tuple[str, str]:
        (said,) = re.findall(chip, await get(path + asked))
        return said

    assert await offered("") == ("?ocultas=1#resultados", "6")
    assert await offered("?uf=MG") == ("?uf=MG&amp;ocultas=1#resultados", "3")
    assert await offered("?uf=MG&ocultas=1") == ("?uf=MG#resultados", "3")
    assert await offered("?uf=RJ") == ("", "0")
    shown = await get(path + "?uf=MG&ocultas=1")
    assert shown.count('class="card ') == 3
    assert 'title="Minas Gerais: 3 ocultas"' in shown
    assert 'aria-label="Ocultas por estado"' in shown
    assert 'title="São Paulo: 1 encontrada"' in await get(path)


async def test_what_no_filter_changes_says_so_when_there_is_one(simulate, run):
    await simulate([record(n, uf=uf) for n, uf in enumerate(("SP", "MG"), 1)])
    search = await run(ufs=["SP", "MG"])
    assert "da busca inteira" not in words(await get(f"/buscas/{search.pk}/")).lower()
    seen = words(await get(f"/buscas/{search.pk}/?uf=MG"))
    assert "Da busca inteira: os filtros valem para o mapa e a lista." in seen
    assert "Por estado da busca inteira" in seen

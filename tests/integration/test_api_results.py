"""The JSON API hands out results: at once when it is asked to wait, page by page, as a file."""

import pytest
from django.test import AsyncClient

from searches.owners import Owner
from searches.preferences import LONGEST_WAIT_SECONDS, asked_wait
from tests.integration.conftest import ask, create, record
from tests.integration.pages_support import outdate

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("field", ["pagina", "itens_por_pagina"])
@pytest.mark.parametrize("number", ["0", "1_0", "1.0", "", "x", "１０", "9" * 5000])
async def test_a_page_that_is_none_is_refused_at_its_field(alice, token, field, number):
    search = await create(Owner(user_id=alice.pk))
    path = f"/api/buscar/{search.pk}"
    answer = await AsyncClient().get(path, {field: number}, headers=token)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=30", 30),
        ('WAIT = "30"', 30),
        ("respond-async, wait=30", 30),
        ("respond-async; wait=30", 30),
        ("return=minimal, wait=3, wait=5", 3),
        (f"wait={'9' * 5000}", LONGEST_WAIT_SECONDS),
        ("wait=0060", 60),
        ("wait=30s", 0),
        ("wait=30.5", 0),
        ("wait=-1", 0),
        ("wait", 0),
        ("xwait=30", 0),
        ('foo="a, wait=30"', 0),
        ('foo="a\\", wait=30"', 0),
        ('foo="a, wait=30', 0),
        ("", 0),
    ],
)
def test_a_wait_is_a_preference_with_a_whole_number(header, seconds):
    assert asked_wait(header) == seconds


async def test_prefer_wait_answers_with_the_result(simulate, alice, settings):
    from searches.runner import inline_runner

    await simulate([record(n) for n in range(1, 30)])
    settings.PNCP_RATE_PER_MINUTE = 60_000
    client = AsyncClient()
    await client.aforce_login(alice)
    try:
        answer = await client.post(
            "/api/buscar", ask(), content_type="application/json", headers={"Prefer": "wait=30"}
        )
    finally:
        await inline_runner().stop()
    assert answer.status_code == 200, answer.content
    assert answer["Preference-Applied"] == "wait=30"
    body = answer.json()
    assert body["status"] == "complete"
    assert (body["total_raw"], body["total_filtrado"], len(body["licitacoes"])) == (29, 29, 20)
    assert body["excel_available"]
    assert body["termos_utilizados"]
    second = await client.get(f"/api/buscar/{body['search_id']}?pagina=2&itens_por_pagina=20")
    assert len(second.json()["licitacoes"]) == 9
    file = await client.get(body["download_url"])
    assert file.status_code == 200
    assert file["Content-Disposition"].startswith('attachment; filename="licitacoes_alimentos_')


async def test_who_reads_page_by_page_comes_to_an_end(simulate, run, alice, token):
    await simulate([record(n) for n in range(1, 24)])
    search = await run(Owner(user_id=alice.pk))
    client, seen, page = AsyncClient(), [], 1
    path = f"/api/buscar/{search.pk}"
    while True:
        params = {"pagina": page, "itens_por_pagina": 10}
        answer = (await client.get(path, params, headers=token)).json()
        assert (answer["pagina"], answer["total_paginas"]) == (page, 3)
        if not answer["licitacoes"]:
            break
        seen += [notice["numero_controle_pncp"] for notice in answer["licitacoes"]]
        page += 1
    assert (page, len(seen), len(set(seen))) == (4, 23, 23)


async def test_what_can_be_asked_no_more_is_still_answered(simulate, run, alice, token):
    await simulate([record(1)])
    search = await outdate(await run(Owner(user_id=alice.pk)))
    answer = await AsyncClient().get(f"/api/buscar/{search.pk}", headers=token)
    assert answer.status_code == 200
    body = answer.json()
    assert body["parametros"]["setor_id"] == "setor-que-acabou"
    assert len(body["licitacoes"]) == 1


async def test_the_head_of_the_file_is_that_of_the_file(simulate, run, alice, token):
    await simulate([record(n) for n in range(1, 4)])
    search = await run(Owner(user_id=alice.pk))
    path = f"/api/download?id={search.pk}"
    client = AsyncClient()
    whole, head = await client.get(path, headers=token), await client.head(path, headers=token)
    assert (head.status_code, head.content) == (200, b"")
    assert head["Content-Length"] == whole["Content-Length"]
    assert head["ETag"] == whole["ETag"]

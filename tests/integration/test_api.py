"""The JSON API: every rule of a question has its message at its field, and one id is one search."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from searches.models import Search
from searches.tokens import create_token
from tests.integration.api_support import post
from tests.integration.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ufs": []}, "ufs"),
        ({"ufs": None}, "ufs"),
        ({"ufs": "SP"}, "ufs"),
        ({"ufs": ["XX"]}, "ufs"),
        ({"ufs": [1]}, "ufs"),
        ({"modo_busca": "tudo"}, "modo_busca"),
        ({"data_inicial": "01/08/2026"}, "data_inicial"),
        ({"data_inicial": "2026-02-30"}, "data_inicial"),
        ({"data_inicial": "20260801"}, "data_inicial"),
        ({"data_inicial": 20260801}, "data_inicial"),
        ({"data_inicial": "2026-08-10", "data_final": "2026-08-01"}, "data_inicial"),
        ({"data_inicial": "2025-01-01", "data_final": "2026-08-01"}, "data_inicial"),
        ({"data_final": "2199-01-01"}, "data_final"),
        ({"setor_id": "foguetes"}, "setor_id"),
        ({"setor_id": None}, "setor_id"),
        ({"setor_id": None, "termos_busca": "de para com"}, "termos_busca"),
        ({"termos_busca": 7}, "termos_busca"),
        ({"termos_busca": "x" * 2000}, "termos_busca"),
        ({"exclusion_terms": "pão"}, "exclusion_terms"),
        ({"exclusion_terms": [1]}, "exclusion_terms"),
        ({"modalidades": [99]}, "modalidades"),
        ({"modalidades": [True]}, "modalidades"),
        ({"modalidades": "6"}, "modalidades"),
        ({"esferas": ["X"]}, "esferas"),
        ({"municipios": ["123"]}, "municipios"),
        ({"municipios": ["9950308"]}, "municipios"),
        ({"orgaos": [None]}, "orgaos"),
        ({"valor_minimo": -1}, "valor_minimo"),
        ({"valor_minimo": "muito"}, "valor_minimo"),
        ({"valor_minimo": True}, "valor_minimo"),
        ({"valor_minimo": "NaN"}, "valor_minimo"),
        ({"valor_minimo": "１０"}, "valor_minimo"),
        ({"valor_maximo": 1e16}, "valor_maximo"),
        ({"valor_minimo": 10, "valor_maximo": 9}, "valor_maximo"),
        ({"status": "aberta"}, "status"),
        ({"ordenacao": "acaso"}, "ordenacao"),
        ({"pagina": 0}, "pagina"),
        ({"itens_por_pagina": 30}, "itens_por_pagina"),
        ({"search_id": "7"}, "search_id"),
        ({"search_id": 12345678123456781234567812345678}, "search_id"),
        ({"search_id": "{12345678-1234-5678-1234-567812345678}"}, "search_id"),
        ({"exclusion_terms": ["pão", "a*"]}, "exclusion_terms"),
        ({"exclusion_terms": ["-pão"]}, "exclusion_terms"),
        ({"exclusion_terms": ["pão"], "termos_busca": "pão"}, "exclusion_terms"),
        ({"termos_busca": "leite -pão"}, "termos_busca"),
        ({"setor_id": None, "termos_busca": "!!!"}, "termos_busca"),
        ({"valor_minimo": "1_000"}, "valor_minimo"),
        ({"uf": ["SP"]}, "uf"),
    ],
)
def test_every_rule_has_its_message_at_its_field(client, token, changes, field):
    answer = post(client, ask(**changes), token)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["field"] == field
    assert error["code"] == "query.invalid"
    assert error["message"]
    assert not Search.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "null", '"x"', b"\xff\xfe",
        r'{"ufs": ["\ud800"]}', r'{"orgaos": ["\ud800"]}', r'{"\ud800": 1}',
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_a_400(client, token, body):
    answer = post(client, body, token)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "request.json"


def test_it_accepts_and_says_where_to_look(client, token):
    answer = post(client, ask(), token)
    assert answer.status_code == 202
    body = answer.json()
    assert set(body) == {"search_id", "status_url", "progress_url", "ws_url", "download_url"}
    assert body["ws_url"].startswith("ws://testserver/ws/buscas/")
    state = client.get(body["status_url"], headers=token).json()
    for name in (
        "search_id", "status", "progress", "resumo", "licitacoes", "total_raw", "total_filtrado",
        "filter_stats", "cobertura", "termos_utilizados", "stopwords_removidas", "download_url",
        "excel_available", "storage", "pagina", "itens_por_pagina", "ultima_atualizacao",
    ):  # fmt: skip
        assert name in state
    assert client.get(body["download_url"], headers=token).status_code == 409


@pytest.mark.parametrize("field", ["valor_minimo", "pagina"])
def test_a_number_beyond_every_number_is_out_of_range(client, token, field):
    for number in ("1e99999999999999999999", "1e-99999999999999999999", "9" * 5000):
        body = f'{{"ufs": ["SP"], "setor_id": "alimentos", "{field}": {number}}}'
        answer = post(client, body, token)
        assert answer.status_code == 422, number
        assert answer.json()["error"]["field"] == field


def test_the_first_days_of_the_calendar_are_days(client, token):
    for day in ("0001-01-01", "0001-01-04"):
        assert post(client, ask(data_inicial=None, data_final=day), token).status_code == 202


def test_what_is_wrong_with_the_terms_is_said_once_and_by_its_name(client, token):
    said = {}
    for terms in ("a*", "!!!", "de para", "x" * 120, " ".join(f"t{n}" for n in range(60)), 5):
        answer = post(client, ask(setor_id=None, termos_busca=terms), token)
        (said[terms],) = answer.json()["error"]["fields"]["termos_busca"]
    assert len(set(said.values())) == len(said)


def test_an_id_is_read_in_either_case(client, token):
    key = post(client, ask(search_id=str(uuid4()).upper()), token).json()["search_id"]
    assert key == key.lower()
    for path in (f"/api/buscar/{key}", f"/api/buscar/{key.upper()}"):
        assert client.get(path, headers=token).json()["search_id"] == key


def at_once(count, work):
    """Do it so many times at the same moment; return what came of it, counted."""
    gate = threading.Barrier(count)

    def one(_):
        gate.wait()
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(one, range(count)))


def test_the_same_id_at_the_same_moment_is_the_same_search(token):
    for _ in range(5):
        body = ask(search_id=str(uuid4()))
        assert at_once(8, lambda body=body: post(Client(), body, token).status_code) == {202: 8}
    assert Search.objects.count() == 5


def test_the_limit_holds_for_searches_at_the_same_moment(token, settings):
    settings.BIDIQ_SEARCHES_PER_MINUTE = 3
    assert at_once(8, lambda: post(Client(), ask(), token).status_code) == {202: 3, 429: 5}


def test_the_same_id_again_is_the_same_search(client, token, bob):
    body = ask(search_id=str(uuid4()))
    first, second = post(client, body, token), post(client, body, token)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert Search.objects.count() == 1
    stranger = post(client, body, {"Authorization": f"Bearer {create_token(bob)}"})
    assert stranger.status_code == 409


def test_too_many_searches_are_asked_to_wait(client, token, settings):
    settings.BIDIQ_SEARCHES_PER_MINUTE = 2
    assert [post(client, ask(), token).status_code for _ in range(3)] == [202, 202, 429]
    answer = post(client, ask(), token)
    assert 1 <= int(answer["Retry-After"]) <= 61
    assert answer.json()["error"]["code"] == "search.rate"


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=utf-16",
        "text/plain",
    ],
)
def test_a_body_is_json_whatever_it_is_said_to_be(caplog, kind):
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = csrf = "a" * 32

    def answer_to(body):
        headers = {"X-CSRFToken": csrf}
        return client.post("/api/buscar", body, content_type=kind, headers=headers)

    assert answer_to(json.dumps(ask())).status_code == 202
    assert answer_to(json.dumps(ask() | {"orgaos": ["&" * 90] * 50})).status_code == 202
    form = answer_to("--x\r\nContent-Disposition: form-data; name=ufs\r\n\r\nSP\r\n--x--\r\n")
    assert (form.status_code, form.json()["error"]["code"]) == (400, "request.json")
    large = answer_to(json.dumps("x" * 2**20))
    assert (large.status_code, large.json()["error"]["code"]) == (413, "request.too_large")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("number", ["1e400", "9" * 5000])
def test_a_number_that_is_only_too_large_has_its_message_at_its_field(client, token, number):
    body = json.dumps(ask()).replace("{", '{"valor_minimo": ' + number + ", ", 1)
    answer = post(client, body, token)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, "valor_minimo")

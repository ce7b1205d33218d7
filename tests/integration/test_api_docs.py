"""The OpenAPI document and its page: what they say is what the doors do."""

import json
import re
from collections import Counter
from datetime import date, datetime
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from django.test import AsyncClient, Client
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

from searches import json_body
from searches.domain.errors import QueryError
from searches.domain.progress import Stage
from searches.domain.query import (
    FIELDS,
    LARGEST_VALUE,
    LARGEST_WHOLE,
    LONGEST_TEXT,
    MOST_ENTRIES,
    PAGE_SIZES,
    parse_query,
)
from searches.owners import Owner
from searches.pncp.faults import Faults
from searches.services import searches as services
from searches.tokens import create_token
from tests.integration.conftest import create, record
from tests.integration.pages_support import browser
from tests.integration.pipeline_support import sync

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_openapi_document_says_nothing_twice(client):
    """Readers of JSON keep the last of two equal names; the page of the docs refuses them."""

    def once(pairs):
        names = [name for name, _ in pairs]
        assert len(names) == len(set(names)), names
        return dict(pairs)

    raw = client.get("/api/openapi.json").content
    document = json.loads(raw, object_pairs_hook=once)
    assert set(document["components"]["securitySchemes"]) == {"token", "session"}
    cancelling = document["paths"]["/api/buscar/{search_id}/cancelar"]["post"]
    assert set(cancelling["responses"]) == {"202", "401", "404", "503"}
    assert b"nullable" not in raw


def test_the_openapi_document_names_every_call(client):
    document = client.get("/api/openapi.json").json()
    assert set(document["paths"]) == {
        "/api/buscar",
        "/api/buscar/{search_id}",
        "/api/buscar-progress/{search_id}",
        "/api/buscar/{search_id}/cancelar",
        "/api/download",
        "/api/setores",
        "/api/modalidades",
        "/api/ufs",
    }
    docs = client.get("/api/docs")
    assert docs.status_code == 200
    assert '<html lang="pt-BR">' in docs.content.decode()
    assert "<title>Documentação da API · bidiq</title>" in docs.content.decode()


def test_the_documentation_is_a_page_like_others(client, alice, token, settings):
    settings.BIDIQ_DEMO = settings.BIDIQ_LOGIN_REQUIRED = True
    answer = client.get("/api/docs")
    assert (answer.status_code, answer["Location"]) == (302, "/contas/entrar/?next=/api/docs")
    document = client.get("/api/openapi.json")
    assert (document.status_code, document["WWW-Authenticate"]) == (401, "Bearer")
    assert client.get("/api/openapi.json", headers=token).status_code == 200
    client.force_login(alice)
    assert "Dados de demonstração" in client.get("/api/docs").content.decode()
    assert client.get("/api/openapi.json").status_code == 200


def test_who_is_logged_in_can_try_the_calls_on_the_page(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    page = client.get("/api/docs").content.decode()
    assert 'data-api-csrf="true"' in page
    (csrf,) = re.findall(r'data-csrf-token="(\w+)"', page)
    asked = client.get("/api/openapi.json").json()["paths"]["/api/buscar"]["post"]["requestBody"]
    answer = client.post(
        "/api/buscar",
        asked["content"]["application/json"]["example"],
        content_type="application/json",
        headers={"X-CSRFToken": csrf},
    )
    assert answer.status_code == 202, answer.content


FORMATS = FormatChecker(("date", "uuid"))


@FORMATS.checks("date-time", raises=ValueError)
def is_moment(text):
    """jsonschema's own wants one more package."""
    return not isinstance(text, str) or datetime.fromisoformat(text).tzinfo is not None


def validator(document, schema):
    """Return what holds an answer against a schema of the document."""
    root = {**schema, "components": document["components"]}
    return Draft202012Validator(root, format_checker=FORMATS)


def resolved(document, schema):
    """Return a schema itself in the place of its name."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return document["components"]["schemas"][name] if name else schema


def assert_described(document, schema, found):
    """An object has no property that the document does not speak of, however deep."""
    schema = resolved(document, schema)
    if "anyOf" in schema:  # of what is empty at first
        schema = resolved(document, schema["anyOf"][0])
    if isinstance(found, list):
        for each in found:
            assert_described(document, schema["items"], each)
    elif isinstance(found, dict):
        rows = schema.get("additionalProperties")
        for name, value in found.items():
            assert name in schema.get("properties", {}) or isinstance(rows, dict), name
            assert_described(document, schema.get("properties", {}).get(name, rows), value)


@pytest.fixture
async def document(db):
    return (await AsyncClient().get("/api/openapi.json")).json()


@pytest.fixture
def call(alice, document):
    """Call a door of the API, and hold its answer against the document."""
    client, token = AsyncClient(), create_token(alice)

    async def called(method, path, *, named, **options):
        options["headers"] = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        answer = await getattr(client, method)(path, **options)
        said = document["paths"][named][method]["responses"][str(answer.status_code)]
        (media,) = said.get("content") or {None}
        assert media in (None, answer.get("Content-Type", "").split(";")[0])
        if media == "application/json":
            schema = said["content"][media]["schema"]
            validator(document, schema).validate(answer.json())
            assert_described(document, schema, answer.json())
        headers = said.get("headers", {})
        assert {name for name in SAID_OF_ANSWERS if name in answer} <= headers.keys()
        for name, header in headers.items():
            if header.get("required") or name in answer:
                value = answer[name]
                is_number = header["schema"].get("type") == "integer"
                validator(document, header["schema"]).validate(int(value) if is_number else value)
        return answer

    return called


SAID_OF_ANSWERS = (
    *("Accept-Ranges", "Content-Disposition", "Content-Range", "ETag", "Location"),
    *("Preference-Applied", "Retry-After", "WWW-Authenticate"),
)
SEARCH = "/api/buscar/{search_id}"


async def test_answers_are_what_the_document_says(simulate, run, call, alice, document):
    await simulate(
        [
            record(1, dataEncerramentoProposta="2199-09-30T10:00:00"),
            record(2, valorTotalEstimado=None, dataEncerramentoProposta=None),
        ],
        faults="down:uf=MG",
    )
    owner = Owner(user_id=alice.pk)
    ended, waiting = await run(owner), await create(owner)
    await run(owner, setor_id=None, termos_busca="generos, alimentisios", valor_maximo="10.5")
    one = (await call("get", f"/api/buscar/{ended.pk}", named=SEARCH)).json()
    assert one["licitacoes"] and one["resumo"]["destaques"] and one["correspondencia"]
    for schema, found in (("Busca", one), ("Licitacao", one["licitacoes"][0])):
        assert found.keys() == document["components"]["schemas"][schema]["properties"].keys()
    for search in (
        await run(owner, ufs=["SP", "MG"]),
        await run(owner, ufs=["MG"]),
        await run(owner, setor_id=None, termos_busca="alimentisios,", municipios=["3550308"]),
        waiting,
    ):
        await call("get", f"/api/buscar/{search.pk}", named=SEARCH)
    cancelled = f"{SEARCH}/cancelar"
    await call("post", f"/api/buscar/{waiting.pk}/cancelar", named=cancelled)
    await call("get", f"/api/buscar/{waiting.pk}", named=SEARCH)
    await call("get", f"/api/buscar/{ended.pk}?pagina=0", named=SEARCH)
    await call("get", f"/api/buscar/{uuid4()}", named=SEARCH)
    wrong = {"Authorization": "Bearer x"}
    await call("get", f"/api/buscar/{ended.pk}", named=SEARCH, headers=wrong)
    stream = "/api/buscar-progress/{search_id}"
    await call("get", f"/api/buscar-progress/{ended.pk}?after=99", named=stream)
    events = await call("get", f"/api/buscar-progress/{ended.pk}", named=stream)
    assert events.status_code == 200
    path = f"/api/download?id={ended.pk}"
    tag = (await call("get", path, named="/api/download"))["ETag"]
    for header, status in (
        ({"Range": "bytes=0-9"}, 206),
        ({"Range": "bytes=99999999-"}, 416),
        ({"If-None-Match": tag}, 304),
    ):
        file = await call("get", path, named="/api/download", headers=header)
        assert file.status_code == status
    await call("get", f"/api/download?id={waiting.pk}", named="/api/download")
    await call("get", "/api/download", named="/api/download")
    for table in ("/api/setores", "/api/modalidades", "/api/ufs"):
        assert (await call("get", table, named=table)).json()


async def test_events_are_what_the_document_says(simulate, run, document):
    simulator = await simulate([record(1)])
    searches = [await run()]
    simulator.faults = Faults.read("down:uf=MG")
    searches += [await run(ufs=["SP", "MG"]), await run(ufs=["MG"]), await create()]
    waiting = searches[-1]
    claimed = await sync(lambda: services.claim(waiting.pk, worker="w"))
    await sync(lambda: services.give_back(claimed))
    await sync(lambda: services.request_cancel(waiting))
    client = AsyncClient()
    client.cookies = (await sync(lambda: browser("alice"))).cookies
    schemas, stages, has_resumed = document["components"]["schemas"], set(), False
    details = {
        rule["if"]["properties"]["stage"]["const"]: rule["then"]["properties"]["detail"]
        for rule in schemas["Evento"]["allOf"]
    }
    assert details.keys() == {stage.value for stage in Stage}
    for search in searches:
        polled = (await client.get(f"/buscas/{search.pk}/eventos.json")).json()
        validator(document, {"$ref": "#/components/schemas/Eventos"}).validate(polled)
        for event in polled["events"]:
            assert event["detail"].keys() <= details[event["stage"]]["properties"].keys()
            has_resumed |= "resumes" in event["detail"]
            stages.add(event["stage"])
    assert has_resumed
    assert stages == details.keys()
    # What is not so is seen.
    broken = event | {"detail": {}}
    assert not validator(document, {"$ref": "#/components/schemas/Evento"}).is_valid(broken)


def test_parameters_are_described_with_their_bounds(client):
    document = client.get("/api/openapi.json").json()

    def parameters(path):
        return {each["name"]: each for each in document["paths"][path]["get"]["parameters"]}

    page, size = (parameters(SEARCH)[name]["schema"] for name in ("pagina", "itens_por_pagina"))
    assert (page["minimum"], page["maximum"]) == (1, LARGEST_WHOLE)
    assert size["enum"] == list(PAGE_SIZES)
    asked = parameters("/api/download")["id"]
    assert (asked["required"], asked["schema"]["format"]) == (True, "uuid")


async def asked(call, body):
    return await call(
        "post",
        "/api/buscar",
        named="/api/buscar",
        data=json.dumps(body),
        content_type="application/json",
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"ufs": ["SP"], "setor_id": "alimentos", "valor_minimo": "10.50"}, 202),
        ({"ufs": ["SP"], "setor_id": "alimentos", "modalidades": [6.0], "pagina": 2.0}, 202),
        ({"ufs": ["XX"], "pagina": 0}, 422),
        ([], 400),
        ({"ufs": ["x" * 1_100_000]}, 413),
    ],
)
async def test_questions_are_taken_as_the_document_says(call, body, status):
    assert (await asked(call, body)).status_code == status


async def test_who_asks_too_often_or_for_anothers_search_is_answered_as_it_says(
    call, settings, bob
):
    taken = await create(Owner(user_id=bob.pk))
    body = {"ufs": ["SP"], "setor_id": "alimentos"}
    assert (await asked(call, body | {"search_id": str(taken.pk)})).status_code == 409
    settings.BIDIQ_SEARCHES_PER_MINUTE = 1
    assert [(await asked(call, body)).status_code for _ in range(2)] == [202, 429]


TODAY = date(2026, 11, 27)
BASE: dict[str, Any] = {"ufs": ["SP"], "setor_id": "alimentos"}


def is_taken(body):
    """Return whether a question is taken, as it comes out of JSON."""
    try:
        parse_query(json_body.read_object(json.dumps(body).encode()), today=TODAY)
    except QueryError:
        return False
    return True


def test_a_question_that_the_document_allows_is_taken_and_its_bounds_are_the_codes(client):
    document = client.get("/api/openapi.json").json()
    schema = document["components"]["schemas"]["Pedido"]
    assert schema["properties"].keys() == FIELDS
    assert all(each["description"] for each in schema["properties"].values())
    allows = validator(document, schema).is_valid
    values: list[Any] = [
        *(None, True, 0, -1, 1, 1.0, 1.5, 1e15, 1e16, "", "1", "1_0", "NaN", "10.50", "x"),
        *("9" * 15, "9" * 17, [], [None], ["x"], ["x" * LONGEST_TEXT], ["x" * (LONGEST_TEXT + 1)]),
        *(["x"] * MOST_ENTRIES, ["x"] * (MOST_ENTRIES + 1), [6], [99], [True], {}, "2026-11-01"),
        *("2026-02-30", "20261101", str(uuid4()), uuid4().hex, ["3550308"], ["9950308"], ["355"]),
        *("publicacao", "todos", "data_desc", "saude", "alimentos", 20, 30, LARGEST_WHOLE),
        *(LARGEST_WHOLE + 1, ["M"], ["X"], ["SP", "SP"], ["XX"]),
    ]
    both: dict[str, Counter[bool]] = {name: Counter() for name in FIELDS}
    for name, value in product(FIELDS, values):
        body = BASE | {name: value}
        if allows(body):
            assert is_taken(body), body
        both[name][allows(body)] += 1
    assert all(count[True] and count[False] for count in both.values()), both
    # What is just beyond a bound is refused by both.
    for name, value in (
        ("orgaos", ["x" * (LONGEST_TEXT + 1)]),
        ("orgaos", ["x"] * (MOST_ENTRIES + 1)),
        ("ufs", ["SP"] * (MOST_ENTRIES + 1)),
        ("ufs", []),
        ("termos_busca", "x " * LONGEST_TEXT),
        ("valor_maximo", int(LARGEST_VALUE) + 1),
        ("pagina", LARGEST_WHOLE + 1),
        ("setor_id", None),
        ("extra", 1),
    ):
        beyond = BASE | {name: value}
        assert (allows(beyond), is_taken(beyond)) == (False, False), name
    own = {"ufs": ["SP"], "termos_busca": "pão"}
    assert allows(own) and is_taken(own)

"""The OpenAPI document and its page: what they say is what the doors do."""

import json
import re
from uuid import uuid4

import pytest
from django.test import AsyncClient, Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from searches.owners import Owner
from searches.tokens import create_token
from tests.integration.conftest import create, record
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


def test_the_documentation_is_a_page_like_others(client, alice, settings):
    settings.BIDIQ_DEMO = settings.BIDIQ_LOGIN_REQUIRED = True
    answer = client.get("/api/docs")
    assert (answer.status_code, answer["Location"]) == (302, "/contas/entrar/?next=/api/docs")
    document = client.get("/api/openapi.json")
    assert (document.status_code, document["WWW-Authenticate"]) == (401, "Bearer")
    token = {"Authorization": f"Bearer {create_token(alice)}"}
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


@pytest.fixture
async def call(alice):
    """Call a door of the API, and hold its answer against the document."""
    client = AsyncClient()
    token = await sync(lambda: create_token(alice))
    document = (await client.get("/api/openapi.json")).json()

    async def called(method, path, *, named, **options):
        options["headers"] = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
        answer = await getattr(client, method)(path, **options)
        said = document["paths"][named][method]["responses"][str(answer.status_code)]
        (media,) = said.get("content") or {None}
        assert media in (None, answer.get("Content-Type", "").split(";")[0])
        if media == "application/json":
            schema = said["content"][media]["schema"]
            found = answer.json()
            Draft202012Validator(schema).validate(found)
            if "properties" in schema:
                assert found.keys() <= schema["properties"].keys()
        return answer

    return called


SEARCH = "/api/buscar/{search_id}"


async def test_answers_are_what_the_document_says(simulate, run, call, alice):
    await simulate([record(1), record(2, valorTotalEstimado=None, dataEncerramentoProposta=None)])
    owner = Owner(user_id=alice.pk)
    ended, waiting = await run(owner), await create(owner)
    one = (await call("get", f"/api/buscar/{ended.pk}", named=SEARCH)).json()["licitacoes"][0]
    document = (await AsyncClient().get("/api/openapi.json")).json()
    listed = document["paths"][SEARCH]["get"]["responses"]["200"]["content"]["application/json"]
    described = listed["schema"]["properties"]["licitacoes"]["items"]["properties"]
    assert one.keys() == described.keys()
    await call("get", f"/api/buscar/{waiting.pk}", named=SEARCH)
    cancelled = f"{SEARCH}/cancelar"
    await call("post", f"/api/buscar/{waiting.pk}/cancelar", named=cancelled)
    await call("get", f"/api/buscar/{waiting.pk}", named=SEARCH)
    await call("get", f"/api/buscar/{ended.pk}?pagina=0", named=SEARCH)
    await call("get", f"/api/buscar/{uuid4()}", named=SEARCH)
    stream = "/api/buscar-progress/{search_id}"
    await call("get", f"/api/buscar-progress/{ended.pk}?after=99", named=stream)
    events = await call("get", f"/api/buscar-progress/{ended.pk}", named=stream)
    assert events.status_code == 200
    for header in ({}, {"Range": "bytes=0-9"}, {"Range": "bytes=99999999-"}):
        file = await call(
            "get", f"/api/download?id={ended.pk}", named="/api/download", headers=header
        )
    assert file.status_code == 416
    await call("get", f"/api/download?id={waiting.pk}", named="/api/download")


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
    answer = await call(
        "post",
        "/api/buscar",
        named="/api/buscar",
        data=json.dumps(body),
        content_type="application/json",
    )
    assert answer.status_code == status
    document = (await AsyncClient().get("/api/openapi.json")).json()
    asked = document["paths"]["/api/buscar"]["post"]["requestBody"]["content"]["application/json"]
    if status == 202:
        Draft202012Validator(asked["schema"]).validate(body)

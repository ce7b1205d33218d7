"""Who gets into the JSON API, and what its addresses answer whoever asks: one shape of errors."""

from uuid import uuid4

import pytest
from django.test import Client

from searches.tokens import create_token, user_of_token
from tests.integration.api_support import post
from tests.integration.conftest import ask

pytestmark = pytest.mark.django_db(transaction=True)


def test_nobody_gets_in_without_token_or_csrf(alice):
    client = Client(enforce_csrf_checks=True)
    assert post(client, ask(), {}).status_code == 401
    for header in ("Bearer x", "Bearer", "Basic x"):
        assert post(client, ask(), {"Authorization": header}).status_code == 401
    client.force_login(alice)
    csrf = client.cookies["csrftoken"] = "a" * 32
    for header in ("Bearer x", "Bearer"):  # a wrong token is no session either
        headers = {"Authorization": header, "X-CSRFToken": csrf}
        assert post(client, ask(), headers).status_code == 401
    assert post(client, ask(), {"Authorization": "Basic x"}).status_code == 401
    assert post(client, ask(), {}).status_code == 401
    answer = post(client, ask(), {"Origin": "http://evil.example"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "auth.required"


def test_a_browser_with_its_csrf_token_may_search_without_an_account(settings):
    client = Client(enforce_csrf_checks=True)
    csrf = "a" * 32
    client.cookies["csrftoken"] = csrf
    answer = post(client, ask(), {"X-CSRFToken": csrf})
    assert answer.status_code == 202
    # What a proxy in front has asked for changes nothing.
    proxied = {"X-CSRFToken": csrf, "Authorization": "Basic YTpi"}
    assert post(client, ask(), proxied).status_code == 202
    assert client.get(answer.json()["status_url"], headers=proxied).status_code == 200
    assert client.get(answer.json()["status_url"]).status_code == 200
    assert Client().get(answer.json()["status_url"]).status_code == 404


def test_members_only_means_members_only(client, token, settings):
    settings.BIDIQ_LOGIN_REQUIRED = True
    assert client.get(f"/api/buscar/{uuid4()}").status_code == 401
    assert client.get(f"/api/buscar/{uuid4()}", headers=token).status_code == 404
    assert client.get("/").status_code == 302


def test_a_token_is_kept_as_a_hash_and_dies_with_its_user(alice):
    token = create_token(alice)
    assert user_of_token(token) == alice
    assert not alice.api_tokens.filter(digest=token).exists()
    alice.is_active = False
    alice.save()
    assert user_of_token(token) is None


def test_the_tables_are_public(client):
    assert len(client.get("/api/ufs").json()) == 27
    assert len(client.get("/api/setores").json()) == 20
    modalities = {entry["codigo"]: entry for entry in client.get("/api/modalidades").json()}
    assert modalities[6]["nome"] == "Pregão - Eletrônico"
    assert [code for code, entry in modalities.items() if entry["padrao"]] == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("get", "/api/buscar", "POST"),
        ("put", "/api/buscar/00000000-0000-4000-8000-000000000000", "GET, HEAD"),
        ("post", "/api/openapi.json", "GET, HEAD"),
        ("delete", "/api/docs", "GET, HEAD"),
    ],
)
def test_a_refused_method_is_an_error_object(token, method, path, allowed):
    answer = getattr(Client(enforce_csrf_checks=True), method)(path, headers=token)
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "method"
    assert set(answer["Allow"].split(", ")) == set(allowed.split(", "))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/nada", 404),
        ("/api/buscar/xyz", 404),
        ("/api/download", 422),
        ("/api/download?id=xyz", 422),
        ("/api/download?id=00000000000040008000000000000000", 422),
        ("/api/download?id={00000000-0000-4000-8000-000000000000}", 422),
        ("/api/download?id=00000000-0000-4000-8000-000000000000", 404),
        ("/api/download?url=http://evil.example", 422),
    ],
)
def test_wrong_addresses_answer_in_json(client, token, path, status):
    answer = client.get(path, headers=token)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize("path", ["/api/", "/api/nada"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_nothing_is_there_whatever_the_method(token, method, path):
    answer = getattr(Client(enforce_csrf_checks=True), method)(path, headers=token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")

"""Headers of every answer, whoever gives it."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.integration.pages_support import browser

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("path", "host", "status"),
    [
        ("/", "localhost", 200),
        ("/buscas", "localhost", 301),
        ("/nada/", "localhost", 404),
        ("/", "evil.example", 400),
        ("/static/searches/icon.svg", "localhost", 200),
    ],
)
def test_no_answer_is_framed_sniffed_or_without_a_policy(client, path, host, status):
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == status
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "script-src 'self'" in answer["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_what_they_say(client, path):
    assert client.get(path)["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/buscas/", "/salvas/", "/contas/senha/", "/contas/"])
def test_no_cache_keeps_what_is_ones_own(alice: User, path: str) -> None:
    for client in (browser(), Client()):
        client.force_login(alice)
        assert "no-store" in client.get(path)["Cache-Control"]


def test_what_was_posted_can_be_gone_back_to(client):
    answer = client.post("/buscas/", {"ufs": ["SP"]})
    assert answer.status_code == 422
    assert "Cache-Control" not in answer


def test_a_static_file_is_kept(client):
    assert "public" in client.get("/static/searches/bidiq.css")["Cache-Control"]

"""A fault of ours and a database that is away: a page or JSON, never a traceback."""

import json
import logging
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.test import Client

from bidiq.logs import ClientFaultFilter
from tests import servers
from tests.processes import site


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError("gone"), 503), (RuntimeError("secret"), 500)]
)
@pytest.mark.parametrize("path", ["/buscas/", "/api/buscar/00000000-0000-4000-8000-000000000000"])
def test_a_fault_answers_without_the_database(monkeypatch, settings, error, status, path):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

    def fail(*args: object, **kwargs: object) -> None:
        raise error

    for door in ("searches.views.request_owner", "searches.access.request_owner"):
        monkeypatch.setattr(door, fail)
    answer = Client(raise_request_exception=False).get(path)
    assert answer.status_code == status
    assert "secret" not in answer.content.decode()
    assert ("Retry-After" in answer) == (status == 503)
    comes_back = b'<meta http-equiv="refresh" content="5">'
    assert (comes_back in answer.content) == (status == 503 and "/api/" not in path)
    posted = Client(raise_request_exception=False).post(path)
    assert comes_back not in posted.content
    assert answer["Content-Type"].startswith("application/json" if "/api/" in path else "text/html")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(OperationalError("gone"), 503, "database.down"), (RuntimeError("secret"), 500, "internal")],
)
def test_a_fault_of_the_api_is_a_problem_document_also_for_who_develops(
    monkeypatch, settings, caplog, error, status, code
):
    settings.DEBUG = True
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

    def fail(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("searches.access.request_owner", fail)
    client = Client(raise_request_exception=False)
    answer = client.get("/api/buscar/00000000-0000-4000-8000-000000000000")
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["error"]["code"] == code
    assert f"{type(error).__name__}: {error}" in caplog.text


def test_a_broken_form_is_answered_by_the_site(tmp_path: Path) -> None:
    with site(tmp_path) as web:
        broken = {"Content-Type": "multipart/form-data; boundary=x"}
        for path in ("/api/buscar", "/buscas/", "/contas/entrar/"):
            status, headers, body = web.request("POST", path, body={"ufs": ["SP"]}, headers=broken)
            assert (status in (400, 401, 403), headers.get("server")) == (True, "bidiq"), path
            if path == "/api/buscar":
                assert set(json.loads(body)["error"]) == {"code", "message"}
            else:
                assert "<html" in body.decode()


def test_pages_say_503_while_postgresql_is_down_and_come_back(tmp_path: Path) -> None:
    with servers.postgresql() as database:
        variables = {"DATABASE_URL": database.url, "BIDIQ_RUNNER": "inline"}
        with site(tmp_path, **variables) as web:
            assert web.request("GET", "/")[0] == 200
            cookie = {"Cookie": "sessionid=" + "a" * 32}
            database.stop()
            status, headers, body = web.request("GET", "/buscas/", headers=cookie)
            assert (status, headers.get("retry-after")) == (503, "5"), (body, web.log)
            assert "banco de dados" in body.decode()
            assert "Service Unavailable: /buscas/: OperationalError: " in web.log
            assert "Traceback" not in web.log
            search_id = str(uuid4())
            for door in (f"/buscas/{search_id}/", f"/api/download?id={search_id}"):
                assert web.request("GET", door, headers=cookie)[0] == 503
                assert f"[{search_id}] Service Unavailable: {door.partition('?')[0]}" in web.log
            probe = {"Host": "10.0.0.5"}  # what looks at containers asks by their address
            assert web.request("GET", "/healthz", headers=probe)[0] == 200
            assert web.request("GET", "/readyz", headers=probe)[0] == 503
            database.start()
            assert web.request("GET", "/buscas/", headers=cookie)[0] == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("multipart/form-data", "x", 400),
        ("application/x-www-form-urlencoded; charset=utf-16", "x", 400),
        ("application/x-www-form-urlencoded", "x" * (2**20 + 1), 413),
        ("application/x-www-form-urlencoded", "&".join(["x=1"] * 1001), 400),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_in_a_line(caplog, kind, body, status):
    client = Client(enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    filters = logging.getLogger("django.request").filters
    assert any(isinstance(each, ClientFaultFilter) for each in filters)
    answer = client.post("/buscas/", body, content_type=kind)
    assert answer.status_code == status
    assert ("grande demais" in answer.content.decode()) == (status == 413)
    assert "Traceback" not in caplog.text

"""Arriving: what a visitor asked before its login, or sign-up, is its account's from then on."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from exports.models import DATABASE, Artifact, Download
from searches.domain.lifecycle import Status
from searches.domain.progress import Stage, Told
from searches.models import SavedSearch, Search
from searches.owners import Owner
from searches.services import arriving
from searches.services import saved as saved_services
from searches.services import searches as services
from tests.integration.accounts.conftest import NEW, login
from tests.integration.accounts.test_leaving import with_file
from tests.integration.conftest import ask, create
from tests.integration.pages_support import browser, page

pytestmark = pytest.mark.django_db(transaction=True)

VISITOR = Owner(visitor="here")


def log_in() -> Client:
    """Log in to alice's account in the browser of the visitor."""
    client = browser("here")
    answer = client.post("/contas/entrar/", {"username": "alice", "password": "alice"})
    assert answer.status_code == 302
    return client


def doors(search: Search) -> list[str]:
    key = search.pk
    return [f"/buscas/{key}/", f"/buscas/{key}/eventos.json", f"/api/buscar/{key}"]


def owner_columns(row: Search | Artifact | None) -> tuple[int | None, str]:
    assert row is not None
    row.refresh_from_db()
    return row.owner_user_id, row.owner_visitor


def test_what_was_asked_before_a_login_is_the_accounts_in_every_browser(alice, bob):
    search, others = with_file(VISITOR), with_file(Owner(visitor="there"))
    Download.objects.exclude(artifact=search.artifact).delete()
    client = log_in()
    elsewhere = login(alice)
    for reader in (client, elsewhere):
        assert f"/buscas/{search.pk}/" in page("/buscas/", client=reader)
        for path in doors(search):
            page(path, client=reader)
        page(f"/buscas/{others.pk}/", status=404, client=reader)
    client.post("/contas/sair/")
    for reader in (client, browser("here"), login(bob)):
        assert f"/buscas/{search.pk}/" not in page("/buscas/", client=reader)
        for path in doors(search):
            page(path, status=404, client=reader)
    assert owner_columns(search.artifact) == (alice.pk, "")
    assert owner_columns(others.artifact) == (None, "there")
    download = Download.objects.get()  # the audit tells how it was
    assert (download.user, download.visitor) == (None, "here")


def test_signing_up_brings_along_what_was_asked():
    search: Search = async_to_sync(create)(VISITOR)
    new = {"username": "carol", "password1": NEW, "password2": NEW}
    assert browser("here").post("/contas/criar/", new).status_code == 302
    elsewhere = Client()
    elsewhere.login(username="carol", password=NEW)
    assert f"/buscas/{search.pk}/" in page("/buscas/", client=elsewhere)


def test_what_is_asked_after_the_login_is_the_accounts_alone(alice, monkeypatch):
    monkeypatch.setattr("searches.runner.start", lambda search: None)
    client = log_in()
    asked = {"o_que": "setor", "setor_id": "alimentos", "ufs": ["SP"]}
    assert client.post("/buscas/", asked).status_code == 303
    search = Search.objects.get()
    client.post(f"/buscas/{search.pk}/salvar/")
    assert owner_columns(search) == (alice.pk, "")
    saved = SavedSearch.objects.get()
    assert (saved.owner_user_id, saved.owner_visitor) == (alice.pk, "")


def test_the_id_that_a_visitor_made_gives_the_account_the_same_search(alice, monkeypatch):
    monkeypatch.setattr("searches.runner.start", lambda search: None)
    body = ask(search_id=str(uuid4()))

    def post(client: Client) -> Any:
        return client.post("/api/buscar", body, content_type="application/json")

    for arrive in (lambda: browser("here"), log_in):
        answer = post(arrive())
        assert (answer.status_code, answer.json()["search_id"]) == (202, body["search_id"])
    assert post(browser("here")).status_code == 409
    assert Search.objects.count() == 1


def test_a_file_written_during_the_login_is_the_accounts(alice):
    search: Search = async_to_sync(create)(VISITOR)
    services.claim(search.pk, worker="test")
    log_in()
    artifact = Artifact.objects.create(  # by who had read the owner before
        owner_visitor="here", filename="x.xlsx", storage=DATABASE, name="x", size_bytes=1, rows=1,
        expires_at=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    told = Told(Stage.COMPLETE, status=Status.COMPLETE)
    services.finish(search.pk, Status.COMPLETE, told, attempt=1, artifact=artifact)
    assert owner_columns(search) == owner_columns(artifact) == (alice.pk, "")


def test_a_daily_run_that_meets_a_login_is_the_accounts(alice, monkeypatch):
    for sector in ("alimentos", "vestuario"):
        search: Search = async_to_sync(create)(VISITOR, setor_id=sector)
        saved_services.save(search, owner=VISITOR, name=sector)
    Search.objects.update(status=Status.ERROR, finished_at=timezone.now())
    SavedSearch.objects.update(next_run_at=timezone.now())

    def made(*args: Any, **options: Any) -> Any:
        """Somebody logs in as soon as the first of the two runs is there."""
        new = services.create_search(*args, **options)
        monkeypatch.undo()
        arriving.bring_along(Owner(user_id=alice.pk, visitor="here"))
        return new

    monkeypatch.setattr(saved_services, "create_search", made)
    assert len(saved_services.run_due()) == 2
    assert set(Search.objects.values_list("owner_user", "owner_visitor")) == {(alice.pk, "")}


def test_an_account_that_goes_takes_the_key_of_every_browser_along(alice):
    with_file(VISITOR)
    log_in()
    login(alice).post("/contas/excluir/", {"password": "alice"})  # in another browser
    download = Download.objects.get()
    assert (download.user, download.visitor) == (None, "")

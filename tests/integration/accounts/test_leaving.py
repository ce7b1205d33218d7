"""Leaving: an account is deleted by whoever knows its password, and the audit keeps its rows."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from exports.models import DATABASE, Artifact, Download
from searches.models import AddressRequest, ApiToken, LoginAttempt, SavedSearch, Search
from searches.owners import Owner
from searches.services import logins
from searches.services import saved as saved_services
from searches.tokens import create_token, user_of_token
from tests.integration.accounts.conftest import error_at, login
from tests.integration.conftest import create
from tests.integration.pages_support import browser, page, words

pytestmark = pytest.mark.django_db(transaction=True)

DOOR = "/contas/excluir/"


def with_file(owner: Owner) -> Search:
    """Store a search of an owner with a file that it has downloaded."""
    search: Search = async_to_sync(create)(owner)
    search.artifact = Artifact.objects.create(
        **owner.columns,
        filename="licitacoes.xlsx",
        storage=DATABASE,
        name=str(search.pk),
        size_bytes=1,
        rows=1,
        expires_at=timezone.now() + timedelta(days=1),
    )
    search.save(update_fields=["artifact"])
    Download.objects.create(
        artifact=search.artifact, user_id=owner.user_id, visitor=owner.visitor, source=DATABASE
    )
    return search


def here(user: User) -> Client:
    """Return the browser of a visitor, in which a user has logged in."""
    client = browser("here")
    client.force_login(user)
    return client


def test_the_account_says_what_goes_and_what_stays(reader):
    client = login(reader)
    assert f'href="{DOOR}"' in page("/contas/", client=client)
    said = words(page(DOOR, client=client))
    assert "alice@empresa.example" in said
    assert "30 dias" in said
    assert User.objects.filter(pk=reader.pk).exists()  # looked at only


def test_an_account_goes_with_what_it_kept_and_leaves_the_audit_without_an_owner(reader, bob):
    elsewhere = Owner(user_id=reader.pk, visitor="elsewhere")
    before, others = Owner(visitor="here"), Owner(user_id=bob.pk, visitor="bobs")
    searches = [with_file(owner) for owner in (elsewhere, before)]
    bobs = with_file(others)
    for search, owner in ((searches[0], elsewhere), (bobs, others)):
        saved_services.save(search, owner=owner, name="Merenda")
    token = create_token(reader)
    AddressRequest.objects.create(user=reader, address_digest="x")
    client = here(reader)
    answer = client.post(DOOR, {"password": "alice"})
    assert (answer.status_code, answer["Location"]) == (302, "/contas/excluida/")
    html = page("/contas/excluida/", client=client)
    assert "A conta foi excluída" in html
    assert ">Entrar</a>" in html  # logged out
    assert list(User.objects.all()) == [bob]
    assert user_of_token(token) is None
    assert not ApiToken.objects.exists()
    assert not AddressRequest.objects.exists()
    assert [saved.owner_user for saved in SavedSearch.objects.all()] == [bob]

    def owners(model: Any, user: str, visitor: str) -> set[Any]:
        return set(model.objects.values_list(user, visitor))

    nobodys, bobs_own = (None, ""), (bob.pk, "")
    assert owners(Search, "owner_user", "owner_visitor") == {nobodys, bobs_own}
    assert owners(Artifact, "owner_user", "owner_visitor") == {nobodys, bobs_own}
    assert owners(Download, "user", "visitor") == {nobodys, (bob.pk, "bobs")}
    assert Search.objects.count() == Artifact.objects.count() == Download.objects.count() == 3
    for key in ("here", "elsewhere"):
        for search in searches:
            page(f"/buscas/{search.pk}/", status=404, client=browser(key))
    page(f"/buscas/{bobs.pk}/", client=login(bob))
    statuses = dict(Search.objects.values_list("pk", "status"))
    assert {statuses[search.pk] for search in searches} == {"cancelled"}
    assert statuses[bobs.pk] == "queued"


def test_another_browser_of_the_account_is_logged_out(alice):
    elsewhere = here(alice)
    login(alice).post(DOOR, {"password": "alice"})
    assert elsewhere.get("/contas/").status_code == 302
    assert elsewhere.get("/buscas/").status_code == 200


def test_a_browser_without_a_visitors_key_takes_nothing_along(alice, bob):
    kept = with_file(Owner(user_id=bob.pk))
    saved_services.save(kept, owner=Owner(user_id=bob.pk), name="Merenda")
    login(alice).post(DOOR, {"password": "alice"})
    assert not User.objects.filter(pk=alice.pk).exists()
    assert Search.objects.get().owner_user == bob
    assert Download.objects.get().user == bob
    assert SavedSearch.objects.get().owner_user == bob


def test_only_who_knows_the_password_deletes_the_account(alice):
    client = login(alice)
    for password, said in (("wrong", "Esta não é a senha da conta."), ("", "obrigatório")):
        answer = client.post(DOOR, {"password": password})
        assert answer.status_code == 422
        assert said in error_at(answer.content.decode(), "password")
    assert User.objects.filter(pk=alice.pk).exists()
    anonymous = Client().post(DOOR, {"password": "alice"})
    assert anonymous["Location"] == f"/contas/entrar/?next={DOOR}"


def test_a_password_is_not_guessed_here_either(alice):
    client = login(alice)
    for _ in range(logins.MOST_ATTEMPTS):
        assert client.post(DOOR, {"password": "wrong"}).status_code == 422
    answer = client.post(DOOR, {"password": "alice"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert "Espere 15 minutos" in error_at(answer.content.decode(), "password")
    assert User.objects.filter(pk=alice.pk).exists()
    LoginAttempt.objects.update(at=timezone.now() - logins.PERIOD)
    assert client.post(DOOR, {"password": "alice"}).status_code == 302


def test_who_looks_after_the_site_is_not_deleted_here(alice):
    """Its lines in the admin's log would go with it."""
    User.objects.update(is_staff=True)
    client = login(alice)
    assert "<form" not in page(DOOR, client=client)
    assert client.post(DOOR, {"password": "alice"}).status_code == 200
    assert User.objects.filter(pk=alice.pk).exists()

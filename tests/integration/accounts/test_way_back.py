"""A session that was lost: logging in leads back, and what was asked is still there."""

import re
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from searches import access
from searches.owners import Owner
from searches.services import saved as saved_services
from tests.integration.accounts.conftest import NEW, login
from tests.integration.conftest import create
from tests.integration.pages_support import browser, outdate, page, words

pytestmark = pytest.mark.django_db(transaction=True)

ALICE = {"username": "alice", "password": "alice"}


def enter(client, answer):
    """Log in where an answer leads, and return the page that this ends on."""
    assert answer.status_code == 302
    door = answer["Location"]
    assert door.startswith("/contas/entrar/?next=/")
    next_page = parse_qs(urlsplit(door).query)["next"][0]
    return client.post(door, {**ALICE, "next": next_page}, follow=True)


@pytest.mark.parametrize("path", ["email/", "tokens/criar/", "tokens/1/apagar/"])
def test_a_form_of_the_account_sent_after_logging_out_elsewhere_leads_back_to_it(alice, path):
    client = Client()
    landed = enter(client, client.post(f"/contas/{path}", {"nome": "planilha"}))
    assert (landed.status_code, landed.request["PATH_INFO"]) == (200, "/contas/")


def test_a_button_of_a_search_leads_back_to_its_page(alice, settings):
    settings.BIDIQ_LOGIN_REQUIRED = True
    search = async_to_sync(create)(Owner(user_id=alice.pk))
    for action in ("repetir", "cancelar", "salvar"):
        client = Client()
        landed = enter(client, client.post(f"/buscas/{search.pk}/{action}/"))
        assert (landed.status_code, landed.request["PATH_INFO"]) == (200, f"/buscas/{search.pk}/")


def test_a_button_of_a_saved_search_leads_back_to_their_page(alice, settings):
    settings.BIDIQ_LOGIN_REQUIRED = True
    owner = Owner(user_id=alice.pk)
    saved = saved_services.save(async_to_sync(create)(owner), owner=owner, name="Merenda")
    for action in ("", "buscar/", "apagar/"):
        client = Client()
        landed = enter(client, client.post(f"/salvas/{saved.pk}/{action}"))
        assert (landed.status_code, landed.request["PATH_INFO"]) == (200, "/salvas/")
        assert "Merenda" in landed.content.decode()


def test_every_address_that_takes_only_a_post_knows_its_page():
    """Each of ours: without its page a login, and the page of a refused GET, would lead nowhere."""

    def ours(patterns, namespace=""):
        for each in patterns:
            if isinstance(each, URLResolver) and each.namespace in (None, "searches", "accounts"):
                yield from ours(each.url_patterns, each.namespace or "")
            elif isinstance(each, URLPattern) and namespace:
                yield f"{namespace}:{each.name}", each.pattern.converters

    made = {"search_id": uuid4(), "saved_id": uuid4(), "token_id": 1}
    refusing = set()
    for name, converters in ours(get_resolver().url_patterns):
        kwargs = {key: made.get(key, "x") for key in converters}
        if Client().get(reverse(name, kwargs=kwargs)).status_code == 405:
            refusing.add(name)
    assert refusing == set(access.FORM_PAGES)


def test_a_question_sent_after_the_session_was_lost_is_there_after_the_login(alice, settings):
    settings.BIDIQ_LOGIN_REQUIRED = True
    client = Client()
    question = {"ufs": ["AC", "MG"], "o_que": "termos", "termos_busca": "jaleco, touca"}
    answer = client.post("/buscas/", question)
    login = page(answer["Location"], client=client)
    assert "A sua pergunta está guardada" in login
    assert "O que você buscou neste navegador" not in login  # nothing can have been searched
    landed = enter(client, answer)
    html = landed.content.decode()
    assert landed.request["PATH_INFO"] == "/"
    assert 'value="jaleco, touca"' in html
    assert re.findall(r'name="ufs" value="(\w\w)"[^>]* checked', html) == ["AC", "MG"]


def test_a_question_with_a_fault_asks_for_a_login_like_any_other(alice, settings):
    settings.BIDIQ_LOGIN_REQUIRED = True
    client = Client()
    answer = client.post("/buscas/", {"o_que": "setor"})
    assert "guardada" not in page(answer["Location"], client=client)
    assert enter(client, answer).request["PATH_INFO"] == "/"


def test_signing_up_on_the_way_leads_on(settings):
    settings.BIDIQ_LOGIN_REQUIRED = True
    client = Client()
    html = page("/contas/entrar/?next=/salvas/%3Fa%3D1%26b%3D2", client=client)
    (door,) = re.findall(r'href="(/contas/criar/[^"]*)"', html)
    html = page(door, client=client)
    assert 'href="/contas/entrar/?next=/salvas/%3Fa%3D1%26b%3D2"' in html  # and back
    form = {"username": "carol", "password1": NEW, "password2": NEW}
    (hidden,) = re.findall(r'name="next" value="([^"]*)"', html)
    wrong = client.post("/contas/criar/", {**form, "password2": "", "next": "/salvas/?a=1"})
    assert 'name="next" value="/salvas/?a=1"' in wrong.content.decode()
    landed = client.post("/contas/criar/", {**form, "next": hidden.replace("&amp;", "&")})
    assert landed["Location"] == "/salvas/?a=1&b=2"


@pytest.mark.parametrize("foreign", ["https://evil.example/", "//evil.example", "javascript:x", ""])
def test_signing_up_leads_to_no_foreign_page(foreign):
    client = Client()
    assert "evil" not in words(page(f"/contas/criar/?next={foreign}", client=client))
    form = {"username": "carol", "password1": NEW, "password2": NEW, "next": foreign}
    assert client.post("/contas/criar/", form)["Location"] == "/"


# --- refused methods -----------------------------------------------------------------------------


def test_a_page_that_takes_only_a_form_says_so_and_leads_to_the_form(alice):
    search_id = uuid4()
    for client in (Client(), login(alice)):
        for path, way_on in (
            (f"/buscas/{search_id}/repetir/", f"/buscas/{search_id}/"),
            ("/contas/tokens/criar/", "/contas/"),
        ):
            answer = client.get(path)
            html = answer.content.decode()
            assert (answer.status_code, answer["Allow"]) == (405, "POST")
            assert "no-store" in answer["Cache-Control"]
            assert "<h1>Este endereço só recebe formulários</h1>" in html
            assert f'class="button primary" href="{way_on}"' in html


async def test_a_refused_method_is_said_on_the_servers_own_loop(async_client):
    answer = await async_client.get(f"/buscas/{uuid4()}/cancelar/")
    assert answer.status_code == 405
    assert "só recebe formulários" in answer.content.decode()


def test_a_page_that_is_only_looked_at_says_so():
    html = words(Client().post("/").content.decode())
    assert "Este endereço não recebe formulários" in html
    assert "Fazer uma busca" in html


# --- pages that are somebody's -------------------------------------------------------------------


def test_whoever_reads_its_mail_elsewhere_gets_from_a_404_to_its_page(alice):
    search = async_to_sync(create)(Owner(user_id=alice.pk))
    strangers = [f"/buscas/{uuid4()}/?novas=1", "/nada/?novas=1"]
    said = set()
    for path in (f"/buscas/{search.pk}/?novas=1", *strangers):
        client = Client()
        html = page(path, status=404, client=client)
        said.add(words(html))
        (door,) = re.findall(r'href="(/contas/entrar/\?[^"]+)"', html)
        landed = client.post(door, ALICE)
        assert landed["Location"] == path
    assert len(said) == 1  # the same to everybody: nobody learns what is there
    assert "Se é da sua conta, entre" in said.pop()
    assert "da sua conta" not in words(page(strangers[0], status=404, client=login(alice)))


@pytest.mark.parametrize("path", ["/salvas/", "/buscas/"])
def test_an_empty_list_leads_to_the_account_that_may_have_one(alice, path):
    for client in (Client(), browser("alice")):
        html = page(path, client=client)
        assert f'href="/contas/entrar/?next={path}"' in html
        assert "neste navegador" in words(html)
        assert "ainda" not in words(html)
        # The page was seen without a login: what it gives is said, not that it is needed.
        door = words(page(f"/contas/entrar/?next={path}", client=client))
        assert "Entre para ver as buscas da sua conta, também as feitas em outros" in door
        assert "é preciso entrar" not in door
    html = page(path, client=login(alice))
    assert "/contas/entrar/" not in html
    assert "ainda" in words(html)
    async_to_sync(create)(Owner(visitor="alice"))
    if path == "/buscas/":
        assert f"?next={path}" not in page(path, client=browser("alice"))


@pytest.mark.parametrize("path", ["/salvas/", "/buscas/"])
def test_a_page_that_needs_a_login_says_so(settings, path):
    settings.BIDIQ_LOGIN_REQUIRED = True
    html = page(f"/contas/entrar/?next={path}", client=Client())
    assert "Para ver esta página é preciso entrar." in words(html)


def test_what_cannot_be_saved_leads_to_the_saved_ones_of_an_account():
    search = async_to_sync(create)(Owner(visitor="alice"))
    async_to_sync(outdate)(search)
    answer = browser("alice").post(f"/buscas/{search.pk}/salvar/")
    assert answer.status_code == 422
    assert 'href="/contas/entrar/?next=/salvas/"' in answer.content.decode()

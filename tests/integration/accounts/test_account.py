"""The account page: an address that waits, tokens."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.test import Client
from django.utils import timezone

from searches import accounts, addresses
from searches.domain.text import one_line
from searches.models import AddressRequest, ApiToken
from searches.tokens import create_token, user_of_token
from tests.integration.accounts.conftest import login, path_in_mail
from tests.integration.pages_support import page, words

pytestmark = pytest.mark.django_db(transaction=True)  # mails are sent on other threads


def test_an_address_waits_on_the_page_until_it_is_confirmed(alice):
    client = login(alice)
    client.post("/contas/email/", {"email": "alice@empresa.example"})
    sent = "Enviamos um link para alice@empresa.example"
    for _ in range(2):
        assert sent in page("/contas/", client=client)
    login(alice).post(path_in_mail())  # in another browser
    html = page("/contas/", client=client)
    assert sent not in html
    assert "Confirmado: alice@empresa.example" in html
    client.post("/contas/email/", {"email": ""})
    assert sent not in page("/contas/", client=client)


def test_an_empty_address_does_not_end_the_waiting_of_another(alice):
    client = login(alice)
    client.post("/contas/email/", {"email": "alice@empresa.example"})
    assert 'name="email" value="alice@empresa.example"' in page("/contas/", client=client)
    answer = client.post("/contas/email/", {"email": " "})
    assert answer.status_code == 422
    assert "Escreva um endereço de e-mail válido." in answer.content.decode()
    assert "Enviamos um link para alice@" in page("/contas/", client=client)
    assert client.post(path_in_mail()).status_code == 200


def test_an_address_waits_as_long_as_its_link_is_good(alice, monkeypatch):
    client = login(alice)
    client.post("/contas/email/", {"email": "alice@empresa.example"})
    assert "nos próximos 3 dias" in mail.outbox[-1].body
    for seconds, waits in ((-60, True), (60, False)):
        moment = timezone.now() + timedelta(days=3, seconds=seconds)
        with monkeypatch.context() as patch:
            patch.setattr(accounts.timezone, "now", lambda moment=moment: moment)
            assert ("ele vale por 3 dias" in page("/contas/", client=client)) is waits


def test_an_address_that_the_account_cannot_keep_is_refused(alice):
    client = login(alice)
    longest = f"{'a' * 64}@{'b' * 63}.{'b' * 63}.{'b' * 53}.example"
    assert len(longest) == 254
    answer = client.post("/contas/email/", {"email": f"a{longest}"})
    assert answer.status_code == 422
    assert "Escreva um endereço de e-mail válido." in answer.content.decode()
    assert mail.outbox == []
    client.post("/contas/email/", {"email": longest})
    client.post(path_in_mail())
    assert f"Confirmado: {longest}" in page("/contas/", client=client)


def test_a_link_confirms_for_the_user_alone_who_asked_for_it(alice, bob):
    """Whoever reads a mistyped address would else be sent links to alice's new password."""
    login(alice).post("/contas/email/", {"email": "alise@empresa.example"})
    path = path_in_mail()
    anonymous = Client()
    for ask in (anonymous.get, anonymous.post):
        assert ask(path)["location"].startswith("/contas/entrar/?next=/contas/email/")
    stranger = login(bob)
    for ask in (stranger.get, stranger.post):
        answer = ask(path)
        assert answer.status_code == 410
        assert "não vale mais" in answer.content.decode()
        assert "alise@" not in answer.content.decode()
    assert not User.objects.exclude(email="").exists()
    assert "link para criar outra" in mail.outbox[0].body
    assert "link para criar outra" in words(page(path, client=login(alice)))


def test_a_link_is_void_once_the_address_has_changed(alice):
    client = login(alice)
    client.post("/contas/email/", {"email": "alise@empresa.example"})
    mistyped = path_in_mail()
    client.post("/contas/email/", {"email": "alice@empresa.example"})
    assert client.get(mistyped).status_code == 200
    for _ in range(2):  # twice is no fault
        assert "E-mail confirmado" in client.post(path_in_mail()).content.decode()
    for ask in (client.get, client.post):
        assert ask(mistyped).status_code == 410
    alice.refresh_from_db()
    assert alice.email == "alice@empresa.example"


def test_a_link_to_replace_an_address_is_void_once_that_is_removed(reader):
    client = login(reader)
    client.post("/contas/email/", {"email": "alise@empresa.example"})
    client.post("/contas/email/", {"email": ""})
    assert client.post(path_in_mail()).status_code == 410
    assert not User.objects.exclude(email="").exists()


def test_an_address_that_changed_at_this_moment_is_not_overwritten(reader):
    login(reader).post("/contas/email/", {"email": "alise@empresa.example"})
    token = path_in_mail().split("/")[-2]
    User.objects.update(email="other@empresa.example")
    assert not addresses.confirm(token, reader)  # the reader as the request had read it
    assert User.objects.get().email == "other@empresa.example"


def test_a_link_that_is_void_waits_no_more(alice):
    client = login(alice)
    client.post("/contas/email/", {"email": "a@empresa.example"})
    path = path_in_mail()
    client.post("/contas/email/", {"email": "b@empresa.example"})
    assert "Enviamos um link para b@" in page("/contas/", client=client)
    client.post(path)
    assert "Enviamos um link" not in page("/contas/", client=client)


def test_mails_that_could_not_be_sent_do_not_count(alice, refusing, settings):
    client = login(alice)
    for _ in range(addresses.MOST_OF_A_USER + 1):
        answer = client.post("/contas/email/", {"email": "alice@empresa.example"})
        assert answer.status_code == 503
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    answer = client.post("/contas/email/", {"email": "alice@empresa.example"})
    assert answer.status_code == 302
    assert AddressRequest.objects.count() == 1


def test_who_wants_too_many_mails_is_told_when_to_ask_again(alice):
    client = login(alice)
    for _ in range(addresses.MOST_OF_AN_ADDRESS):
        answer = client.post("/contas/email/", {"email": "alice@empresa.example"})
        assert answer.status_code == 302
    answer = client.post("/contas/email/", {"email": "alice@empresa.example"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "86400")


def test_many_mails_at_once_are_no_more_than_one_after_another(alice, monkeypatch):
    class Slow(EmailBackend):
        def send_messages(self, messages: Any) -> int:
            time.sleep(0.2)
            return super().send_messages(messages)

    monkeypatch.setattr("django.core.mail.get_connection", Slow)
    together = threading.Barrier(8)

    def ask_once(_: int) -> bool:
        together.wait()
        try:
            addresses.ask(alice, "alice@empresa.example")
        except addresses.TooManyRequests:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask_once, range(8))) == addresses.MOST_OF_AN_ADDRESS


def test_a_new_token_is_shown_once_and_kept_nowhere(alice):
    client = login(alice)
    answer = client.post("/contas/tokens/criar/", {"nome": "minha\r\n\x00 planilha "})
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    found = re.search(r"<code>(bidiq_\S+)</code>", answer.content.decode())
    assert found is not None
    assert user_of_token(found[1]) == alice
    assert found[1] not in str(dict(client.session))
    assert found[1] not in page("/contas/", client=client)
    assert ApiToken.objects.get().name == "minha planilha"


def test_a_form_that_is_posted_again_makes_no_other_token(alice):
    """As a browser does that shows the page with the token anew."""
    client = login(alice)

    def form() -> dict[str, str]:
        found = re.search(r'name="formulario" value="([^"]+)"', page("/contas/", client=client))
        assert found is not None
        return {"nome": "planilha", "formulario": found[1]}

    def post(fields: dict[str, str]) -> str:
        answer = client.post("/contas/tokens/criar/", fields)
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        return str(answer.content.decode())

    first, second = form(), form()  # in two tabs
    said = "já foi criado e só é mostrado uma vez"
    html = post(first)
    assert "<code>bidiq_" in html
    assert said not in html
    for _ in range(2):
        html = post(first)
        assert "<code>" not in html
        assert said in html
    assert ApiToken.objects.count() == 1
    assert "<code>bidiq_" in post(second)
    ApiToken.objects.all().delete()
    post(first)
    assert not ApiToken.objects.exists()


def test_a_form_that_is_posted_twice_at_once_makes_one_token(alice, monkeypatch):
    client = login(alice)
    together = threading.Barrier(2)

    def wait_for_the_other(text: str) -> str:
        together.wait(30)  # each has read its session by now
        return one_line(text)

    monkeypatch.setattr(accounts, "one_line", wait_for_the_other)

    def post_once(_: int) -> str:
        twin = Client()
        twin.cookies = client.cookies
        try:
            fields = {"nome": "planilha", "formulario": "the-same"}
            return str(twin.post("/contas/tokens/criar/", fields).content.decode())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(post_once, range(2)))
    assert sorted("<code>bidiq_" in answer for answer in answers) == [False, True]
    assert ApiToken.objects.count() == 1


def test_taking_a_token_back_asks_first(alice):
    create_token(alice, name="planilha")
    client = login(alice)
    html = page("/contas/", client=client)
    details = re.search(r"<details><summary>Apagar.*?</details>", html, re.DOTALL)
    assert details is not None
    action = re.search(r'action="(/contas/tokens/\d+/apagar/)"', details[0])
    assert action is not None
    assert "Apagar mesmo planilha" in words(details[0])
    assert client.post(action[1]).status_code == 302
    assert not ApiToken.objects.exists()


def test_a_strangers_token_is_not_shown_and_cannot_be_taken_back(alice, bob):
    token = create_token(alice, name="planilha")
    stranger = login(bob)
    assert "planilha" not in page("/contas/", client=stranger)
    number = ApiToken.objects.get().pk
    assert stranger.post(f"/contas/tokens/{number}/apagar/").status_code == 404
    assert user_of_token(token) == alice

"""Passwords: chosen, changed, made anew by mail; who guesses them is in test_guessing."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.test import Client
from django.utils import timezone

from searches import addresses, passwords
from searches.models import AddressRequest
from searches.passwords import SignUpForm
from searches.services import logins
from searches.tokens import create_token, user_of_token
from tests.integration.accounts.conftest import (
    NEW,
    error_at,
    forget,
    link_in_mail,
    login,
    wait_for_mail,
)
from tests.integration.pages_support import page, words

pytestmark = pytest.mark.django_db(transaction=True)  # mails are sent on other threads


# --- the password itself -------------------------------------------------------------------------


def test_a_weak_password_is_said_at_the_password_when_signing_up(client):
    answer = client.post("/contas/criar/", {"username": "x", "password1": "1", "password2": "1"})
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "curta" in error_at(html, "password1")
    assert error_at(html, "password2") == ""
    other = {"username": "x", "password1": NEW, "password2": "outra"}
    html = client.post("/contas/criar/", other).content.decode()
    assert error_at(html, "password1") == ""
    assert "não correspondem" in error_at(html, "password2")


def test_a_name_taken_at_this_very_moment_is_said_at_the_name(monkeypatch):
    """As by a form that is sent twice: both have seen that nobody has the name."""
    together = threading.Barrier(2)

    class Form(SignUpForm):
        def is_valid(self) -> bool:
            is_good = super().is_valid()
            together.wait(30)
            return is_good

    monkeypatch.setattr(passwords, "SignUpForm", Form)

    def sign_up(_: int) -> Any:
        try:
            new = {"username": "carol", "password1": NEW, "password2": NEW}
            return Client().post("/contas/criar/", new)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        answers = sorted(pool.map(sign_up, range(2)), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [302, 422]
    assert "já existe" in error_at(answers[1].content.decode(), "username")
    assert User.objects.count() == 1


def test_a_weak_password_is_said_at_the_password_when_changing_it(alice):
    new = {"old_password": "alice", "new_password1": "12", "new_password2": "12"}
    answer = login(alice).post("/contas/senha/", new)
    assert answer.status_code == 422
    assert "curta" in error_at(answer.content.decode(), "new_password1")
    assert error_at(answer.content.decode(), "new_password2") == ""


# --- changing it ---------------------------------------------------------------------------------


def test_a_changed_password_ends_the_other_sessions_but_no_token(alice):
    here, elsewhere, token = login(alice), login(alice), create_token(alice)
    new = {"old_password": "alice", "new_password1": NEW, "new_password2": NEW}
    assert here.post("/contas/senha/", {**new, "old_password": "x"}).status_code == 422
    assert elsewhere.get("/contas/").status_code == 200
    answer = here.post("/contas/senha/", new)
    assert (answer.status_code, answer["location"]) == (302, "/contas/")
    assert "A senha foi mudada" in page("/contas/", client=here)
    assert "A senha foi mudada" not in page("/contas/", client=here)  # once
    assert elsewhere.get("/contas/").status_code == 302
    assert user_of_token(token) == alice
    assert Client().login(username="alice", password=NEW)


def test_only_who_is_logged_in_changes_a_password(client):
    assert client.get("/contas/senha/")["location"].startswith("/contas/entrar/")
    assert "Esqueci a senha" in page("/contas/entrar/", client=client)


# --- forgotten -----------------------------------------------------------------------------------


def test_a_forgotten_password_is_made_anew_by_a_link_that_works_once(reader, settings):
    settings.BIDIQ_PUBLIC_URL = "https://bidiq.example"
    session, token = login(reader), create_token(reader)
    answer = forget(Client(), "Alice@Empresa.example", host="localhost")
    assert (answer.status_code, answer["location"]) == (302, "/contas/senha/esquecida/enviada/")
    (message,) = mail.outbox
    assert message.to == ["alice@empresa.example"]
    assert '"alice"' in message.body
    link = link_in_mail()
    assert link.startswith("https://bidiq.example/contas/senha/nova/")
    path = link.removeprefix("https://bidiq.example")
    browse = Client()
    answer = browse.get(path, follow=True)
    assert "Nova senha de alice" in answer.content.decode()
    form = answer.redirect_chain[-1][0]
    weak = browse.post(form, {"new_password1": "alice", "new_password2": "alice"})
    assert weak.status_code == 422
    assert error_at(weak.content.decode(), "new_password1")
    done = browse.post(form, {"new_password1": NEW, "new_password2": NEW}, follow=True)
    assert "A senha foi mudada" in done.content.decode()
    assert Client().login(username="alice", password=NEW)
    assert session.get("/contas/").status_code == 302
    assert user_of_token(token) == reader
    again = Client().get(path)
    assert again.status_code == 410
    assert "Este link não vale mais" in again.content.decode()


@pytest.mark.parametrize("path", ["nonsense/x", "MQ/x", "OTk5/set-password"])
def test_a_link_that_is_not_ours_leads_nowhere(alice, path):
    assert Client().get(f"/contas/senha/nova/{path}/").status_code == 410


@pytest.mark.parametrize("days", [3, 5])
def test_a_link_is_good_as_long_as_its_mail_says(reader, settings, monkeypatch, days):
    if days != 3:  # the usual
        settings.PASSWORD_RESET_TIMEOUT = days * 86400
    forget(Client())
    assert f"nos próximos {days} dias" in mail.outbox[-1].body
    path = link_in_mail().removeprefix("http://127.0.0.1:8000")
    for seconds, status in ((-60, 302), (60, 410)):
        moment = datetime.now() + timedelta(days=days, seconds=seconds)
        monkeypatch.setattr(default_token_generator, "_now", lambda moment=moment: moment)
        assert Client().get(path).status_code == status
    assert f"vale por {days} dias" in words(Client().get(path).content.decode())


def test_nobody_learns_whether_there_is_such_an_account(reader, bob):
    """bob has confirmed no address; carol has no account."""
    answers = [forget(Client(), f"{name}@empresa.example") for name in ("alice", "bob", "carol")]
    assert {(a.status_code, a["location"], a.content) for a in answers} == {
        (302, "/contas/senha/esquecida/enviada/", b"")
    }
    assert [message.to for message in mail.outbox] == [["alice@empresa.example"]]
    assert "Se há uma conta" in page("/contas/senha/esquecida/enviada/", client=Client())
    assert forget(Client(), "nonsense").status_code == 422


def test_nobody_is_pestered_with_links(reader):
    assert {forget(Client()).status_code for _ in range(5)} == {302}
    assert len(mail.outbox) == addresses.MOST_OF_AN_ADDRESS


def test_a_stranger_cannot_use_up_the_links_of_an_address(reader, bob):
    stranger = login(bob)
    for _ in range(addresses.MOST_OF_AN_ADDRESS):
        stranger.post("/contas/email/", {"email": reader.email})
    mail.outbox.clear()
    forget(Client())
    assert len(mail.outbox) == 1


def test_a_mail_server_that_is_down_is_said_to_everybody_alike(reader, settings, caplog):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nothing listens there
    for name in ("alice", "carol"):
        answer = forget(Client(), f"{name}@empresa.example")
        assert answer.status_code == 503
        assert "não pôde ser enviado agora" in answer.content.decode()
    assert "alice@" not in caplog.text


def test_a_mail_that_is_refused_tells_nothing_and_does_not_count(reader, refusing, caplog):
    with caplog.at_level(logging.WARNING):
        answers = [forget(Client(), f"{name}@empresa.example") for name in ("alice", "carol")]
    assert [answer.status_code for answer in answers] == [302, 302]
    assert "could not be sent: OSError" in caplog.text
    assert "alice@" not in caplog.text
    assert refusing.closed == 2
    assert not AddressRequest.objects.exists()


def test_the_answer_does_not_wait_for_a_link_to_be_sent(reader, monkeypatch):
    """Or its time would tell whether there is such an account."""
    may_send = threading.Event()

    class Slow(EmailBackend):
        def send_messages(self, messages: Any) -> int:
            assert may_send.wait(10)
            return super().send_messages(messages)

    monkeypatch.setattr(addresses, "get_connection", Slow)
    answer = Client().post("/contas/senha/esquecida/", {"email": reader.email})
    assert answer.status_code == 302
    assert mail.outbox == []
    may_send.set()
    wait_for_mail()
    assert len(mail.outbox) == 1


def test_who_asks_for_links_again_and_again_has_to_wait(monkeypatch):
    """Whomever they name, one place is counted as one; others are kept waiting by nobody."""
    monkeypatch.setattr(logins, "MOST_ATTEMPTS", 3)
    names = [f"x{number}@empresa.example" for number in range(5)]
    answers = [forget(Client(), name) for name in names]
    assert [answer.status_code for answer in answers] == [302, 302, 302, 429, 429]
    assert answers[-1]["Retry-After"] == "900"
    assert "Muitas tentativas seguidas" in answers[-1].content.decode()
    body = {"email": names[0]}
    elsewhere = Client().post("/contas/senha/esquecida/", body, REMOTE_ADDR="203.0.113.7")
    assert elsewhere.status_code == 302
    wait_for_mail()
    later = timezone.now() + logins.PERIOD
    monkeypatch.setattr(logins.timezone, "now", lambda: later)
    assert forget(Client()).status_code == 302


def test_the_mail_server_is_called_only_so_often_at_once(reader, monkeypatch):
    may_close = threading.Event()
    called = set()

    class Slow(EmailBackend):
        def open(self) -> bool:
            called.add(self)
            return True

        def close(self) -> None:
            assert may_close.wait(10)

    monkeypatch.setattr(addresses, "MOST_CALLS_AT_ONCE", 2)
    monkeypatch.setattr(addresses, "_calls", threading.BoundedSemaphore(2))
    monkeypatch.setattr(addresses, "get_connection", Slow)
    post = {"email": "carol@empresa.example"}
    answers = [Client().post("/contas/senha/esquecida/", post) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [302, 302, 503, 503]
    assert "não pôde ser enviado agora" in answers[-1].content.decode()
    assert len(called) == 2
    may_close.set()
    wait_for_mail()
    assert forget(Client(), reader.email).status_code == 302
    assert len(mail.outbox) == 1


def test_who_asks_for_confirmations_is_one_of_those_who_call(reader, monkeypatch):
    monkeypatch.setattr(addresses, "_calls", threading.BoundedSemaphore(1))
    for _ in range(2):  # a call that is over is given back
        answer = login(reader).post("/contas/email/", {"email": "nova@empresa.example"})
        assert answer.status_code == 302
    addresses._calls.acquire()
    answer = login(reader).post("/contas/email/", {"email": "nova@empresa.example"})
    assert answer.status_code == 503
    assert "não pôde ser enviado" in answer.content.decode()
    assert AddressRequest.objects.count() == len(mail.outbox) == 2


class Waiting(EmailBackend):
    """A mail server; who waits for it has so many connections to the database."""

    kept: ClassVar[list[int]] = []

    def _wait(self) -> None:
        has = [one.connection is not None for one in connections.all(initialized_only=True)]
        self.kept.append(sum(has))

    def open(self) -> bool | None:
        self._wait()
        return super().open()

    def send_messages(self, messages: Any) -> int:
        self._wait()
        return super().send_messages(messages)


def test_no_connection_to_the_database_is_kept_while_a_mail_server_is_waited_for(reader, settings):
    settings.EMAIL_BACKEND = f"{__name__}.Waiting"
    Waiting.kept.clear()
    assert forget(Client()).status_code == 302
    post = {"email": "nova@empresa.example"}
    assert login(reader).post("/contas/email/", post).status_code == 302
    assert len(mail.outbox) == 2
    assert set(Waiting.kept) == {0}

"""Accounts: signing up, passwords changed and made anew by mail, an address that waits."""

import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.test import Client
from django.utils import timezone

from searches import accounts, addresses
from searches.models import AddressRequest, ApiToken, LoginAttempt
from searches.services import logins
from searches.tokens import create_token, user_of_token
from tests.integration.test_pages import page, words

pytestmark = pytest.mark.django_db(transaction=True)  # mails are sent on other threads
NEW = "licitação-2026"


@pytest.fixture
def reader(alice: User) -> User:
    """Alice, who has confirmed her address."""
    alice.email = "alice@empresa.example"
    alice.save()
    return alice


def login(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def error_at(html: str, name: str) -> str:
    found = re.search(rf'<p class="field-error" id="id_{name}_error">(.*?)</p>', html)
    return words(found[1]) if found else ""


def forget(client: Client, email: str = "alice@empresa.example", **headers: str) -> Any:
    """Ask for a link to a new password; what is sent is sent when this returns."""
    answer = client.post("/contas/senha/esquecida/", {"email": email}, headers=headers)
    wait_for_mail()
    return answer


def wait_for_mail() -> None:
    for thread in threading.enumerate():
        if thread.name == "password-links":
            thread.join(10)


def link_in_mail() -> str:
    found = re.search(r"http\S+", str(mail.outbox[-1].body))
    assert found is not None
    return found[0]


def path_in_mail() -> str:
    return link_in_mail().removeprefix("http://127.0.0.1:8000")


class Refusing(EmailBackend):
    """A mail server that can be reached and takes nothing."""

    closed = 0

    def send_messages(self, messages: Any) -> int:
        if messages:
            raise OSError("alice@empresa.example: no such mailbox")
        return 0

    def close(self) -> None:
        Refusing.closed += 1


@pytest.fixture
def refusing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Refusing, "closed", 0)
    monkeypatch.setattr(addresses, "get_connection", Refusing)
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    return Refusing


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


def test_a_link_is_too_old_after_three_days(reader, monkeypatch):
    forget(Client())
    path = link_in_mail().removeprefix("http://127.0.0.1:8000")
    late = default_token_generator._now() + timedelta(seconds=addresses.LINK_SECONDS + 60)
    monkeypatch.setattr(default_token_generator, "_now", lambda: late)
    assert Client().get(path).status_code == 410


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


# --- logging in ----------------------------------------------------------------------------------


def enter(password: str, *, name: str = "alice", door: str = "/contas/entrar/", **meta: str) -> Any:
    return Client().post(door, {"username": name, "password": password}, **meta)  # type: ignore[arg-type]


def test_who_guesses_a_password_has_to_wait(alice, monkeypatch):
    monkeypatch.setattr(logins, "MOST_ATTEMPTS", 3)
    spellings = ("alice", " alice", "ａlice")  # one user to the database
    assert [enter("x", name=name).status_code for name in spellings] == [200] * 3
    answer = enter("alice")
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert "Muitas tentativas seguidas" in answer.content.decode()
    assert enter("alice", REMOTE_ADDR="203.0.113.7").status_code == 302  # keeps nobody else out
    later = timezone.now() + logins.PERIOD
    monkeypatch.setattr(logins.timezone, "now", lambda: later)
    assert enter("alice").status_code == 302


def test_the_admins_door_has_the_same_patience(alice, monkeypatch):
    monkeypatch.setattr(logins, "MOST_ATTEMPTS", 2)
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    for _ in range(2):
        enter("x", door="/admin/login/")
    assert "Muitas tentativas" in enter("alice", door="/admin/login/").content.decode()
    assert enter("alice").status_code == 429


def test_a_login_forgets_the_failures_before_it(alice, monkeypatch):
    monkeypatch.setattr(logins, "MOST_ATTEMPTS", 2)
    for _ in range(3):
        assert enter("x").status_code == 200
        assert enter("alice").status_code == 302
    assert not LoginAttempt.objects.exists()


# --- the account page ----------------------------------------------------------------------------


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


def test_an_address_waits_as_long_as_its_link_is_good(alice, monkeypatch):
    client = login(alice)
    client.post("/contas/email/", {"email": "alice@empresa.example"})
    late = timezone.now() + timedelta(seconds=addresses.LINK_SECONDS + 1)
    monkeypatch.setattr(accounts.timezone, "now", lambda: late)
    assert "Enviamos um link" not in page("/contas/", client=client)


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

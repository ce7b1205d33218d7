"""Accounts, their mails and the links in them."""

import re
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client

from searches import addresses
from tests.integration.pages_support import words

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

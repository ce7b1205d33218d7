"""Who guesses passwords, or makes accounts without end, has to wait; others need not."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from searches.models import LoginAttempt
from searches.services import logins
from tests.integration.accounts.conftest import (
    NEW,
    error_at,
    login,
)

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_a_network_of_ipv6_is_one_place(alice, monkeypatch, settings):
    settings.BIDIQ_HTTPS = True  # the client is who the proxy says
    monkeypatch.setattr(logins, "MOST_ATTEMPTS", 3)

    def enter_from(address: str) -> int:
        return int(enter("x", HTTP_X_FORWARDED_FOR=address).status_code)

    assert [enter_from(f"2001:db8:1:1::{host:x}") for host in range(1, 5)] == [200] * 3 + [429]
    assert enter_from("2001:db8:1:1:ffff::1") == 429
    assert enter_from("2001:db8:1:2::1") == 200  # the neighbour's
    # A server that listens on both says IPv4 so: these are two places, and the first is the third.
    written = ("::ffff:192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2")
    assert [enter_from(address) for address in written] == [200, 200, 200, 429, 200]


def test_one_password_is_not_tried_on_every_name(alice, monkeypatch):
    """From one place. Where the address is everybody's nobody is locked out for it."""
    monkeypatch.setattr(logins, "MOST_OF_A_PLACE", 4)

    def spray(address: str) -> list[int]:
        names = [f"user{number}" for number in range(4)]
        return [enter("licitação", name=name, REMOTE_ADDR=address).status_code for name in names]

    there = "2a00:1450:1:2::1"
    for _ in range(5):  # who gets in is none of them
        assert enter("alice", REMOTE_ADDR=there).status_code == 302
    assert spray(there) == [200] * 4
    answer = enter("alice", REMOTE_ADDR="2a00:1450:1:2::2")  # the same network
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert enter("alice", REMOTE_ADDR="8.8.8.8").status_code == 302
    assert LoginAttempt.objects.count() == 8  # what is refused counts no more
    for address in ("127.0.0.1", "10.0.0.1", "::ffff:192.168.0.1", "fd00::1"):
        assert spray(address) == [200] * 4
        assert enter("alice", REMOTE_ADDR=address).status_code == 302
    later = timezone.now() + logins.PERIOD
    monkeypatch.setattr(logins.timezone, "now", lambda: later)
    assert enter("alice", REMOTE_ADDR=there).status_code == 302


@pytest.mark.parametrize(
    ("addresses", "most"),
    [
        (["2a00:1450:1:2::1", "2a00:1450:1:2::2"], 3),  # one network is one place
        (["8.8.8.8", "8.8.4.4"], 6),
        (["127.0.0.1"], 6),  # everybody's
    ],
)
def test_from_one_place_only_so_many_accounts_are_made(db, monkeypatch, addresses, most):
    monkeypatch.setattr(logins, "MOST_SIGN_UPS", 3)
    answers = []
    for number in range(6):
        body = {"username": f"user{number}", "password1": NEW, "password2": NEW}
        address = addresses[number % len(addresses)]
        refused = Client().post("/contas/criar/", body | {"password2": "x"}, REMOTE_ADDR=address)
        assert refused.status_code == 422  # makes no account, and does not count
        answers.append(Client().post("/contas/criar/", body, REMOTE_ADDR=address))
    assert User.objects.count() == most
    assert {answer.status_code for answer in answers[:most]} == {302}
    for answer in answers[most:]:
        assert (answer.status_code, answer["Retry-After"]) == (429, "900")
        assert "Muitas tentativas seguidas" in answer.content.decode()


def test_who_guesses_the_old_password_has_to_wait(alice, monkeypatch):
    monkeypatch.setattr(logins, "MOST_ATTEMPTS", 3)
    client, new = login(alice), {"new_password1": NEW, "new_password2": NEW}
    weak = {"old_password": "alice", "new_password1": "1", "new_password2": "1"}
    for fault in ({"old_password": "x"}, {"old_password": "x"}, weak, *[{"old_password": "x"}] * 3):
        assert client.post("/contas/senha/", {**new, **fault}).status_code == 422
    answer = client.post("/contas/senha/", {**new, "old_password": "alice"})
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert "Muitas tentativas seguidas" in error_at(answer.content.decode(), "old_password")
    assert enter("alice").status_code == 429  # it is the same password
    new |= {"old_password": "alice"}
    answer = client.post("/contas/senha/", new, REMOTE_ADDR="203.0.113.7")
    assert answer.status_code == 302
    User.objects.filter(pk=alice.pk).update(is_staff=True)  # the admin has no other door to it
    client = login(User.objects.get(pk=alice.pk))
    answer = client.post("/admin/password_change/", new)
    assert (answer.status_code, answer["location"]) == (302, "/contas/senha/")


def test_the_admins_door_has_the_same_patience(alice, monkeypatch):
    monkeypatch.setattr(logins, "MOST_ATTEMPTS", 2)
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    for _ in range(2):
        enter("x", door="/admin/login/")
    answer = enter("alice", door="/admin/login/")
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert "Muitas tentativas" in answer.content.decode()
    assert enter("alice").status_code == 429
    later = timezone.now() + logins.PERIOD
    monkeypatch.setattr(logins.timezone, "now", lambda: later)
    assert enter("x", door="/admin/login/").status_code == 200
    assert enter("alice", door="/admin/login/").status_code == 302


def test_a_login_forgets_the_failures_before_it(alice, monkeypatch):
    monkeypatch.setattr(logins, "MOST_ATTEMPTS", 2)
    for _ in range(3):
        assert enter("x").status_code == 200
        assert enter("alice").status_code == 302
    assert not LoginAttempt.objects.exists()

"""What the log says of requests: paths, but no link of a mail that a reader of it could use."""

import json
import logging

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import get_resolver, reverse

from bidiq import logs
from tests.integration.accounts.conftest import forget, login, path_in_mail

pytestmark = pytest.mark.django_db(transaction=True)  # mails are sent on other threads
TOKEN = "eyJ1c2VyIjox-Q_w:1xWhVk:PvrmXs_g5F6"


def lines(records: list[logging.LogRecord]) -> str:
    """Return records as both formats write them."""
    for record in records:
        logs.SearchIdFilter().filter(record)
    formats = (logs.TextFormatter(), logs.JsonFormatter())
    return "\n".join(each.format(record) for each in formats for record in records)


def test_a_link_that_is_refused_is_not_in_the_log(alice: User, bob: User, caplog) -> None:
    alice.email = "alice@empresa.example"
    alice.save()
    forget(Client())
    to_password = path_in_mail()
    login(alice).post("/contas/email/", {"email": "other@empresa.example"})
    to_confirm = path_in_mail()
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(to_password, {"new_password1": "x"}).status_code == 403
    assert login(bob).get(to_confirm).status_code == 410
    foreign = {"Referer": f"https://evil.example{to_password}", "Cookie": f"csrftoken={'a' * 32}"}
    assert strict.post(to_password, headers=foreign, secure=True).status_code == 403
    told = lines(caplog.records)
    assert told.count("Forbidden (") == 4  # each in two formats
    assert told.count("Gone: /contas/email/***/") == 2
    for path in (to_password, to_confirm):
        assert path.split("/")[-2] not in told
    assert "alice" not in told


def addresses_with_a_token() -> list[str]:
    """Return an address of every page of the site whose path has a token in it."""
    found = []
    for namespace, (_, resolver) in get_resolver().namespace_dict.items():
        for name in filter(lambda key: isinstance(key, str), resolver.reverse_dict):
            for possibilities, *_ in resolver.reverse_dict.getlist(name):
                for _, arguments in possibilities:
                    if "token" in arguments:
                        given = {**dict.fromkeys(arguments, "MQ"), "token": TOKEN}
                        found.append(reverse(f"{namespace}:{name}", kwargs=given))
    return found


def test_every_address_with_a_token_is_known_to_the_log() -> None:
    found = addresses_with_a_token()
    assert len(found) == 3, found
    for path in found:
        for text in (f"Gone: {path}", f"at {path[:-1]} of", json.dumps([f'"{path[:-1]}"'])):
            assert logs.without_secrets(text) == text.replace(TOKEN, "***")

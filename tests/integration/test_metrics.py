"""/metrics: whom it answers, and that it says what the database says now."""

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from searches.domain.lifecycle import Status
from searches.domain.query import parse_query
from searches.models import Search
from searches.owners import Owner
from searches.services import searches as services
from tests.integration.conftest import NOW, ask

pytestmark = pytest.mark.django_db
STRANGER = "203.0.113.7"


def figures(client, **options) -> dict[str, float]:
    """Return name with labels -> figure."""
    answer = client.get("/metrics", **options)
    assert answer.status_code == 200
    lines = answer.content.decode().splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line.startswith("bidiq_"))
    return {name: float(figure) for name, figure in pairs}


def test_this_machine_and_staff_may_see_it_strangers_may_not(client):
    assert "bidiq_notices" in figures(client)
    assert client.get("/metrics", REMOTE_ADDR=STRANGER).status_code == 404
    # Who comes through a proxy on this machine is not of this machine.
    for name, value in (
        ("X-Forwarded-For", STRANGER), ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "bidiq.example"), ("X-Real-IP", STRANGER),
        ("Forwarded", f"for={STRANGER}"), ("Via", "1.1 proxy"),
    ):  # fmt: skip
        assert client.get("/metrics", headers={name: value}).status_code == 404, name
    client.force_login(User.objects.create_user("alice"))
    assert client.get("/metrics", REMOTE_ADDR=STRANGER).status_code == 404
    client.force_login(User.objects.create_user("root", is_staff=True))
    assert "bidiq_notices" in figures(client, REMOTE_ADDR=STRANGER)


def test_a_figure_goes_back_when_its_rows_are_gone(client):
    query = parse_query(ask(), today=NOW.date())
    search, _ = services.create_search(query, owner=Owner(visitor="alice"), limited=False)
    assert figures(client)['bidiq_searches{status="queued"}'] == 1
    services.request_cancel(search)
    after = figures(client)
    assert 'bidiq_searches{status="queued"}' not in after
    assert after['bidiq_searches{status="cancelled"}'] == 1
    assert Search.objects.get().status == Status.CANCELLED


def test_without_the_database_it_says_so(client, monkeypatch):
    assert figures(client)["bidiq_database_up"] == 1

    def away():
        raise OperationalError("the server has gone away")

    monkeypatch.setattr("bidiq.metrics._collect", away)
    told = figures(client)
    assert told["bidiq_database_up"] == 0
    assert not any(name.startswith("bidiq_searches") for name in told)

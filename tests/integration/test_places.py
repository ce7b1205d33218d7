"""Names of municipalities: read once for all who ask, and never seen half read."""

import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from searches import places, selectors
from searches.models import Notice

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _one_more_name(monkeypatch):
    """The store calls São Paulo by another name; nothing is known yet."""
    monkeypatch.setattr(places, "_known", {})
    Notice.objects.create(
        source_id=selectors.source_id(), control_number="1", object="Merenda", modality=6,
        uf="SP", municipality="Teste", ibge="3550308", published_at=timezone.now(),
        updated_at=timezone.now(),
    )  # fmt: skip


@pytest.fixture
def held(monkeypatch):
    """Hold who reads the store's names; return (it has begun, let it go)."""
    began, go = threading.Event(), threading.Event()
    read = selectors.municipalities

    def slowly(source):
        began.set()
        assert go.wait(30)
        return read(source)

    monkeypatch.setattr(selectors, "municipalities", slowly)
    return began, go


def ask() -> list[str]:
    try:
        return [code for _, code in places.named("teste")]
    finally:
        connection.close()


def test_who_asks_while_the_names_are_read_waits_for_all_of_them(held):
    began, go = held
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(ask)
        assert began.wait(30)
        others = [pool.submit(ask) for _ in range(3)]
        wait(others, timeout=0.5)  # a wrong answer would be there by now
        go.set()
        assert [each.result(30) for each in (first, *others)] == [["3550308"]] * 4


def test_who_asks_while_they_are_read_again_goes_on_with_the_old_ones(held, monkeypatch):
    began, go = held
    go.set()
    assert ask() == ["3550308"]
    monkeypatch.setattr(places, "KNOWN_FOR_SECONDS", -1)
    began.clear()
    go.clear()
    with ThreadPoolExecutor(2) as pool:
        again = pool.submit(ask)
        assert began.wait(30)
        other = pool.submit(ask)
        wait([other], timeout=10)
        is_answered = other.done()
        go.set()
        assert (again.result(30), other.result(30)) == (["3550308"], ["3550308"])
    assert is_answered


def test_a_reading_that_fails_leaves_nothing_behind(monkeypatch):
    def fails(source):
        raise DatabaseError

    with monkeypatch.context() as patched:
        patched.setattr(selectors, "municipalities", fails)
        with pytest.raises(DatabaseError):
            ask()
    assert ask() == ["3550308"]


def test_the_names_are_read_from_an_index_in_its_order():
    plan = selectors.municipalities(selectors.source_id()).explain()
    assert "COVERING INDEX notice_places" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(
    "written", ["3509502", "Campinas", "CAMPINAS / sp", "Campi\u00adnas/SP\u200b"]
)
def test_a_municipality_is_known_however_it_is_written(written):
    assert places.named(written) == [("SP", "3509502")]

"""Names of municipalities: read once for all who ask, and never seen half read."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from searches import places, selectors
from searches.domain.brazil import municipalities
from searches.models import Notice
from searches.places import Places

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
        return [code for _, code in Places().named("teste")]
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
    assert Places().named(written) == [("SP", "3509502")]


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("Sento Sé", [("BA", "2930204")]),  # its end is not Sergipe's
        ("Sento Sé/BA", [("BA", "2930204")]),
        ("Sento Sé (SE)", []),
        ("Bom Jesus - RS", [("RS", "4302303")]),
        ("Bom Jesus (pi)", [("PI", "2201903")]),
        ("Pio IX PI", [("PI", "2208205")]),
        ("SP", []),
        ("", []),
    ],
)
def test_the_end_of_a_name_is_its_uf_where_no_name_ends_so(written, known):
    assert Places().named(written) == known


def test_every_municipality_is_found_by_the_name_that_is_shown():
    seen = Places()
    for code, (uf, name) in municipalities().items():
        assert seen.named(seen.name_of(code)) == [(uf, code)]
        assert (uf, code) in seen.named(name)


def test_names_have_the_capitals_that_people_write():
    word = re.compile(r"[A-ZÀ-Ý][a-zà-ÿ]+|d?[aeo]s?|em|no|del|lá|[IVX]+|d|D|t")
    for _, name in municipalities().values():
        for part in re.split(r"[ '-]", name):
            assert word.fullmatch(part), name
    assert municipalities()["2207900"] == ("PI", "Pedro II")


def test_who_asks_for_many_looks_the_source_up_once():
    seen = Places()
    with CaptureQueriesContext(connection) as asked:
        for number in range(200):
            seen.named(f"Xpto {number}")
            seen.name_of(str(3500000 + number))
    assert sum("searches_source" in each["sql"] for each in asked) == 1

"""How figures and lists are written for people."""

from datetime import date
from decimal import Decimal

import pytest

from searches import wording
from searches.domain.query import parse_query


def unbroken(text: str) -> str:
    """Return a text that no line parts."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("0", "R$ 0,00"),
        ("1234567.89", "R$ 1.234.567,89"),
        ("123456.785", "R$ 123.456,79"),
        ("0.005", "R$ 0,01"),
    ],
)
def test_money_is_rounded_as_excel_does(value, written):
    assert wording.money(Decimal(value)) == unbroken(written)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("999.4", "R$ 999,40"),
        ("999700", "R$ 1 mi"),
        ("12345678", "R$ 12,3 mi"),
        ("1000000000000000", "R$ 1.000 tri"),
    ],
)
def test_short_money_fits_a_figure(value, written):
    assert wording.short_money(Decimal(value)) == unbroken(written)


def test_long_lists_say_how_many_more():
    assert wording.few(["a", "b", "c", "d", "e"]) == "a, b, c, d e e"
    assert wording.few(list("abcdef")) == "a, b, c, d e outros 2"
    assert wording.few(list("abcdef"), "ou", others="outras") == "a, b, c, d ou outras 2"
    assert wording.few(list("abcdef"), "ou", in_full=True) == "a, b, c, d, e ou f"


@pytest.mark.parametrize("length", [59, 60, 61, 62, 63, 64, 200])
def test_a_long_term_keeps_its_quotation_marks(length):
    said = wording.few(wording.quoted(["x" * length]))
    assert (said[0], said[-1]) == ("“", "”")
    assert len(said) <= 63
    assert wording.few(wording.quoted(["x" * length]), in_full=True) == f"“{'x' * length}”"


def test_many_states_are_a_number_or_all_of_their_names():
    ufs = ["AC", "BA", "SP", "MG", "GO"]
    assert wording.place(ufs) == "em 5 estados"
    named = "no Acre, na Bahia, em Goiás, em Minas Gerais e em São Paulo"
    assert wording.place(ufs, in_full=True) == named


@pytest.mark.parametrize(
    ("spheres", "said"),
    [(["F"], "esfera federal"), (["F", "D"], "esferas federal e distrital")],
)
def test_several_spheres_are_plural(spheres, said):
    asked = {"ufs": ["SP"], "setor_id": "alimentos", "esferas": spheres}
    assert wording.conditions(parse_query(asked, today=date(2026, 8, 20))) == [said]

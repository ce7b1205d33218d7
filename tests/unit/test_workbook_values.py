"""Values on their way into a cell."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from exports.workbook.values import (
    MAX_TEXT,
    clean_text,
    number_text,
    serial_date,
    serial_datetime,
    to_decimal,
    web_address,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Pregão", "Pregão"),
        (None, ""),
        (True, "Sim"),
        (12, "12"),
        (["SP", "RJ"], "SP, RJ"),
        (date(2026, 11, 24), "24/11/2026"),
        (datetime(2026, 11, 24, 3, 0, tzinfo=UTC), "24/11/2026 00:00"),
        ("a\x00b\x08c\x0bd\x1fe\x7ff\x9fg", "abcdefg"),
        ("a\r\nb\rc\td", "a\nb\nc\td"),
        ("a\ud800b\ufffe\uffffc", "abc"),
        ("=1+1", "=1+1"),
    ],
)
def test_text_is_clean(value, text):
    assert clean_text(value) == text


def test_text_is_cut_where_excel_ends():
    assert len(clean_text("x" * 40_000)) == MAX_TEXT == 32_767


def test_text_is_cut_as_excel_counts_and_never_in_the_middle_of_a_character():
    cut = clean_text("😀" * 20_000)

    assert cut == "😀" * (MAX_TEXT // 2)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (Decimal("1234.5678"), "1234.5678"),
        (Decimal("999999999999999.9876"), "1.00000000000000E+15"),
        (Decimal("12345678901234.5678"), "12345678901234.6"),
        (Decimal("0.125"), "0.125"),
        (Decimal("1E+20"), "1E+20"),
        (0.1 + 0.2, "0.300000000000000"),
        (7, "7"),
        (123456789012345, "123456789012345"),
        (1234567890123456, None),  # an identifier: text keeps every digit
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
        (Decimal("NaN"), None),
        (Decimal("1E+400"), None),
        ("12", None),
    ],
)
def test_numbers_have_fifteen_digits(value, number):
    assert number_text(value) == number


def test_a_float_is_the_decimal_that_it_shows():
    assert to_decimal(0.1) == Decimal("0.1")


@pytest.mark.parametrize(
    ("value", "serial"),
    [
        (date(1900, 3, 1), 61),
        (date(1900, 2, 28), None),  # Excel believes in 29 February 1900
        (date(2026, 11, 24), 46350),
        (datetime(2026, 11, 24, 1, 0, tzinfo=UTC), 46349),  # still the 23rd in Brasília
        (datetime(2026, 11, 24, 23, 59), 46350),
        ("2026-11-24", None),
    ],
)
def test_days_are_numbers(value, serial):
    assert serial_date(value) == serial


@pytest.mark.parametrize(
    ("value", "serial"),
    [
        (datetime(2026, 11, 24, 12, 0), 46350.5),
        (datetime(2026, 11, 24, 15, 0, tzinfo=UTC), 46350.5),
        (datetime(2026, 11, 24, 21, 0, tzinfo=timezone(timedelta(hours=6))), 46350.5),
        (date(2026, 11, 24), 46350),
        (datetime(1899, 1, 1), None),
        (None, None),
    ],
)
def test_moments_are_numbers_on_brasilias_clock(value, serial):
    assert serial_datetime(value) == serial


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("https://pncp.gov.br/app/editais/1/2026/3", "https://pncp.gov.br/app/editais/1/2026/3"),
        ("http://a.gov.br:8080/x?y=1&z=2", "http://a.gov.br:8080/x?y=1&z=2"),
        ("www.compras.gov.br", "https://www.compras.gov.br"),
        (" portal.rs.gov.br/edital?id=2 ", "https://portal.rs.gov.br/edital?id=2"),
        ("HTTPS://A.gov.br", "HTTPS://A.gov.br"),
        ("https://a.gov.br/edital nº 3.pdf", "https://a.gov.br/edital%20n%C2%BA%203.pdf"),
        ('https://a.gov.br/"><x>', "https://a.gov.br/%22%3E%3Cx%3E"),
        ("https://a.gov.br/" + "x" * 3000, None),
        ("javascript:alert(1)", None),
        ("file:///etc/passwd", None),
        ("ftp://a.gov.br", None),
        ("https://", None),
        ("http://[oops", None),
        ("https://a.gov.br:porta/", None),
        ("não informado", None),
        ("n/a", None),
        ("-", None),
        ("compras@cidade.gov.br", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses_have_a_scheme_and_are_safe(value, address):
    assert web_address(value) == address

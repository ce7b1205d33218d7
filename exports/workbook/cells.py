"""One column's values as SpreadsheetML, as fast as Python goes. Floor 1.

No text ever becomes a formula: every text cell is an inline string, and those that would turn into
a formula when somebody edits them carry Excel's quote prefix.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from exports.workbook.values import (
    MAX_TEXT,
    Marked,
    clean_text,
    literal,
    number_text,
    serial_date,
    serial_datetime,
    web_address,
)


class Kind(StrEnum):
    """What the values of a column are."""

    TEXT = "text"
    INTEGER = "integer"
    MONEY = "money"  # reais
    DATE = "date"
    DATETIME = "datetime"  # on Brasília's clock
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Styles:
    """Numbers of the cell formats of one column in the workbook's table of formats."""

    body: int  # of the column's kind
    text: int  # of a value that is not of the column's kind
    quoted: int  # text that begins like a formula


class LinkSink(Protocol):
    """Takes clickable addresses until the sheet is full of them."""

    def add(self, ref: str, url: str) -> bool:
        """Make the cell clickable; False when Excel allows no more on this sheet."""


#: (value, row number) -> the cell's XML
Encoder = Callable[[object, int], str]

# Anything that needs more than being copied. A lone character class is what `re` scans fastest.
_SPECIAL = re.compile("[\x00-\x1f&<>_\x7f-\x9f\ud800-\udfff\ufffe\uffff]").search
_SPECIAL_START = frozenset("=+-@ \u00a0")
_FORMULA_LOOKALIKE = re.compile(r"\s*[=+\-@]").match

FONT, FONT_SIZE, BRAND = "Calibri", 10, "2E7D32"
_PLAIN = f'<rPr><sz val="{FONT_SIZE}"/><rFont val="{FONT}"/></rPr>'
_MARK = f'<rPr><b/><sz val="{FONT_SIZE}"/><color rgb="FF{BRAND}"/><rFont val="{FONT}"/></rPr>'
_SPACES = re.compile(r"\A\s|\s\Z|\s\s|[\t\n]").search


def encoder(kind: Kind, letter: str, *, styles: Styles, links: LinkSink) -> Encoder:
    """Return the function that writes the cells of one column."""
    text = _text_encoder(letter, styles)
    if kind is Kind.TEXT:
        return text
    if kind is Kind.LINK:
        return _link_encoder(letter, styles=styles, links=links, text=text)
    if kind is Kind.DATE:
        return _number_encoder(letter, styles=styles, text=text, convert=serial_date)
    if kind is Kind.DATETIME:
        return _number_encoder(letter, styles=styles, text=text, convert=serial_datetime)
    return _number_encoder(letter, styles=styles, text=text, convert=_number)


def _number(value: object) -> object:
    # Short ones are the rule: at most 15 digits, a point, and str() is what XML wants.
    if isinstance(value, Decimal | int | float) and not isinstance(value, bool):
        short = str(value)
        if len(short) <= 15 and short[-1].isdigit() and "e" not in short and "E" not in short:
            return short
    return number_text(value)


def text_cell(ref: str, value: str, *, styles: Styles) -> str:
    """Return the XML of any text, already clean."""
    style = styles.quoted if _FORMULA_LOOKALIKE(value) else styles.text
    keep = ' xml:space="preserve"' if _SPACES(value) else ""
    return f'<c r="{ref}" s="{style}" t="inlineStr"><is><t{keep}>{_escaped(value)}</t></is></c>'


def marked_cell(ref: str, value: Marked, *, styles: Styles) -> str:
    """Return the XML of a text whose marked pieces are bold and green."""
    whole = clean_text(value)
    if len(whole) * 2 > MAX_TEXT or not any(is_marked for _, is_marked in value.pieces):
        return text_cell(ref, whole, styles=styles)
    style = styles.quoted if _FORMULA_LOOKALIKE(whole) else styles.text
    runs = "".join(
        f'<r>{_MARK if is_marked else _PLAIN}<t xml:space="preserve">{_escaped(text)}</t></r>'
        for piece, is_marked in value.pieces
        if (text := clean_text(piece))
    )
    return f'<c r="{ref}" s="{style}" t="inlineStr"><is>{runs}</is></c>'


def _escaped(text: str) -> str:
    return literal(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _text_encoder(letter: str, styles: Styles) -> Encoder:
    start = f'<c r="{letter}'
    middle = f'" s="{styles.text}" t="inlineStr"><is><t>'
    empty = f'" s="{styles.body}"/>'

    def encode(value: object, row: int) -> str:
        if value is None or value == "":
            return f"{start}{row}{empty}"
        if (
            isinstance(value, str)
            and not _SPECIAL(value)
            and value[0] not in _SPECIAL_START
            and value[-1] != " "
            and "  " not in value
            and len(value) * 2 <= MAX_TEXT
        ):
            return f"{start}{row}{middle}{value}</t></is></c>"
        if isinstance(value, Marked):
            return marked_cell(f"{letter}{row}", value, styles=styles)
        return text_cell(f"{letter}{row}", clean_text(value), styles=styles)

    return encode


def _number_encoder(
    letter: str, *, styles: Styles, text: Encoder, convert: Callable[[object], object]
) -> Encoder:
    start = f'<c r="{letter}'
    middle = f'" s="{styles.body}"><v>'
    empty = f'" s="{styles.body}"/>'

    def encode(value: object, row: int) -> str:
        if value is None:
            return f"{start}{row}{empty}"
        number = convert(value)
        if number is None:
            return text(value, row)
        return f"{start}{row}{middle}{number}</v></c>"

    return encode


def _link_encoder(letter: str, *, styles: Styles, links: LinkSink, text: Encoder) -> Encoder:
    start = f'<c r="{letter}'
    clickable = Styles(body=styles.body, text=styles.body, quoted=styles.body)

    def encode(value: object, row: int) -> str:
        url = web_address(value)
        if url is None:
            return text(value, row)
        if url is value and not _SPECIAL(url):
            style = styles.body if links.add(f"{letter}{row}", url) else styles.text
            return f'{start}{row}" s="{style}" t="inlineStr"><is><t>{url}</t></is></c>'
        ref = f"{letter}{row}"
        shown = clean_text(value).strip()
        if "://" not in shown:
            shown = f"https://{shown}"
        return text_cell(ref, shown, styles=clickable if links.add(ref, url) else styles)

    return encode


def kind_of(value: object) -> Kind:
    """Return the kind in which one value by itself is shown."""
    if isinstance(value, datetime):
        return Kind.DATETIME
    if isinstance(value, date):
        return Kind.DATE
    if isinstance(value, Decimal):
        return Kind.MONEY
    if isinstance(value, int) and not isinstance(value, bool):
        return Kind.INTEGER
    return Kind.TEXT

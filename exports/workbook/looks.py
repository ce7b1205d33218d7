"""Colours, fonts and formats of a workbook, and cells of the small sheets. Floor 1."""

from typing import Any

from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from exports.workbook.cells import BRAND, FONT, FONT_SIZE, Kind, Styles
from exports.workbook.values import (
    clean_text,
    literal,
    number_text,
    serial_date,
    serial_datetime,
    web_address,
)

GREEN = BRAND
PALE_GREEN = "E8F5E9"
GREY = "616161"
RULE = "E0E0E0"
RED, RED_TEXT = "FFCDD2", "B71C1C"
AMBER, AMBER_TEXT = "FFECB3", "7A4F01"

MONEY_FORMAT = "[$R$-416] #,##0.00"
#: Characters: a sum with amounts of the source that are slips, R$ 1.053.880.000.087.650,00, has 27.
MONEY_WIDTH = 28
#: Points; and what Excel allows for a row.
_LINE_HEIGHT, _MAX_HEIGHT = 13.5, 409
FORMATS = {
    Kind.TEXT: "General",  # not "@": Excel shows long texts of that format as ####
    Kind.INTEGER: "#,##0",
    Kind.MONEY: MONEY_FORMAT,
    Kind.DATE: "dd/mm/yyyy",
    Kind.DATETIME: "dd/mm/yyyy hh:mm",
    Kind.LINK: "General",
}
_RIGHT = {Kind.INTEGER, Kind.MONEY}

BODY = Font(name=FONT, size=FONT_SIZE)
BOLD = Font(name=FONT, size=FONT_SIZE, bold=True)
LINK = Font(name=FONT, size=FONT_SIZE, color="0563C1", underline="single")
HEADER = Font(name=FONT, size=FONT_SIZE, bold=True, color="FFFFFF")
HEADING = Font(name=FONT, size=15, bold=True, color=GREEN)
SUBHEADING = Font(name=FONT, size=11, bold=True, color=GREEN)
NOTE = Font(name=FONT, size=9, italic=True, color=GREY)
HEADER_FILL = PatternFill("solid", start_color=GREEN, end_color=GREEN)
TOTAL_FILL = PatternFill("solid", start_color=PALE_GREEN, end_color=PALE_GREEN)
UNDERLINE = Border(bottom=Side(style="thin", color=RULE))
TOTAL_LINE = Border(top=Side(style="medium", color=GREEN))


def alignment(kind: Kind, *, wrap: bool = False) -> Alignment:
    """Return how the values of a kind stand in their cell."""
    if kind in _RIGHT:
        return Alignment(horizontal="right", vertical="top")
    if kind in {Kind.DATE, Kind.DATETIME}:
        return Alignment(horizontal="center", vertical="top")
    # The indent keeps a text off the number that ends just before it.
    return Alignment(horizontal="left", vertical="top", wrap_text=wrap, indent=1)


def dress_header(cell: Cell, *, kind: Kind = Kind.TEXT) -> None:
    """Make a cell look like the heading of a column."""
    cell.font, cell.fill = HEADER, HEADER_FILL
    horizontal = "right" if kind in _RIGHT else "left"
    indent = 0 if kind in _RIGHT else 1
    cell.alignment = Alignment(
        horizontal=horizontal, vertical="center", wrap_text=True, indent=indent
    )


def table_styles(book: Workbook, *, kind: Kind, wrap: bool, total: bool = False) -> Styles:
    """Register the formats of one column and return their numbers."""
    sheet = Worksheet(book)  # a sheet of nothing: cells register their format with the workbook

    def number(of: Kind, *, quoted: bool = False) -> int:
        cell = Cell(sheet, row=1, column=1)
        cell.font = BOLD if total else LINK if of is Kind.LINK else BODY
        cell.number_format = FORMATS[of]
        cell.alignment = alignment(kind, wrap=wrap)  # where the others of its column stand
        cell.border = TOTAL_LINE if total else UNDERLINE
        if total:
            cell.fill = TOTAL_FILL
        cell.quotePrefix = int(quoted)
        return int(cell.style_id)

    return Styles(body=number(kind), text=number(Kind.TEXT), quoted=number(Kind.TEXT, quoted=True))


def row_height(lines: int) -> float:
    """Return the height of a row of so many lines, in points."""
    return min(lines * _LINE_HEIGHT, _MAX_HEIGHT)


def put(sheet: Worksheet, row: int, column: int, value: object, **looks: Any) -> Cell:
    """Write one cell of a small sheet; `kind` says how, other looks are openpyxl's.

    Text stays text whatever it begins with.
    """
    kind: Kind = looks.pop("kind", Kind.TEXT)
    cell: Cell = sheet.cell(row=row, column=column)  # type: ignore[assignment]  # no merged cells
    cell.font = looks.pop("font", BODY)
    cell.alignment = looks.pop("alignment", alignment(kind, wrap=True))
    for name, look in looks.items():
        setattr(cell, name, look)
    number = _number(kind, value)
    if number is not None:
        cell.value = number
        cell.number_format = FORMATS[kind]
    elif text := clean_text(value):
        cell.value = literal(text)
        cell.data_type = "s"  # openpyxl would make a formula of '=…'
        if text.lstrip()[:1] in {"=", "+", "-", "@"}:
            cell.quotePrefix = 1
        url = web_address(value) if kind is Kind.LINK else None
        if url is not None:
            cell.hyperlink, cell.font = url, LINK
    return cell


def _number(kind: Kind, value: object) -> float | int | None:
    if kind in {Kind.TEXT, Kind.LINK}:
        return None
    if kind is Kind.DATE:
        return serial_date(value)
    if kind is Kind.DATETIME:
        return serial_datetime(value)
    text = number_text(value)
    if text is None:
        return None
    return int(text) if text.lstrip("-").isdigit() else float(text)

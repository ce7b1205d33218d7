"""The .xlsx file itself: openpyxl writes the shell, we stream the rows into it. Floor 1.

openpyxl builds every part but the rows of tables (formats, charts, properties, the frame of each
sheet); each table's sheet is its frame with the rows written between its two halves. That is six
times as fast as openpyxl's own streaming writer, in the same memory.
"""

import io
import math
import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from decimal import Context, Decimal
from typing import IO, BinaryIO
from xml.sax.saxutils import quoteattr

from openpyxl import Workbook
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.worksheet import Worksheet

from exports.errors import ArtifactTooLarge
from exports.workbook import looks
from exports.workbook.cells import Encoder, Kind, encoder
from exports.workbook.sheets import (
    Column,
    Figures,
    Parameters,
    Sheet,
    Table,
    Urgent,
    fill_figures,
    fill_parameters,
)
from exports.workbook.values import Marked, clean_text, to_decimal

#: Rows of one table: a sheet's own limit less header, totals and the empty row above them.
MAX_ROWS = 1_048_576 - 3
#: Excel calls a sheet with more hyperlinks corrupt.
MAX_LINKS = 65_530
CREATOR = "bidiq"

_BATCH = 250
#: Rows from a table's last one to its totals. The one between is empty: programs take into the
#: range that they sort and filter what touches it.
_TO_TOTALS = 2
#: Characters beside each other on a landscape A4 page whose text is still large enough to read.
_LEGIBLE_WIDTH = 200
#: Inches.
_MARGINS = {"left": 0.4, "right": 0.4, "top": 0.4, "bottom": 0.4, "header": 0.2, "footer": 0.2}
_EXACT = Context(prec=60)
_WIDTHS = {
    Kind.TEXT: 24,
    Kind.INTEGER: 12,
    Kind.MONEY: looks.MONEY_WIDTH,
    Kind.DATE: 12,
    Kind.DATETIME: 17,
    Kind.LINK: 36,
}
_CONTENT_TYPES = "[Content_Types].xml"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_NOT_IN_TITLES = re.compile(r"[\[\]:*?/\\\x00-\x1f]")


def write_workbook(file: BinaryIO, *, title: str, sheets: Sequence[Sheet]) -> int:
    """Write an .xlsx into the file and return how many rows its tables have.

    The rows of each table are read once, in order, and never held. Raises ArtifactTooLarge when a
    table has more rows than a sheet can have.
    """
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.title, book.properties.creator = clean_text(title), CREATOR
    tables: dict[str, tuple[Worksheet, Table]] = {}
    for number, declared in enumerate(sheets, start=1):
        sheet = book.create_sheet(_sheet_title(declared.title, book.sheetnames))
        match declared:
            case Table():
                _frame(sheet, declared)
                tables[f"xl/worksheets/sheet{number}.xml"] = (sheet, declared)
            case Figures():
                fill_figures(sheet, declared)
            case Parameters():
                fill_parameters(sheet, declared)
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
        sheet.page_setup.fitToHeight = 0
        sheet.oddFooter.right.text, sheet.oddFooter.right.size = "Página &P de &N", 8
        sheet.page_margins = PageMargins(**_MARGINS)
        sheet.sheet_properties.pageSetUpPr.fitToPage = True
    writers = {part: _TableWriter(book, *table) for part, table in tables.items()}
    parts = _saved(book)
    with ExitStack() as stack:
        for writer in writers.values():
            stack.callback(writer.links.close)
        archive = stack.enter_context(zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED))
        # First in the file: this is how programs tell the type of one without a name.
        archive.writestr(_CONTENT_TYPES, parts.pop(_CONTENT_TYPES))
        for part, writer in writers.items():
            with archive.open(part, "w") as stream:
                writer.write_rows(stream, frame=parts[part])
                writer.settle_ranges()
                parts = _saved(book)  # again, for the ranges that are known only now
                writer.write_end(stream, frame=parts[part])
            relations = part.replace("sheets/", "sheets/_rels/") + ".rels"
            if writer.links.count:
                with archive.open(relations, "w") as stream:
                    writer.links.write_relations(stream)
        for part, content in parts.items():
            if part not in writers and part != _CONTENT_TYPES:
                archive.writestr(part, content)
    return sum(writer.count for writer in writers.values())


def _saved(book: Workbook) -> dict[str, bytes]:
    buffer = io.BytesIO()
    book.save(buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {part: archive.read(part) for part in archive.namelist()}


def _sheet_title(title: str, taken: Sequence[str]) -> str:
    """Return a title that Excel takes: 31 characters, none of []:*?/\\, no quote at its ends."""
    clean = _NOT_IN_TITLES.sub(" ", clean_text(title)).strip().strip("'")[:31].strip() or "Planilha"
    lower = {name.casefold() for name in taken}
    free, number = clean, 1
    while free.casefold() in lower:
        number += 1
        free = f"{clean[: 28 - len(str(number))]} ({number})"
    return free


def _frame(sheet: Worksheet, table: Table) -> None:
    """Write all of a table's sheet that does not depend on its rows."""
    for number, column in enumerate(table.columns, start=1):
        looks.dress_header(looks.put(sheet, 1, number, column.title), kind=column.kind)
        sheet.column_dimensions[get_column_letter(number)].width = _width(column)
    sheet.row_dimensions[1].height = 30
    sheet.freeze_panes = "A2"
    sheet.print_title_rows = "1:1"
    pages = math.ceil(sum(map(_width, _printed(table.columns))) / _LEGIBLE_WIDTH)
    if pages > 1:  # beside each other, each with the first column
        sheet.page_setup.fitToWidth, sheet.page_setup.pageOrder = pages, "overThenDown"
        sheet.print_title_cols = "A:A"
    sheet.sheet_format.defaultRowHeight = 15
    if any(column.wrap for column in table.columns):
        # Two lines for every row, and what its longest text takes for those that say so: heights
        # that the reader's program had to find out would make long sheets slow to open.
        sheet.sheet_format.defaultRowHeight = looks.row_height(lines=2)
        sheet.sheet_format.customHeight = True


def _width(column: Column) -> float:
    return column.width or _WIDTHS[column.kind]


def _printed(columns: Sequence[Column]) -> Sequence[Column]:
    """Return the columns that are printed: links at the end open nothing on paper."""
    last = max((at for at, column in enumerate(columns) if column.kind is not Kind.LINK), default=0)
    return columns[: last + 1]


class _TableWriter:
    """Streams one table between the two halves of its frame."""

    def __init__(self, book: Workbook, sheet: Worksheet, table: Table) -> None:
        self._sheet, self._table = sheet, table
        self.links = Links(limit=MAX_LINKS)
        self.count = 0
        self._encoders: list[Encoder] = []
        self._total_encoders: list[Encoder] = []
        for number, column in enumerate(table.columns, start=1):
            letter = get_column_letter(number)
            body = looks.table_styles(book, kind=column.kind, wrap=column.wrap)
            total = looks.table_styles(book, kind=column.kind, wrap=False, total=True)
            self._encoders.append(encoder(column.kind, letter, styles=body, links=self.links))
            kind = column.kind if column.total else Kind.TEXT
            self._total_encoders.append(encoder(kind, letter, styles=total, links=self.links))

    def write_rows(self, stream: IO[bytes], *, frame: bytes) -> None:
        """Write the first half of the frame, every row, and the totals."""
        head = frame.partition(b"</sheetData>")[0]
        # Says A1:Q1 here, and some readers believe it.
        stream.write(re.sub(rb"<dimension [^>]*/>", b"", head))
        encoders = self._encoders
        summed = [index for index, column in enumerate(self._table.columns) if column.total]
        wrapped = [
            (index, int(_width(column)))
            for index, column in enumerate(self._table.columns)
            if column.wrap
        ]
        totals: dict[int, Decimal] = {}
        batch: list[str] = []
        row = 1
        for row, values in enumerate(self._table.rows, start=2):
            if row > MAX_ROWS + 1:
                raise ArtifactTooLarge(f"A sheet has at most {MAX_ROWS} rows.")
            cells = [encode(value, row) for encode, value in zip(encoders, values, strict=True)]
            batch.append(f'<row r="{row}"{_height(values, wrapped)}>{"".join(cells)}</row>')
            for index in summed:
                number = to_decimal(values[index])
                if number is not None:
                    totals[index] = _EXACT.add(totals.get(index, 0), number)
            if len(batch) == _BATCH:
                stream.write("".join(batch).encode())
                batch.clear()
        self.count = row - 1
        if summed:
            # Readers of one row after the other find it as wide as the others.
            end = f"{get_column_letter(len(encoders))}{row + 1}"
            batch.append(f'<row r="{row + 1}"><c r="{end}"/></row>')
            batch.append(self._totals_row(row + _TO_TOTALS, totals))
        stream.write("".join([*batch, "</sheetData>"]).encode())

    def _totals_row(self, row: int, totals: dict[int, Decimal]) -> str:
        """The values themselves, not formulas: readers that do not calculate see them too."""
        values: list[object] = [
            totals.get(index, column.untold or 0) if column.total else None
            for index, column in enumerate(self._table.columns)
        ]
        if values[0] is None:
            values[0] = f"Total ({self.count:,})".replace(",", ".")
        encoders = self._total_encoders
        cells = [encode(value, row) for encode, value in zip(encoders, values, strict=True)]
        return f'<row r="{row}">{"".join(cells)}</row>'

    def settle_ranges(self) -> None:
        """Give the frame the ranges that depend on the number of rows."""
        last_row = self.count + 1
        columns = self._table.columns
        self._sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{last_row}"
        has_total = any(column.total for column in columns)
        last_letter = get_column_letter(len(_printed(columns)))
        last_printed = last_row + (_TO_TOTALS if has_total else 0)
        self._sheet.print_area = f"A1:{last_letter}{last_printed}"
        for number, column in enumerate(columns, start=1):
            if column.urgent and self.count:
                cells = f"{get_column_letter(number)}2:{get_column_letter(number)}{last_row}"
                _mark_urgent(self._sheet, cells, column.urgent)

    def write_end(self, stream: IO[bytes], *, frame: bytes) -> None:
        """Write the second half of the frame, with the hyperlinks where they belong."""
        before, margins, after = frame.partition(b"</sheetData>")[2].partition(b"<pageMargins")
        stream.write(before)
        self.links.write_elements(stream)
        stream.write(margins + after)


def _height(values: Sequence[object], wrapped: Sequence[tuple[int, int]]) -> str:
    """Return the height of a row whose texts take more than two lines, as an attribute.

    `wrapped`: place and width of each column that wraps. A capital is about as wide as the digit
    that widths are counted in.
    """
    lines = 2
    for index, width in wrapped:
        value = values[index]
        if isinstance(value, str | Marked) and len(value) > lines * width:
            lines = -(-len(value) // width)
    return "" if lines == 2 else f' ht="{looks.row_height(lines)}" customHeight="1"'


def _mark_urgent(sheet: Worksheet, cells: str, urgent: Urgent) -> None:
    first = f"${cells.partition(':')[0]}"
    for days, fill, colour in (
        (urgent.red_days, looks.RED, looks.RED_TEXT),
        (urgent.amber_days, looks.AMBER, looks.AMBER_TEXT),
    ):
        # Not "less than or equal": an empty cell would count as zero.
        rule = FormulaRule(  # type: ignore[no-untyped-call]
            formula=[f"AND(ISNUMBER({first}),{first}>=0,{first}<={days})"],
            fill=PatternFill(bgColor=fill),
            font=Font(color=colour, bold=True),
            stopIfTrue=True,
        )
        sheet.conditional_formatting.add(cells, rule)


class Links:
    """The hyperlinks of one sheet, spooled to disk when there are many."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self.count = 0
        self._elements = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115
        self._relations = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115

    def add(self, ref: str, url: str) -> bool:
        """Make a cell clickable; False when the sheet has as many as Excel allows."""
        if self.count == self._limit:
            return False
        self.count += 1
        target, _, place = url.partition("#")
        location = f" location={quoteattr(place)}" if place else ""
        element = f'<hyperlink ref="{ref}" r:id="rId{self.count}"{location}/>'
        relation = (
            f'<Relationship Id="rId{self.count}" Type="{_RELATIONS}/hyperlink"'
            f' Target={quoteattr(target)} TargetMode="External"/>'
        )
        self._elements.write(element.encode())
        self._relations.write(relation.encode())
        return True

    def write_elements(self, stream: IO[bytes]) -> None:
        """Write what stands in the sheet."""
        if self.count:
            stream.write(f'<hyperlinks xmlns:r="{_RELATIONS}">'.encode())
            _copy(self._elements, stream)
            stream.write(b"</hyperlinks>")

    def write_relations(self, stream: IO[bytes]) -> None:
        """Write what stands in the sheet's relations."""
        stream.write(
            b"<?xml version='1.0' encoding='UTF-8' standalone='yes'?>\n<Relationships "
            b'xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        )
        _copy(self._relations, stream)
        stream.write(b"</Relationships>")

    def close(self) -> None:
        """Let go of the disk."""
        self._elements.close()
        self._relations.close()


def _copy(source: IO[bytes], stream: IO[bytes]) -> None:
    source.seek(0)
    shutil.copyfileobj(source, stream)

"""What a workbook may have in it, and its small sheets: figures, parameters. Floor 1."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from openpyxl.cell import Cell, MergedCell
from openpyxl.chart import BarChart, LineChart, Reference
from openpyxl.chart.axis import ChartLines
from openpyxl.chart.data_source import (
    AxDataSource,
    NumData,
    NumRef,
    NumVal,
    StrData,
    StrRef,
    StrVal,
)
from openpyxl.chart.label import DataLabelList
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.chart.title import title_maker
from openpyxl.drawing.line import LineProperties
from openpyxl.styles import Alignment
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.pagebreak import Break
from openpyxl.worksheet.worksheet import Worksheet

from exports.workbook import looks
from exports.workbook.cells import Kind, kind_of
from exports.workbook.values import clean_text, to_decimal


@dataclass(frozen=True, slots=True)
class Urgent:
    """From how many days that are left on their number is marked."""

    red_days: int
    amber_days: int


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    title: str
    kind: Kind = Kind.TEXT
    width: float | None = None  # characters; by kind when None
    wrap: bool = False  # long texts go on in a second line
    total: bool = False  # its sum stands in the last row
    untold: str = ""  # instead of that sum where a table has no number at all; else 0
    urgent: Urgent | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet with one row for each of `rows`, which are read once and never held."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[object]]


class Chart(StrEnum):
    """How a figure is drawn."""

    BAR = "bar"  # lying bars, first row on top: for names
    COLUMN = "col"  # standing bars: for few names
    LINE = "line"  # for a course in time


@dataclass(frozen=True, slots=True)
class Figure:
    """A small table; with a chart its second column is drawn beside it, over the first."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """A sheet of figures below each other."""

    title: str
    figures: Sequence[Figure]
    heading: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Labels with their values; a list stands below itself, one row an item."""

    title: str
    pairs: Sequence[tuple[str, object]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """A sheet that says how the file came to be."""

    title: str
    groups: Sequence[Group]
    heading: str = ""
    note: str = ""


Sheet = Table | Figures | Parameters

_CHART_ROWS = 15  # a chart is at least as high as this many rows
_SPACE_ROWS = 2  # between two figures
#: Rows of 15 points on a landscape A4 page, at the scale that the width of the figures leaves.
_PAGE_ROWS = 45
#: Characters of a line: what runs out of the columns makes the whole sheet shrink on paper.
_HEADING_WIDTH, _NOTE_WIDTH, _VALUE_WIDTH = 90, 130, 95
#: Width of the first column, counted in digits, and letters of a line in it, which are narrower.
_FIRST_WIDTH, _NAME_WIDTH = 34, 36


def fill_figures(sheet: Worksheet, declared: Figures) -> None:
    """Write every figure, its chart beside it; what would be cut by a page's end begins a page."""
    row = first_row = _head(sheet, heading=declared.heading or declared.title, note=declared.note)
    widest = max((len(figure.columns) for figure in declared.figures), default=1)
    sheet.column_dimensions["A"].width = _FIRST_WIDTH
    for number in range(2, widest + 1):
        sheet.column_dimensions[get_column_letter(number)].width = looks.MONEY_WIDTH
    page_start = 1
    for figure in declared.figures:
        end = row + _figure_rows(figure)
        if row > first_row and end - page_start > _PAGE_ROWS:
            sheet.row_breaks.append(Break(id=row - 1))
            page_start = row
        _figure(sheet, figure, row=row, chart_column=widest + 2)
        row = end + _SPACE_ROWS


def _figure_rows(figure: Figure) -> int:
    """Return how many rows a figure takes: its title above the table, its chart beside that."""
    has_total = any(column.total for column in figure.columns)
    return 1 + max(1 + sum(map(_lines, figure.rows)) + has_total, _chart_rows(figure))


def _lines(values: Sequence[object]) -> int:
    """Return how many lines the name that begins a row takes."""
    return max(1, len(textwrap.wrap(clean_text(values[0]), _NAME_WIDTH)))


def _chart_rows(figure: Figure) -> int:
    """Return the height of a figure's chart in rows; 0 when there is nothing to draw."""
    if figure.chart is None or not figure.rows:
        return 0
    return max(_CHART_ROWS, len(figure.rows) + 3) if figure.chart is Chart.BAR else _CHART_ROWS


def _figure(sheet: Worksheet, figure: Figure, *, row: int, chart_column: int) -> None:
    looks.put(sheet, row, 1, figure.title, font=looks.SUBHEADING, alignment=Alignment())
    header_row = row + 1
    for number, column in enumerate(figure.columns, start=1):
        cell = looks.put(sheet, header_row, number, column.title)
        first = figure.rows[0][number - 1] if figure.rows else None
        looks.dress_header(cell, kind=_shown_as(column, first))
    row = header_row
    for values in figure.rows:
        row += 1
        for number, (column, value) in enumerate(zip(figure.columns, values, strict=True), start=1):
            kind = _shown_as(column, value)
            stands_as = Kind.TEXT if number == 1 else _shown_as(column, figure.rows[0][number - 1])
            alignment = looks.alignment(stands_as, wrap=True)
            looks.put(
                sheet, row, number, value, kind=kind, border=looks.UNDERLINE, alignment=alignment
            )
        if (lines := _lines(values)) > 1:
            sheet.row_dimensions[row].height = looks.row_height(lines)
    last_row = row
    if any(column.total for column in figure.columns):
        row += 1
        _totals(sheet, figure, row=row)
    if _chart_rows(figure):
        _draw(sheet, figure, header_row=header_row, last_row=last_row, column=chart_column)


def _shown_as(column: Column, value: object) -> Kind:
    """Return the kind of a value; a column of text may hold other things, each shown as what it is.

    Its heading and the others stand where the first of them does.
    """
    return kind_of(value) if column.kind is Kind.TEXT else column.kind


def _totals(sheet: Worksheet, figure: Figure, *, row: int) -> None:
    for number, column in enumerate(figure.columns, start=1):
        value: object = "Total" if number == 1 else None
        if column.total:
            numbers = (to_decimal(values[number - 1]) for values in figure.rows)
            value = sum(amount for amount in numbers if amount is not None)
        looks.put(
            sheet,
            row,
            number,
            value,
            kind=column.kind if column.total else Kind.TEXT,
            font=looks.BOLD,
            fill=looks.TOTAL_FILL,
            border=looks.TOTAL_LINE,
        )


def _draw(sheet: Worksheet, figure: Figure, *, header_row: int, last_row: int, column: int) -> None:
    """Anchor the figure's chart at the column."""
    chart: BarChart | LineChart = LineChart() if figure.chart is Chart.LINE else BarChart()
    chart.add_data(
        Reference(sheet, min_col=2, min_row=header_row, max_row=last_row),
        titles_from_data=True,
    )
    series = chart.series[0]
    names, values = (
        Reference(sheet, min_col=number, min_row=header_row + 1, max_row=last_row)
        for number in (1, 2)
    )
    series.tx.strRef = _texts(sheet, Reference(sheet, min_col=2, min_row=header_row))
    series.val.numRef = _numbers(sheet, values)
    if _shown_as(figure.columns[0], figure.rows[0][0]) is Kind.TEXT:
        series.cat = AxDataSource(strRef=_texts(sheet, names))
    else:
        series.cat = AxDataSource(numRef=_numbers(sheet, names))
    chart.title = title = title_maker(figure.title)
    title.overlay = False
    chart.legend = None
    chart.x_axis.delete = chart.y_axis.delete = False  # openpyxl 3.1 hides both by default
    chart.y_axis.number_format = looks.FORMATS[figure.columns[1].kind]
    grid = GraphicalProperties(ln=_line(looks.RULE, points=0.5))
    chart.y_axis.majorGridlines = ChartLines(spPr=grid)
    amounts = [to_decimal(values[1]) for values in figure.rows]
    if all(amount is None or amount >= 0 for amount in amounts):
        chart.y_axis.scaling.min = 0  # a cut axis makes small differences look large
    if isinstance(chart, BarChart):
        chart.type = figure.chart or Chart.COLUMN
        chart.gapWidth = 45
        series.graphicalProperties.solidFill = looks.GREEN
        series.graphicalProperties.line.solidFill = looks.GREEN
        chart.dataLabels = DataLabelList(showVal=True)
        for unwanted in ("showSerName", "showCatName", "showLegendKey", "showPercent"):
            setattr(chart.dataLabels, unwanted, False)
        if figure.chart is Chart.BAR:
            chart.x_axis.scaling.orientation = "maxMin"  # first row on top
            chart.y_axis.crosses = "max"
    else:
        series.graphicalProperties.line = _line(looks.GREEN, points=2.25)
        series.smooth = False
        series.marker.symbol = "circle"
        series.marker.graphicalProperties = GraphicalProperties(solidFill=looks.GREEN)
    chart.height = _chart_rows(figure) * 0.53  # a row of 15 points, in centimetres
    chart.width = 19
    sheet.add_chart(chart, f"{get_column_letter(column)}{header_row}")


# A chart has its values beside the place it has them from: programs that only show a file, or do
# not trust it, draw those.


def _texts(sheet: Worksheet, place: Reference) -> StrRef:
    points = [
        StrVal(idx=idx, v="" if cell.value is None else str(cell.value))
        for idx, cell in enumerate(_cells(sheet, place))
    ]
    return StrRef(f=str(place), strCache=StrData(ptCount=len(points), pt=points))


def _numbers(sheet: Worksheet, place: Reference) -> NumRef:
    cells = _cells(sheet, place)
    points = [
        NumVal(idx=idx, v=cell.value)
        for idx, cell in enumerate(cells)
        if isinstance(cell.value, int | float)
    ]
    form = cells[0].number_format
    return NumRef(f=str(place), numCache=NumData(formatCode=form, ptCount=len(cells), pt=points))


def _cells(sheet: Worksheet, place: Reference) -> list[Cell | MergedCell]:
    rows = range(place.min_row, place.max_row + 1)
    return [sheet.cell(row=row, column=place.min_col) for row in rows]


def _line(colour: str, *, points: float) -> LineProperties:
    return LineProperties(solidFill=colour, w=int(points * 12_700))


def fill_parameters(sheet: Worksheet, declared: Parameters) -> None:
    """Write every group of labels and values."""
    row = _head(sheet, heading=declared.heading or declared.title, note=declared.note)
    sheet.column_dimensions["A"].width = _FIRST_WIDTH
    sheet.column_dimensions["B"].width = 90
    for group in declared.groups:
        for number, title in enumerate((group.title, ""), start=1):
            looks.dress_header(looks.put(sheet, row, number, title))
        row += 1
        for label, value in group.pairs:
            items = list(value) if isinstance(value, list | tuple) else [value]
            for position, item in enumerate(items or [None]):
                shown = label if position == 0 else None
                looks.put(sheet, row, 1, shown, font=looks.BOLD, border=looks.UNDERLINE)
                kind = kind_of(item)
                cell = looks.put(sheet, row, 2, item, kind=kind, border=looks.UNDERLINE)
                cell.alignment = looks.alignment(Kind.TEXT, wrap=True)
                lines = max(_lines([shown]), len(textwrap.wrap(clean_text(item), _VALUE_WIDTH)))
                if lines > 1:  # not every program finds the height itself
                    sheet.row_dimensions[row].height = looks.row_height(lines)
                row += 1
        row += 1


def _head(sheet: Worksheet, *, heading: str, note: str) -> int:
    """Write the heading of a small sheet; return the row to go on at."""
    sheet.sheet_view.showGridLines = False
    row = 0
    for line in textwrap.wrap(heading, _HEADING_WIDTH):
        row += 1
        looks.put(sheet, row, 1, line, font=looks.HEADING, alignment=Alignment(vertical="center"))
        sheet.row_dimensions[row].height = 26
    for text in note.splitlines():
        for line in textwrap.wrap(text, _NOTE_WIDTH):
            row += 1
            looks.put(sheet, row, 1, line, font=looks.NOTE, alignment=Alignment(vertical="center"))
    return row + 2

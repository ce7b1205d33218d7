"""What a declared workbook looks like on paper: widths, what is printed, where pages end."""

from decimal import Decimal

import pytest

from exports.workbook import (
    Chart,
    Column,
    Figure,
    Figures,
    Group,
    Kind,
    Parameters,
    Table,
)
from tests.unit.workbook_support import opened

#: A sum of real amounts, two of them slips of who typed, as Excel shows it.
LONGEST_AMOUNT = "R$ 1.053.880.000.087.650,00"
COUNTS = (Column("UF"), Column("Licitações", Kind.INTEGER), Column("Valor", Kind.MONEY))


def figure(title, *, rows, chart=None):
    return Figure(title, COUNTS, [(f"{title} {n}", n, Decimal(n)) for n in range(rows)], chart)


def figures(*declared, **texts):
    (sheet,) = opened(Figures("Resumo", declared, **texts))
    return sheet


def pages(sheet):
    """The titles of the figures that begin on each page."""
    ends = [page_break.id for page_break in sheet.row_breaks.brk]
    found: list[list[str]] = [[] for _ in range(len(ends) + 1)]
    for row in range(1, sheet.max_row + 1):
        text = str(sheet.cell(row=row, column=1).value or "")
        if len(text) == 1:
            found[sum(row > end for end in ends)].append(text)
    return found


def test_the_largest_amounts_have_room():
    table, resumo = opened(
        Table("Licitações", (Column("Valor", Kind.MONEY, total=True),), [(Decimal("1e15"),)]),
        Figures(
            "Resumo",
            [
                Figure("Números", COUNTS[:2], [("Valor somado", Decimal("1e15"))]),
                figure("Por UF", rows=2),
            ],
        ),
    )

    assert table.column_dimensions["A"].width > len(LONGEST_AMOUNT)
    for letter in "BC":
        assert resumo.column_dimensions[letter].width > len(LONGEST_AMOUNT)


@pytest.mark.parametrize(("has_total", "last_row"), [(True, 6), (False, 4)])
def test_a_table_is_printed_without_the_links_at_its_end(has_total, last_row):
    """They open nothing on paper, and what runs out of them would shrink the others."""
    link = Column("Link", Kind.LINK)
    columns = (link, Column("Valor", Kind.MONEY, total=has_total), link, link)
    rows = [("", 1, "https://a.gov.br", f"https://a.gov.br/{'x' * 1900}")] * 3

    table, other = opened(Table("Licitações", columns, rows), Table("d'Outra", columns, []))

    assert table.print_area == f"'Licitações'!$A$1:$B${last_row}"
    assert other.print_area == f"'d''Outra'!$A$1:$B${last_row - 3}"
    assert table.print_title_rows == "$1:$1"


def test_a_wide_table_has_pages_beside_each_other_that_can_be_read():
    narrow, wide = opened(
        Table("Estreita", [Column("A", width=100)] * 2, []),
        Table("Larga", [*[Column("A", width=100)] * 3, Column("L", Kind.LINK, width=300)], []),
    )

    assert narrow.page_setup.fitToWidth in {None, 1}
    assert (wide.page_setup.fitToWidth, wide.page_setup.fitToHeight) == (2, 0)
    assert wide.page_setup.pageOrder == "overThenDown"
    assert (narrow.print_title_cols, wide.print_title_cols) == (None, "$A:$A")


def test_every_page_says_which_it_is():
    sheets = opened(
        Table("Licitações", COUNTS, []),
        Figures("Resumo", [figure("A", rows=1)]),
        Parameters("Parâmetros", []),
    )

    for sheet in sheets:
        assert str(sheet.page_setup.paperSize) == sheet.PAPERSIZE_A4
        assert sheet.oddFooter.right.text.strip() == "Página &P de &N"


def test_a_figure_that_does_not_fit_begins_a_page():
    sheet = figures(
        figure("A", rows=6),
        figure("B", rows=27, chart=Chart.BAR),
        figure("C", rows=6, chart=Chart.BAR),
        figure("D", rows=4, chart=Chart.LINE),
        figure("E", rows=12),
    )

    assert pages(sheet) == [["A", "B"], ["C", "D"], ["E"]]


def test_few_figures_stay_on_one_page():
    sheet = figures(figure("A", rows=6), figure("B", rows=2, chart=Chart.BAR))

    assert pages(sheet) == [["A", "B"]]


def test_a_heading_never_has_a_page_of_its_own_and_a_long_figure_goes_on():
    sheet = figures(figure("A", rows=53, chart=Chart.LINE), figure("B", rows=2))

    assert pages(sheet) == [["A"], ["B"]]


@pytest.mark.parametrize("is_figures", [True, False])
def test_long_headings_and_notes_go_on_in_the_next_row(is_figures):
    """They would run out of the columns, and the whole sheet would shrink until they fit."""
    texts = {"heading": "palavra comprida " * 20, "note": "estado " * 60}
    (sheet,) = opened(
        Figures("Resumo", [Figure("Pedido", (Column("UF"),), [("SP",)])], **texts)
        if is_figures
        else Parameters("Parâmetros", [Group("Pedido", [("UF", "SP")])], **texts)
    )

    first = [sheet.cell(row=row, column=1).value for row in range(1, 20)]
    lines = first[: first.index(None)]
    assert " ".join(lines).split() == [*texts["heading"].split(), *texts["note"].split()]
    assert max(map(len, lines)) <= 130
    assert max(len(line) for line in lines if "palavra" in line) <= 90
    assert first[len(lines) + 1] == "Pedido"


def test_a_long_parameter_is_as_high_as_its_lines():
    pairs = [
        ("Termos", "uniforme escolar, " * 20),
        ("UF", "SP"),
        ("Outros", "palavra " * 5000),
        ("De fora: não tem nenhum dos termos pedidos", 12),
    ]
    (sheet,) = opened(Parameters("Parâmetros", [Group("Pedido", pairs)]))

    heights = [sheet.row_dimensions[row].height for row in (4, 5, 6, 7)]
    assert heights == [4 * 13.5, None, 409, 2 * 13.5]


def test_a_long_name_in_a_figure_is_as_high_as_its_lines():
    names = ["Pregão", "Concorrência - Eletrônica Internacional", "palavra " * 100]
    sheet = figures(Figure("Por modalidade", COUNTS[:2], [(name, 1) for name in names]))

    heights = [sheet.row_dimensions[row].height for row in (5, 6, 7)]
    assert heights == [None, 2 * 13.5, 25 * 13.5]


def test_lines_of_long_names_count_where_pages_end():
    short, long = (
        Figure("B", COUNTS[:2], [(name, 1) for _ in range(20)]) for name in ("bb", "palavra " * 8)
    )

    assert pages(figures(figure("A", rows=15), short)) == [["A", "B"]]
    assert pages(figures(figure("A", rows=15), long)) == [["A"], ["B"]]

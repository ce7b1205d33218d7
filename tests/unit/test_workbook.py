"""A declared workbook, opened again by somebody else's reader."""

import io
import re
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree import ElementTree

import openpyxl
import pytest

from exports.errors import ArtifactTooLarge
from exports.workbook import (
    Chart,
    Column,
    Figure,
    Figures,
    Group,
    Kind,
    Marked,
    Parameters,
    Table,
    Urgent,
    package,
    write_workbook,
)
from tests.unit.workbook_support import opened, written

MONEY = "[$R$-416] #,##0.00"
COLUMNS = (
    Column("Objeto", width=50, wrap=True),
    Column("Valor", Kind.MONEY, total=True),
    Column("Publicação", Kind.DATE),
    Column("Abertura", Kind.DATETIME),
    Column("Dias restantes", Kind.INTEGER, urgent=Urgent(red_days=3, amber_days=9)),
    Column("Relevância", Kind.INTEGER),
    Column("Link", Kind.LINK),
)
ROW = (
    "Uniformes",
    Decimal("1234.50"),
    date(2026, 11, 20),
    datetime(2026, 11, 24, 15, 30, tzinfo=UTC),
    5,
    75,
    "https://pncp.gov.br/app/editais/1",
)


def table(*rows, columns=COLUMNS):
    return opened(Table("Licitações", columns, rows)).worksheets[0]


def texts(*values):
    """The cells that one column of texts becomes."""
    sheet = table(*((value,) for value in values), columns=(Column("Texto"),))
    return [sheet.cell(row=row, column=1) for row in range(2, len(values) + 2)]


def test_values_keep_their_types_and_formats():
    sheet = table(ROW)

    cells = list(sheet[2])
    assert [cell.value for cell in cells] == [
        "Uniformes",
        1234.5,
        datetime(2026, 11, 20),
        datetime(2026, 11, 24, 12, 30),
        5,
        75,
        "https://pncp.gov.br/app/editais/1",
    ]
    assert [cell.data_type for cell in cells] == ["s", "n", "d", "d", "n", "n", "s"]
    assert cells[1].number_format == MONEY
    assert cells[2].number_format == "dd/mm/yyyy"
    assert cells[6].hyperlink.target == "https://pncp.gov.br/app/editais/1"


def test_the_header_is_green_frozen_and_filtered():
    sheet = table(ROW, ROW)

    assert [cell.value for cell in sheet[1]] == [column.title for column in COLUMNS]
    assert sheet["A1"].fill.start_color.rgb == "002E7D32"
    assert sheet["A1"].font.bold
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:G3"  # without the totals
    assert sheet.column_dimensions["A"].width == 50


def test_the_total_is_a_number_that_readers_see_without_calculating():
    sheet = table(ROW, (*ROW[:1], Decimal("0.0001"), *ROW[2:]), (*ROW[:1], None, *ROW[2:]))

    assert sheet["A6"].value == "Total (3)"
    assert sheet["B6"].value == 1234.5001
    assert sheet["B6"].data_type == "n"
    assert sheet["B6"].number_format == MONEY


def test_no_total_touches_the_rows_that_programs_sort_and_filter():
    sheet = table(ROW, ROW)

    assert [cell.value for cell in sheet[4]] == [None] * 7
    assert sheet["A5"].value == "Total (2)"


@pytest.mark.parametrize(
    ("values", "total"), [((None, None), "não informado"), ((None, 0), 0), ((), "não informado")]
)
def test_a_total_of_nothing_may_be_said_instead(values, total):
    columns = (Column("N"), Column("Valor", Kind.MONEY, total=True, untold="não informado"))

    sheet = table(*(("x", value) for value in values), columns=columns)

    cell = sheet.cell(row=len(values) + 3, column=2)
    assert cell.value == total
    assert cell.alignment.horizontal == "right"  # under the numbers


def test_the_total_of_large_amounts_is_exact():
    rows = [(Decimal("999999999999.01"),)] * 100

    sheet = table(*rows, columns=(Column("Valor", Kind.MONEY, total=True),))

    assert sheet["A103"].value == 99999999999901.0


def test_an_empty_table_has_its_header_and_a_total_of_zero():
    sheet = table()

    assert sheet["A3"].value == "Total (0)"
    assert sheet["B3"].value == 0
    assert sheet.auto_filter.ref == "A1:G1"


def test_none_is_an_empty_cell():
    sheet = table((None,) * 7)

    assert [cell.value for cell in sheet[2]] == [None] * 7


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+55 11 3333", "-x", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0", " =1", "=", "%0"],
)
def test_text_is_never_a_formula(text):
    file = written(
        Table("Licitações", (Column("Texto"), Column(text)), [(text, text)]),
        Figures(text, [Figure(text, (Column(text), Column("n", Kind.INTEGER)), [(text, 1)])]),
        Parameters("Parâmetros", [Group(text, [(text, text)])]),
    )

    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if "sheet" in name:
                assert b"<f>" not in archive.read(name)
                assert b"<f " not in archive.read(name)
    book = openpyxl.load_workbook(file)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    assert {cell.data_type for cell in cells if cell.value == text} == {"s"}
    assert len([cell for cell in cells if cell.value == text]) >= 7


def test_text_like_a_formula_stays_text_when_somebody_edits_it():
    plain, risky = texts("Pregão", "=1+1")

    assert not plain.quotePrefix
    assert risky.quotePrefix


def test_texts_are_kept_as_they_are_seen():
    values = ["a & b < c > d", "a  b", " a ", "linha 1\nlinha 2", "ç😀", "x" * 32_767]

    assert [cell.value for cell in texts(*values)] == values


def test_marked_pieces_are_bold_and_readers_see_one_text():
    pieces = (("Compra de ", False), ("pão", True), (" & ", False), ("=leite\x00", True))
    file = written(Table("Licitações", (Column("Objeto"),), [(Marked(pieces),)]))

    cell = openpyxl.load_workbook(file, rich_text=True).worksheets[0]["A2"]
    assert [str(block) for block in cell.value] == ["Compra de ", "pão", " & ", "=leite"]
    assert [bool(block.font.b) for block in cell.value] == [False, True, False, True]
    assert openpyxl.load_workbook(file).worksheets[0]["A2"].value == "Compra de pão & =leite"


@pytest.mark.parametrize("text", ["=1+1", "@x", "x" * 40_000])
def test_a_marked_text_is_as_safe_as_any_other(text):
    plain, marked = texts(text, Marked(((text, True),)))

    assert marked.value == plain.value
    assert (marked.data_type, marked.quotePrefix) == (plain.data_type, plain.quotePrefix)


def test_a_row_is_as_high_as_its_longest_text():
    long = "x" * 151
    columns = (Column("Objeto", width=50, wrap=True), Column("Órgão"))
    sheet = table(("x", long), (long, "x"), (Marked(((long, True),)), "x"), columns=columns)

    heights = [sheet.row_dimensions[row].height for row in (2, 3, 4)]
    assert heights == [None, 4 * 13.5, 4 * 13.5]
    assert sheet.sheet_format.defaultRowHeight == 2 * 13.5


def test_control_characters_go_and_long_texts_are_cut():
    one, two = texts("a\x00b\x1fc\x85d", "y" * 50_000)

    assert one.value == "abcd"
    assert two.value == "y" * 32_767


def test_an_escape_in_a_text_is_not_read_as_one():
    text, meant = "_x0041_ _x004", b">_x005F_x0041_ _x004<"
    figure = Figure("F", (Column("A"), Column("N", Kind.INTEGER)), [(text, 1)], chart=Chart.BAR)
    sheets = (
        Table("T", (Column("A"),), [(text,)]),
        Figures("R", [figure]),
        Parameters("P", [Group("G", [(text, text)])]),
    )
    with zipfile.ZipFile(written(*sheets)) as archive:
        for part in (*[f"worksheets/sheet{n}" for n in (1, 2, 3)], "charts/chart1"):
            content = archive.read(f"xl/{part}.xml")
            assert meant in content
            assert b">_x0041_" not in content


def test_values_of_another_kind_stay_readable():
    columns = (Column("Valor", Kind.MONEY), Column("Dia", Kind.DATE), Column("N", Kind.INTEGER))

    sheet = table(
        ("sigiloso", date(1850, 1, 2), 12345678901234567),
        (float("nan"), "a definir", Decimal("1E+999")),
        columns=columns,
    )

    values = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
    assert values == [
        ["sigiloso", "02/01/1850", "12345678901234567"],
        ["nan", "a definir", "1E+999"],
    ]


def test_decimals_beyond_fifteen_digits_are_rounded_not_garbled():
    columns = (Column("Valor", Kind.MONEY),)
    file = written(Table("T", columns, [(Decimal("12345678901234.5678"),), (Decimal("1E+15"),)]))

    with zipfile.ZipFile(file) as archive:
        numbers = re.findall(rb"<v>([^<]*)</v>", archive.read("xl/worksheets/sheet1.xml"))
    assert numbers[-2:] == [b"12345678901234.6", b"1E+15"]


def test_links_get_a_scheme_and_text_that_is_none_stays_text():
    values = [
        "www.compras.gov.br/a#b",
        "não informado",
        "javascript:alert(1)",
        "https://a.b/ ç&\"'",
    ]

    sheet = table(*((value,) for value in values), columns=(Column("Link", Kind.LINK),))

    cells = [sheet.cell(row=row, column=1) for row in range(2, 6)]
    assert cells[0].value == "https://www.compras.gov.br/a#b"
    assert cells[0].hyperlink.target == "https://www.compras.gov.br/a"
    assert cells[0].hyperlink.location == "b"
    assert [cell.hyperlink for cell in cells[1:3]] == [None, None]
    assert cells[1].value == "não informado"
    assert cells[3].hyperlink.target == "https://a.b/%20%C3%A7&%22'"


def test_beyond_excels_limit_links_are_plain_text(monkeypatch):
    monkeypatch.setattr(package, "MAX_LINKS", 3)
    rows = [(f"https://a.gov.br/{number}",) for number in range(5)]

    sheet = table(*rows, columns=(Column("Link", Kind.LINK),))

    cells = [sheet.cell(row=row, column=1) for row in range(2, 7)]
    assert [cell.value for cell in cells] == [row[0] for row in rows]
    assert [cell.hyperlink is not None for cell in cells] == [True] * 3 + [False] * 2
    assert cells[0].font.underline == "single"
    assert cells[4].font.underline is None


def test_urgency_is_a_rule_that_excel_computes():
    sheet = table(ROW, ROW)

    (formatting,) = sheet.conditional_formatting
    assert str(formatting.sqref) == "E2:E3"
    assert [rule.formula for rule in formatting.rules] == [
        ["AND(ISNUMBER($E2),$E2>=0,$E2<=3)"],
        ["AND(ISNUMBER($E2),$E2>=0,$E2<=9)"],
    ]
    assert [rule.dxf.fill.bgColor.rgb for rule in formatting.rules] == ["00FFCDD2", "00FFECB3"]


def test_more_rows_than_a_sheet_has_are_refused(monkeypatch):
    monkeypatch.setattr(package, "MAX_ROWS", 2)

    with pytest.raises(ArtifactTooLarge):
        table(ROW, ROW, ROW)


def test_a_row_of_the_wrong_length_is_an_error():
    with pytest.raises(ValueError, match="shorter"):
        table(("a",), columns=(Column("A"), Column("B")))


def test_it_says_how_many_rows_its_tables_have():
    rows = [("a",)] * 600  # more than one batch
    sheets = [Table("A", (Column("A"),), iter(rows)), Table("B", (Column("B"),), rows[:3])]

    assert write_workbook(io.BytesIO(), title="x", sheets=sheets) == 603


def test_sheet_titles_are_safe_and_different():
    empty = (Column("A"),)
    titles = ["a/b:c*?[d]\\", "A b c   d", "'x'", "", "t" * 40, "t" * 40, "Resumo", "resumo"]

    book = opened(*(Table(title, empty, []) for title in titles))

    assert len({name.casefold() for name in book.sheetnames}) == len(titles)
    assert all(0 < len(name) <= 31 for name in book.sheetnames)
    assert not any(set(name) & set("[]:*?/\\") for name in book.sheetnames)


def test_the_file_names_its_title_and_creator():
    properties = opened(Table("T", (Column("A"),), [])).properties

    assert (properties.title, properties.creator) == ("Licitações", "bidiq")


def test_the_type_of_the_file_shows_in_its_first_bytes_and_every_part_is_sound():
    file = written(
        Table("Licitações", COLUMNS, [ROW] * 3),
        Figures("Resumo", [Figure("F", COLUMNS[:2], [("a", 1)], chart=Chart.BAR)]),
        Table("Outra", COLUMNS, [ROW]),
    )

    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        assert names[0] == "[Content_Types].xml"
        assert len(names) == len(set(names))
        assert archive.testzip() is None
        for name in names:
            ElementTree.fromstring(archive.read(name))
        for number in (1, 3):
            sheet = archive.read(f"xl/worksheets/sheet{number}.xml").decode()
            order = re.findall(
                r"<(sheetData|autoFilter|conditionalFormatting|hyperlinks|pageMargins|pageSetup)\b",
                sheet,
            )
            assert order == [
                "sheetData",
                "autoFilter",
                "conditionalFormatting",
                "hyperlinks",
                "pageMargins",
                "pageSetup",
            ]  # Excel refuses any other


def test_a_reader_that_streams_sees_every_row():
    book = opened(Table("T", COLUMNS, [ROW] * 1000), read_only=True)

    rows = list(book.worksheets[0].iter_rows(values_only=True))

    assert len(rows) == 1003
    assert rows[1000][0] == "Uniformes"
    assert {len(row) for row in rows} == {len(COLUMNS)}
    book.close()

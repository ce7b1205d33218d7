"""The sheets beside the tables of a declared workbook: figures with charts, and parameters."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from exports.workbook import Chart, Column, Figure, Figures, Group, Kind, Parameters
from tests.unit.workbook_support import opened

MONEY = "[$R$-416] #,##0.00"


def test_figures_have_tables_totals_and_charts():
    columns = (Column("UF"), Column("Licitações", Kind.INTEGER, total=True))
    sheet = opened(
        Figures(
            "Resumo",
            [
                Figure("Por UF", columns, [("SP", 3), ("RJ", 2)], chart=Chart.BAR),
                Figure("Por modalidade", columns, [("Pregão", 5)], chart=Chart.COLUMN),
                Figure("Por semana", columns, [(date(2026, 11, 23), 1)], chart=Chart.LINE),
                Figure("Sem linhas", columns, [], chart=Chart.BAR),
                Figure("Sem gráfico", columns, [("a", 1)]),
            ],
            heading="Resumo da pesquisa",
            note="nota",
        )
    ).worksheets[0]

    values = [row[:2] for row in sheet.iter_rows(values_only=True)]
    assert values[0][0] == "Resumo da pesquisa"
    start = values.index(("Por UF", None))
    assert values[start + 1 : start + 5] == [
        ("UF", "Licitações"),
        ("SP", 3),
        ("RJ", 2),
        ("Total", 5),
    ]
    assert len(sheet._charts) == 3


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["Pregão", "=1+1"], "strRef"),
        ([date(2026, 11, 23), date(2026, 11, 30)], "numRef"),
    ],
)
def test_a_chart_has_its_values_in_itself(names, kind):
    """Programs that only show a file draw no other ones."""
    columns = (Column("Nome"), Column("Licitações", Kind.INTEGER))
    rows = list(zip(names, [3, None], strict=True))
    book = opened(Figures("Resumo", [Figure("Figura", columns, rows, chart=Chart.LINE)]))

    (chart,) = book.worksheets[0]._charts
    (series,) = chart.series
    assert chart.title.overlay is False
    assert [point.v for point in series.tx.strRef.strCache.pt] == ["Licitações"]
    values = series.val.numRef.numCache
    assert (values.ptCount, [(point.idx, point.v) for point in values.pt]) == (2, [(0, 3)])
    assert values.formatCode == "#,##0"
    place = getattr(series.cat, kind)
    cache = place.strCache if kind == "strRef" else place.numCache
    expected = names if kind == "strRef" else [46349, 46356]
    assert [point.v for point in cache.pt] == expected
    assert place.f == "'Resumo'!$A$5:$A$6"


def test_a_figures_column_of_text_keeps_numbers_as_numbers():
    rows = [("Encontradas", 9), ("Valor somado", Decimal("1198265.64")), ("Setor", "Alimentos")]
    sheet = opened(Figures("Resumo", [Figure("Total", (Column("O quê"), Column("Valor")), rows)]))

    cells = [sheet.worksheets[0].cell(row=row, column=2) for row in (5, 6, 7)]
    assert [(cell.value, cell.data_type) for cell in cells] == [
        (9, "n"),
        (1198265.64, "n"),
        ("Alimentos", "s"),
    ]
    assert cells[1].number_format == MONEY
    heads = sheet.worksheets[0][4]  # over numbers to the right, and so is a text among them
    assert [head.alignment.horizontal for head in heads[:2]] == ["left", "right"]
    assert [cell.alignment.horizontal for cell in cells] == ["right"] * 3


def test_parameters_list_their_values():
    group = Group(
        "Pedido",
        [
            ("UFs", ["SP", "RJ"]),
            ("Exclusões", []),
            ("Valor mínimo", Decimal("10.5")),
            ("Feito em", datetime(2026, 11, 24, 12, 0, tzinfo=UTC)),
        ],
    )
    sheet = opened(Parameters("Parâmetros", [group])).worksheets[0]

    rows = [row[:2] for row in sheet.iter_rows(min_row=3, values_only=True)]
    assert rows == [
        ("Pedido", None),
        ("UFs", "SP"),
        (None, "RJ"),
        ("Exclusões", None),
        ("Valor mínimo", 10.5),
        ("Feito em", datetime(2026, 11, 24, 9, 0)),
    ]

"""What the Excel file of a search says about the search itself."""

import io

import openpyxl
import pytest

from searches import reports
from searches.pages.charts import charts
from tests.integration.conftest import NOW, record
from tests.integration.pipeline_support import sync

pytestmark = pytest.mark.django_db(transaction=True)


async def written(search):
    """The file of a search, opened again."""
    file = io.BytesIO()
    await sync(lambda: reports.write_report(search, file, now=NOW))
    return openpyxl.load_workbook(file)


def asked(book):
    """What the sheet of parameters has, by label."""
    return dict(row[:2] for row in book["Parâmetros"].iter_rows(values_only=True))


def note(book):
    """What stands between the heading of the figures and the first of them."""
    first = [row[0] for row in book["Resumo"].iter_rows(max_row=20, values_only=True)]
    return " ".join(first[1 : first.index(None)])


async def test_a_filter_of_zero_was_asked_for_too(simulate, run):
    await simulate([record(n) for n in range(1, 5)])
    parameters = asked(await written(await run(valor_minimo=0, valor_maximo=0)))
    assert parameters["De fora: fora da faixa de valor"] == 4
    assert (parameters["Valor mínimo"], parameters["Valor máximo"]) == (0, 0)


async def test_what_was_not_asked_for_has_no_row(simulate, run):
    await simulate([record(1)])
    parameters = asked(await written(await run()))
    assert not {"Valor mínimo", "Valor máximo", "Termos", "Órgãos"} & set(parameters)


@pytest.mark.parametrize(
    ("order", "said"), [("prazo_asc", "prazo mais próximo"), (None, "mais novas")]
)
async def test_the_order_is_in_the_words_of_the_form(simulate, run, order, said):
    await simulate([record(1)])
    parameters = asked(await written(await run(ordenacao=order)))
    assert parameters["Ordem"] == said


async def test_the_figures_name_the_states_that_are_missing(simulate, run):
    await simulate(
        [record(n, uf="SP") for n in range(1, 9)]
        + [record(n, uf="RJ") for n in range(100, 220)]
        + [record(999, uf="MG")],
        faults="down:uf=MG,truncate:uf=RJ;page=2",
    )
    book = await written(await run(ufs=["SP", "RJ", "MG"]))
    assert note(book) == (
        "Feito em 20/08/2026 12:00, horário de Brasília. Resultado incompleto: "
        "nada foi lido em Minas Gerais; só uma parte foi lida no Rio de Janeiro."
    )


async def test_the_figures_of_a_whole_search_miss_nothing(simulate, run):
    await simulate([record(1)])
    assert note(await written(await run())) == "Feito em 20/08/2026 12:00, horário de Brasília."


async def test_a_sum_of_nothing_is_not_zero(simulate, run):
    await simulate([record(1, valorTotalEstimado=0), record(2, uf="MG")])
    book = await written(await run(ufs=["SP", "MG"]))
    rows = {row[0]: row[1:3] for row in book["Resumo"].iter_rows(values_only=True)}
    assert rows["SP"] == (1, "não informado")
    assert rows["MG"] == (1, 1000.5)
    book = await written(await run(ufs=["SP"], data_inicial="2026-07-31"))
    rows = {row[0]: row[1] for row in book["Resumo"].iter_rows(values_only=True)}
    assert rows["Valor estimado somado"] == "não informado"
    heads, *_, totals = book["Licitações"].iter_rows(values_only=True)
    assert totals[heads.index("Valor estimado")] == "não informado"


async def test_a_week_of_nothing_has_its_row_as_on_the_page(simulate, run):
    await simulate([record(n, day=f"2026-08-{day:02}") for n, day in enumerate((3, 4, 17), 1)])
    search = await run()
    rows = list((await written(search))["Resumo"].iter_rows(max_col=3, values_only=True))
    first = rows.index(("Semana de", "Licitações", "Valor estimado")) + 1
    weeks = [(f"{week:%d/%m/%Y}", total) for week, total, _ in rows[first : first + 3]]
    assert weeks == [("03/08/2026", 2), ("10/08/2026", 0), ("17/08/2026", 1)]
    assert rows[first + 1][2] is None
    drawn = next(chart for chart in charts(search.summary) if chart.id == "semana")
    assert [(bar.label, int(bar.count)) for bar in drawn.bars] == weeks


async def test_long_courses_are_in_months_on_the_page_and_in_the_file(simulate, run, at):
    at()
    await simulate([record(1, day="2024-11-30"), record(2, valorTotalEstimado=0), record(3)])
    search = await run(modo_busca="abertas")
    rows = list((await written(search))["Resumo"].iter_rows(max_col=3, values_only=True))
    title = rows.index(("Por mês do início da semana de publicação", None, None))
    assert rows[title + 1] == ("Mês", "Licitações", "Valor estimado")
    months = rows[title + 2 : title + 24]
    assert months[0] == ("11/2024", 1, 1000.5)
    assert months[1] == ("12/2024", 0, None)
    assert months[-1] == ("08/2026", 2, 1000.5)
    drawn = next(chart for chart in charts(search.summary) if chart.id == "semana")
    assert (drawn.title, drawn.heading) == (rows[title][0], "Mês")
    assert [(bar.label, int(bar.count)) for bar in drawn.bars] == [row[:2] for row in months]


@pytest.mark.parametrize("name", ["Suspensa", None, "Licitação suspensa"])
@pytest.mark.parametrize("situation", [2, 3, 4])
async def test_what_nobody_can_bid_on_has_no_days_left(simulate, run, situation, name):
    stopped = {"situacaoCompraId": situation, "situacaoCompraNome": name}
    await simulate(
        [record(n, dataEncerramentoProposta="2026-08-21T09:00:00", **changes)
         for n, changes in ((1, {}), (2, stopped))]
    )  # fmt: skip
    heads, *rows = (await written(await run()))["Licitações"].iter_rows(values_only=True)
    left = {row[0]: row[heads.index("Dias restantes")] for row in rows}
    assert [left[record(n)["numeroControlePNCP"]] for n in (1, 2)] == [1, None]


async def test_the_parameters_say_what_became_of_sector_and_words(simulate, run):
    await simulate([record(1)])
    search = await run(setor_id="vestuario", termos_busca="gêneros de para")
    parameters = asked(await written(search))
    assert parameters["Setor"] == (
        "vestuário e uniformes: os termos substituem as suas palavras-chave"
    )
    assert parameters["Termos"] == "gêneros"
    assert parameters["Palavras comuns, não usadas"] == "de, para"


async def test_of_a_long_list_each_item_has_its_row(simulate, run):
    bodies = [f"prefeitura municipal número {n}" for n in range(200)]
    await simulate([record(1)])
    book = await written(await run(orgaos=bodies, exclusion_terms=["luva", "bota"]))
    rows = [row[:2] for row in book["Parâmetros"].iter_rows(values_only=True)]
    first = rows.index(("Órgãos", bodies[0]))
    assert rows[first + 1 : first + 200] == [(None, body) for body in bodies[1:]]
    assert ("Termos excluídos", "luva, bota") in rows


async def test_what_closed_this_morning_has_no_days_left(simulate, run):
    """A 0 would be drawn as urgent: the sheet knows days, not the hour."""
    closes = {1: "20T11:59:00", 2: "20T12:01:00", 3: "21T09:00:00", 4: "19T18:00:00"}
    await simulate(
        [record(n, dataEncerramentoProposta=f"2026-08-{at}") for n, at in closes.items()]
    )
    sheet = (await written(await run()))["Licitações"]
    heads, *rows = sheet.iter_rows(values_only=True)
    left = {row[0]: row[heads.index("Dias restantes")] for row in rows}
    assert [left[record(n)["numeroControlePNCP"]] for n in closes] == [None, 0, 1, None]

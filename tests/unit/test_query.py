"""What may be asked, with every default written out; the doors' errors are in test_api."""

from datetime import date
from decimal import Decimal

import pytest
from django.http import QueryDict

from searches import messages, wording
from searches.domain.errors import QueryError
from searches.domain.notice import NoticeStatus
from searches.domain.query import Mode, Order, SearchQuery, parse_query
from searches.domain.stored import stored_query
from searches.forms import SearchForm

TODAY = date(2026, 11, 24)
LEAST = {"ufs": ["SP"], "setor_id": "alimentos"}


def test_the_defaults_are_those_of_the_contract():
    query = parse_query(LEAST, today=TODAY)
    assert query.mode is Mode.PUBLISHED
    assert (query.first_day, query.last_day) == (date(2026, 11, 18), TODAY)
    assert query.modalities == (4, 5, 6, 7)
    assert query.status is None
    assert query.order is Order.NEWEST
    assert (query.page, query.page_size) == (1, 20)


def test_repeats_are_not_kept_and_codes_are_read_kindly():
    query = parse_query(
        {**LEAST, "ufs": ["sp", "RJ", " SP "], "modalidades": [6, "6", 8], "esferas": ["m", "M"]},
        today=TODAY,
    )
    assert query.ufs == ("SP", "RJ")
    assert query.modalities == (6, 8)
    assert query.spheres == ("M",)


def test_open_mode_does_not_use_the_period():
    query = parse_query({**LEAST, "modo_busca": "abertas", "data_inicial": "nonsense"}, today=TODAY)
    assert query.mode is Mode.OPEN


def test_a_year_is_the_longest_period():
    fields = {**LEAST, "data_final": "2026-11-24"}
    assert parse_query({**fields, "data_inicial": "2025-11-24"}, today=TODAY)
    with pytest.raises(QueryError) as caught:
        parse_query({**fields, "data_inicial": "2025-11-23"}, today=TODAY)
    assert list(caught.value.problems) == ["data_inicial"]


def test_own_terms_replace_the_sector_and_lose_their_stopwords():
    query = parse_query({**LEAST, "termos_busca": "uniforme de escola EPI"}, today=TODAY)
    assert query.terms == ("uniforme", "escola", "EPI")
    assert query.stopwords_removed == ("de",)


def test_values_are_exact_decimals():
    query = parse_query({**LEAST, "valor_minimo": 0.1, "valor_maximo": "1e15"}, today=TODAY)
    assert query.smallest_value == Decimal("0.1")
    assert query.largest_value == Decimal(10) ** 15


def test_it_survives_a_round_trip_through_json():
    query = parse_query(
        {
            **LEAST, "termos_busca": "uniforme escolar, jaleco", "exclusion_terms": ["usado"],
            "municipios": ["3550308"], "orgaos": ["prefeitura"], "valor_minimo": "10.5",
            "status": "recebendo_proposta", "ordenacao": "prazo_asc", "itens_por_pagina": 50,
        },
        today=TODAY,
    )  # fmt: skip
    again = SearchQuery.from_json(query.to_json())
    assert again == query
    assert again.status is NoticeStatus.RECEIVING
    assert stored_query(query.to_json()) == query


@pytest.mark.parametrize("data", [LEAST, {**LEAST, "modo_busca": "abertas"}])
def test_the_defaults_survive_it_too(data):
    query = parse_query(data, today=TODAY)
    assert stored_query(query.to_json()) == query


def test_what_was_stored_is_read_whatever_may_be_asked_today():
    """Sectors go, limits shrink, fields come."""
    data = parse_query(LEAST, today=TODAY).to_json() | {
        "setor_id": "setor-que-acabou", "termos_busca": "a*", "modalidades": [99],
        "ordenacao": "sorte", "data_inicial": "2020-01-01", "orgaos": ["x" * 2000],
        "valor_maximo": "1e16", "campo_que_acabou": 1,
    }  # fmt: skip
    del data["itens_por_pagina"]
    with pytest.raises(QueryError):
        SearchQuery.from_json(data)
    query = stored_query(data)
    assert (query.sector, query.terms) == ("setor-que-acabou", ("a*",))
    assert (query.modalities, query.bodies) == ((99,), ("x" * 2000,))
    assert (query.first_day, query.largest_value) == (date(2020, 1, 1), Decimal("1e16"))
    assert (query.order, query.page_size) == (Order.NEWEST, 20)
    assert "modalidade 99" in wording.conditions(query)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (['"calça"', "“calça jeans”"], ("calça", "calça jeans")),
        (['"calça"', "calça"], ("calça",)),
        (['camisa "polo"', '""', "ar-condicionado"], ("camisa polo", "ar-condicionado")),
    ],
)
def test_exclusions_lose_their_quotes(written, read):
    query = parse_query({**LEAST, "exclusion_terms": written}, today=TODAY)
    assert query.exclusions == read
    assert query.to_json()["exclusion_terms"] == list(read)
    assert SearchQuery.from_json(query.to_json()).exclusions == read


@pytest.mark.parametrize(
    ("changes", "name", "said"),
    [
        (
            {"termos_busca": "uniforme -escolar"}, "termos_busca",
            "“-escolar”: para deixar uma palavra de fora, use “Sem estes termos” e escreva-a sem o "
            "hífen.",
        ),
        (
            {"exclusion_terms": ["usado", "-escolar"]}, "exclusion_terms",
            "“-escolar”: escreva sem o hífen. O que está em “Sem estes termos” já fica de fora.",
        ),
        (
            {"termos_busca": "Calça, jaleco", "exclusion_terms": ['"calca"']}, "exclusion_terms",
            "“calca” está entre os termos que você busca: tire de um dos dois campos.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_left_out_is_said_at_its_field(changes, name, said):
    with pytest.raises(QueryError) as caught:
        parse_query(LEAST | changes, today=TODAY)
    assert messages.problem_texts(caught.value) == {name: [said]}


def test_a_part_of_what_is_asked_may_be_excluded():
    asked = {**LEAST, "termos_busca": "calça jeans, jaleco", "exclusion_terms": ["calça"]}
    assert parse_query(asked, today=TODAY).exclusions == ("calça",)


@pytest.mark.parametrize("excluded", ["jaleco", "JALECOS", "calças jeans"])
def test_what_is_asked_cannot_be_excluded(excluded):
    asked = {**LEAST, "termos_busca": "calça jeans, jaleco", "exclusion_terms": [excluded]}
    with pytest.raises(QueryError) as refused:
        parse_query(asked, today=TODAY)
    assert list(refused.value.problems) == ["exclusion_terms"]


@pytest.mark.parametrize(
    ("written", "read", "shown"),
    [
        ('"calça", usado', ("calça", "usado"), "calça, usado"),
        ('"kit, completo"; usado', ("kit, completo", "usado"), '"kit, completo", usado'),
    ],
)
def test_the_form_reads_exclusions_in_quotes_as_it_reads_terms(written, read, shown):
    data = QueryDict(mutable=True)
    data.update({"ufs": "SP", "setor_id": "alimentos", "exclusion_terms": written})
    query = SearchForm.submitted(data, today=TODAY).query
    assert query.exclusions == read
    again = SearchForm.remembered(query.to_json(), today=TODAY)
    assert again.line("exclusion_terms") == shown


def test_every_problem_is_told_at_once_and_has_words():
    with pytest.raises(QueryError) as caught:
        parse_query({"ufs": ["XX"], "valor_minimo": -1, "status": "?"}, today=TODAY)
    texts = messages.problem_texts(caught.value)
    assert set(texts) == {"ufs", "valor_minimo", "status", "setor_id"}
    assert all(text.endswith(".") for found in texts.values() for text in found)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1.234,56", "1234.5600"), ("R$ 1.234.567,89", "1234567.8900"), ("10", "10.0000"),
        ("10,5", "10.5000"), ("10.5", "10.5000"), ("1.500", "1500.0000"),
    ],
)  # fmt: skip
def test_the_form_reads_numbers_as_brazilians_write_them(written, read):
    data = QueryDict(mutable=True)
    data.update({"ufs": "SP", "setor_id": "alimentos", "valor_minimo": written})
    form = SearchForm.submitted(data, today=TODAY)
    assert form.errors == {}
    assert str(form.query.smallest_value) == read


def test_the_form_counts_the_folded_filters_in_use():
    data = QueryDict(
        "ufs=SP&setor_id=alimentos&modalidades=6&orgaos=a,b&status=todos&valor_minimo=3"
    )
    form = SearchForm.submitted(data, today=TODAY)
    assert form.query.bodies == ("a", "b")
    assert form.more_count == 3

"""Records and pages of the source, dirt included."""

import random
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from searches.domain.brazil import BRASILIA
from searches.domain.errors import SourceMalformed
from searches.domain.notice import Notice
from searches.pncp.payload import parse_notice, parse_page
from tests.unit.pncp_support import RECORD, real_records, record, records


def parsed(**changes: Any) -> Notice:
    return parse_notice(record(**changes), asked_uf=None)


def page_body(data: object, pages: object = 1, total: object = 1) -> bytes:
    return orjson.dumps({"data": data, "totalRegistros": total, "totalPaginas": pages})


def test_a_good_record_is_read_whole():
    notice = parsed()
    assert notice == Notice(
        control_number="12345678000195-1-000042/2026",
        object="Aquisição de uniformes",
        extra="",
        body="MUNICIPIO DE EXEMPLO",
        cnpj="12345678000195",
        sphere="M",
        unit_name="Prefeitura de Exemplo",
        uf="MG",
        municipality="Exemplo",
        ibge="3106200",
        modality=6,
        modality_name="Pregão - Eletrônico",
        situation=1,
        situation_name="Divulgada no PNCP",
        value=Decimal("1234.5"),
        awarded_value=None,
        published_at=datetime(2026, 11, 18, 9, tzinfo=BRASILIA),
        opens_at=datetime(2026, 11, 19, 8, tzinfo=BRASILIA),
        closes_at=datetime(2026, 12, 1, 9, 30, tzinfo=BRASILIA),
        updated_at=datetime(2026, 11, 19, 11, tzinfo=BRASILIA),
        portal_url="https://pncp.gov.br/app/editais/12345678000195/2026/42",
        origin_url="https://exemplo.mg.gov.br/42",
        platform="Compras.gov.br",
    )


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("numeroControlePNCP", None, "$.numeroControlePNCP"),
        ("numeroControlePNCP", " ", "$.numeroControlePNCP"),
        ("numeroControlePNCP", 7, "$.numeroControlePNCP"),
        ("objetoCompra", "\n \x00", "$.objetoCompra"),
        ("objetoCompra", None, "$.objetoCompra"),
    ],
)
def test_a_record_without_key_or_object_is_refused_with_its_path(field, value, path):
    with pytest.raises(SourceMalformed) as caught:
        parsed(**{field: value})
    assert str(caught.value).startswith(path)


def test_a_record_without_any_date_of_publication_is_refused():
    with pytest.raises(SourceMalformed, match="dataPublicacaoPncp"):
        parsed(dataPublicacaoPncp="amanhã", dataInclusao=None)


def test_the_date_of_inclusion_stands_in_for_the_date_of_publication():
    notice = parsed(dataPublicacaoPncp=None)
    assert notice.published_at == datetime(2026, 11, 18, 9, tzinfo=BRASILIA)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (0, None),
        (0.0, None),
        (-5, None),
        (None, None),
        (True, None),
        ("string", None),
        ("1234.5600", Decimal("1234.5600")),
        (0.1, Decimal("0.1")),
        (12345.6789, Decimal("12345.6789")),
        (0.123456, Decimal("0.1235")),
        (0.00001, None),
        (9_999_999_999_999.99, Decimal("9999999999999.99")),
        (43_880_000_000_000.00, Decimal("43880000000000.0")),
        (1e16, None),
        (1e300, None),
        ("NaN", None),
        ("Infinity", None),
    ],
)
def test_money_is_decimal_and_zero_is_not_told(raw, value):
    assert parsed(valorTotalEstimado=raw).value == value
    # A result of 0 says nothing either: it must not close a tender that may still be open.
    assert parsed(valorTotalHomologado=raw).awarded_value == value


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        ("2026-12-01T09:30:00", datetime(2026, 12, 1, 9, 30)),
        ("2026-12-01", datetime(2026, 12, 1, 23, 59, 59)),  # a day lasts to its end
        ("2026-12-01T09:30", datetime(2026, 12, 1, 9, 30)),
        (" 2026-12-01T09:30:00.5 ", datetime(2026, 12, 1, 9, 30, 0, 500_000)),
        ("2026-12-01T09:30:00.123456789", datetime(2026, 12, 1, 9, 30, 0, 123_456)),
        ("2026-12-01T12:30:00Z", datetime(2026, 12, 1, 9, 30)),
        ("2026-12-01T14:30:00+02:00", datetime(2026, 12, 1, 9, 30)),
    ],
)
def test_dates_are_brasilias_whatever_their_precision(raw, moment):
    closes_at = parsed(dataEncerramentoProposta=raw).closes_at
    assert closes_at == moment.replace(tzinfo=BRASILIA)
    assert closes_at.tzinfo is BRASILIA


def test_other_dates_without_a_time_are_the_beginning_of_the_day():
    notice = parsed(dataPublicacaoPncp="2026-12-01", dataAberturaProposta="2026-12-02")
    assert notice.published_at == datetime(2026, 12, 1, tzinfo=BRASILIA)
    assert notice.opens_at == datetime(2026, 12, 2, tzinfo=BRASILIA)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("Botij&atilde;o de g&aacute;s &amp; &#243;leo", "Botijão de gás & óleo"),
        ("P&D; Pesquisa &desconhecida; &copyright", "P&D; Pesquisa &desconhecida; &copyright"),
        ("&nbsp;Tubos&#0;&#x202;", "Tubos\ufffdȂ"),
    ],
)
def test_the_entities_of_pages_are_read(raw, read):
    assert parsed(objetoCompra=raw).object == read


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("aquisiÃ§Ã£o de sinalizaÃ§Ã£o viÃ¡ria", "aquisição de sinalização viária"),
        ("AQUISIÃ‡ÃƒO DE PEÃ‡AS", "AQUISIÇÃO DE PEÇAS"),
        ("Olhos d\x92água \x96 MG", "Olhos d’água – MG"),
        ("CONTRATA\u00c3\u2021\u00c3\u2022ES", "CONTRATAÇÕES"),
        # Not the letter that the two characters would be: the quote is one.
        ("“ESCOLA CIDAD\u00c3\u201d, AÇÕES", "“ESCOLA CIDAD\u00c3\u201d, AÇÕES"),
        ("“BANANA, MAÇ\u00c3\u201d \x96 MG", "“BANANA, MAÇ\u00c3\u201d – MG"),
        ("FEIRA DA MAÇ\u00c3\u2013 2026", "FEIRA DA MAÇ\u00c3\u2013 2026"),
    ],
)
def test_a_text_that_was_encoded_twice_is_read(raw, read):
    assert parsed(objetoCompra=raw).object == read


@pytest.mark.parametrize("raw", ["", "31/12/2026", "0001-01-01T00:00:00", "1899-12-30", 5, None])
def test_an_unreadable_deadline_is_no_deadline(raw):
    assert parsed(dataEncerramentoProposta=raw).closes_at is None


@pytest.mark.parametrize(
    "raw", ["2999-01-01", "9999-12-31T23:59:59", "9999-12-31T23:59:59-03:00", "2201-01-01T00:00"]
)
def test_a_deadline_beyond_what_can_be_stored_is_the_last_moment_that_can(raw):
    assert parsed(dataEncerramentoProposta=raw).closes_at == datetime(
        2200, 12, 31, 23, 59, 59, tzinfo=BRASILIA
    )
    # Elsewhere it is a slip: what else is known is better than a moment out of the air.
    assert parsed(dataAberturaProposta=raw).opens_at is None
    assert parsed(dataPublicacaoPncp=raw, dataInclusao="2026-11-18").published_at.year == 2026


def test_a_modality_without_a_name_has_the_tables():
    assert parsed(modalidadeNome=None).modality_name == "Pregão - Eletrônico"
    assert parsed(modalidadeNome="", modalidadeId=77).modality_name == "modalidade 77"
    assert parsed(modalidadeNome="Pregão").modality_name == "Pregão"


def test_a_situation_without_a_name_has_the_tables():
    assert parsed(situacaoCompraNome=None, situacaoCompraId=4).situation_name == "Suspensa"
    assert parsed(situacaoCompraNome="", situacaoCompraId=9).situation_name == "situação 9"
    assert parsed(situacaoCompraNome=None, situacaoCompraId=None).situation_name == ""
    assert parsed(situacaoCompraNome="Parada", situacaoCompraId=4).situation_name == "Parada"


@pytest.mark.parametrize("more", ["x", " y", "x" * 9000])
def test_an_address_that_is_too_long_is_none_instead_of_another_one(more):
    longest = "https://a.gov.br/".ljust(2000, "x")
    assert parsed(linkSistemaOrigem=longest).origin_url == longest
    assert parsed(linkSistemaOrigem=longest + more).origin_url == ""


def test_the_last_update_falls_back_to_the_header_and_then_to_the_publication():
    made = record()
    del made["dataAtualizacaoGlobal"]
    assert parse_notice(made, asked_uf=None).updated_at.hour == 10
    del made["dataAtualizacao"]
    assert parse_notice(made, asked_uf=None).updated_at.hour == 9


def test_an_empty_uf_falls_back_to_the_one_asked_for_and_then_to_the_municipality():
    made = record(unit__ufSigla="")
    assert parse_notice(made, asked_uf="SP").uf == "SP"
    assert parse_notice(made, asked_uf=None).uf == "MG"
    assert parse_notice(record(), asked_uf="SP").uf == "MG"


@pytest.mark.parametrize(
    ("raw", "ibge"), [(3106200, "3106200"), ("3106200", "3106200"), ("31", ""), (None, "")]
)
def test_the_municipality_code_is_text_of_seven_digits(raw, ibge):
    assert parsed(unit__codigoIbge=raw).ibge == ibge


def test_unknown_codes_pass_through():
    notice = parsed(modalidadeId=77, situacaoCompraId="9", body__esferaId="x")
    assert (notice.modality, notice.situation, notice.sphere) == (77, 9, "X")


def test_codes_that_are_no_codes_become_zero():
    notice = parsed(modalidadeId=10**12, situacaoCompraId="Divulgada")
    assert (notice.modality, notice.situation) == (0, 0)


def test_texts_lose_blanks_line_ends_and_control_characters():
    notice = parsed(
        objetoCompra=" \tCompra\x00 de\r\n pão\x0b\x1b \ud800. ", body__razaoSocial="A\x85B"
    )
    assert notice.object == "Compra de pão ."
    assert notice.body == "A B"


def test_missing_nested_objects_are_empty_and_the_cnpj_comes_from_the_key():
    notice = parsed(orgaoEntidade=None, unidadeOrgao="x")
    assert (notice.body, notice.uf, notice.cnpj) == ("", "", "12345678000195")


def test_odd_records_raise_nothing_but_malformed():
    draw = random.Random(7)
    odd: list[Any] = [
        None,
        "",
        " ",
        "string",
        0,
        -1,
        1e308,
        10**40,
        True,
        [],
        {},
        [{}],
        "9" * 5000,
        "\ud800",
    ]
    odd += [float("nan"), float("inf"), "2026-13-45", {"a": None}, "٣", "²"]
    for _ in range(4000):
        made: dict[str, Any] = record()
        for holder in (made, made["orgaoEntidade"], made["unidadeOrgao"]):
            for name in draw.sample(sorted(holder), draw.randint(0, 4)):
                if draw.random() < 0.3:
                    del holder[name]
                else:
                    holder[name] = draw.choice(odd)
        try:
            notice = parse_notice(made, asked_uf=draw.choice((None, "SP")))
        except SourceMalformed:
            continue
        assert notice.object
        assert notice.published_at.tzinfo is not None


@pytest.mark.parametrize("odd", [None, 3, "x", []])
def test_a_record_that_is_no_object_is_malformed(odd):
    with pytest.raises(SourceMalformed):
        parse_notice(odd, asked_uf=None)


def test_a_page_leaves_out_and_counts_what_cannot_be_identified():
    data = [*records(3), {**RECORD, "numeroControlePNCP": None}, 5]
    page = parse_page(page_body(data, pages=4, total=152), number=2, asked_uf=None)
    assert (len(page.notices), page.malformed_count) == (3, 2)
    assert (page.number, page.total_pages, page.total_records) == (2, 4, 152)
    assert page.listed_count == 5


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$: not JSON"),
        (b"<html>", "$: not JSON"),
        (b'{"data": [', "$: not JSON"),
        (b"[" * 100_000, "$: not JSON"),
        (b'{"data": [], "totalPaginas": ' + b"9" * 9000 + b"}", "$"),
        (b"[]", "$: expected an object"),
        (page_body(None), "$.data"),
        (page_body([], pages=None), "$.totalPaginas"),
        (page_body([{}], pages=3_000_000, total=70), "$.totalPaginas"),
        (page_body([{}], pages=200_000, total=2_000_000), "$.totalPaginas"),
        (page_body([], pages=-1), "$.totalPaginas"),
        (page_body([], total=1.5), "$.totalRegistros"),
    ],
)
def test_what_is_not_the_envelope_is_malformed_with_its_path(body, path):
    with pytest.raises(SourceMalformed) as caught:
        parse_page(body, number=1, asked_uf=None)
    assert str(caught.value).startswith(path)
    assert len(str(caught.value)) < 300


def test_one_platforms_broken_text_does_not_cost_the_page():
    body = page_body(records(2)).replace(b"uniformes", b"\\ud800 p\xe3o \x01", 1)
    page = parse_page(body, number=1, asked_uf=None)
    assert [notice.object[:9] for notice in page.notices] == ["Aquisição", "Aquisição"]


def test_all_real_records_are_read():
    data = real_records()
    page = parse_page(page_body(data, total=len(data)), number=1, asked_uf=None)
    assert (len(page.notices), page.malformed_count) == (973, 0)
    assert all(notice.portal_url and notice.uf and notice.ibge for notice in page.notices)
    zeros = sum(not entry["valorTotalEstimado"] for entry in data)
    assert sum(notice.value is None for notice in page.notices) == zeros

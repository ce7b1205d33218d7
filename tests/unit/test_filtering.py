"""Each notice is kept or left out for one reason; the counters add up."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from searches.domain.brazil import BRASILIA
from searches.domain.filtering import Decider, Reason, Tally
from searches.domain.notice import Notice, NoticeStatus, infer_status
from searches.domain.query import parse_query
from searches.domain.summary import Step, course, days_left, summarise

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=BRASILIA)
NOTICE = Notice(
    control_number="00000000000001-1-000001/2026", object="Aquisição de gêneros alimentícios",
    extra="", body="MUNICÍPIO DE SÃO JOSÉ", cnpj="00000000000001", sphere="M",
    unit_name="Secretaria", uf="SP", municipality="São José", ibge="3550308", modality=6,
    modality_name="Pregão - Eletrônico", situation=1, situation_name="Divulgada no PNCP",
    value=Decimal(1000), awarded_value=None, published_at=NOW - timedelta(days=2),
    opens_at=NOW - timedelta(days=1), closes_at=NOW + timedelta(days=5),
    updated_at=NOW, portal_url="", origin_url="", platform="",
)  # fmt: skip


def decider(**fields):
    data = {"ufs": ["SP"], "setor_id": "alimentos", **fields}
    return Decider(parse_query(data, today=date(2026, 11, 24)), now=NOW)


@pytest.mark.parametrize(
    ("query", "notice", "reason"),
    [
        ({}, {}, None),
        ({}, {"uf": "RJ"}, Reason.UF),
        ({}, {"modality": 8}, Reason.MODALITY),
        ({}, {"published_at": NOW - timedelta(days=40)}, Reason.PERIOD),
        ({"modo_busca": "abertas"}, {"published_at": NOW - timedelta(days=400)}, None),
        ({"modo_busca": "abertas"}, {"closes_at": NOW}, Reason.PERIOD),
        ({"modo_busca": "abertas"}, {"closes_at": None}, Reason.PERIOD),
        ({"modo_busca": "abertas"}, {"situation": 2}, Reason.STATUS),
        ({"modo_busca": "abertas"}, {"situation": 4}, Reason.STATUS),
        ({"modo_busca": "abertas"}, {"awarded_value": Decimal(1)}, None),
        ({"esferas": ["F"]}, {}, Reason.SPHERE),
        ({"municipios": ["3304557"]}, {}, Reason.MUNICIPALITY),
        ({"orgaos": ["sao jose"]}, {}, None),
        ({"orgaos": ["Sa\u0303o Jose\u0301"]}, {}, None),
        ({"orgaos": ["são josé"]}, {"body": "MUNICIPIO DE SA\u0303O JO\u00adSE\u0301"}, None),
        ({"orgaos": ["\u200b josé"]}, {}, None),
        ({"orgaos": ["secretaria"]}, {}, None),
        ({"orgaos": ["campinas"]}, {}, Reason.BODY),
        ({"status": "encerrada"}, {}, Reason.STATUS),
        ({"status": "recebendo_proposta"}, {}, None),
        ({"valor_minimo": 1000, "valor_maximo": 1000}, {}, None),
        ({"valor_minimo": 1001}, {}, Reason.VALUE),
        ({"valor_maximo": 999}, {}, Reason.VALUE),
        ({"valor_maximo": 999}, {"value": None}, Reason.VALUE_UNKNOWN),
        ({}, {"value": None}, None),
        ({"exclusion_terms": ["alimentícios"]}, {}, Reason.EXCLUDED),
        ({}, {"object": "Contratação de seguro de vida"}, Reason.NO_TERM),
        (
            {"termos_busca": "gêneros lápis caderno borracha"},
            {},
            Reason.BELOW_FLOOR,
        ),
        ({"termos_busca": "gêneros lápis caderno"}, {}, None),
        ({"termos_busca": "gênero alimentício, lápis"}, {}, None),
    ],
)
def test_a_notice_is_kept_or_left_out_for_one_reason(query, notice, reason):
    verdict = decider(**query).decide(replace(NOTICE, **notice))
    assert verdict.reason == reason
    assert verdict.kept == (reason is None)


@pytest.mark.parametrize(
    ("notice", "reason"),
    [
        # A filter only counts what is about the subject: that is what letting go of it would bring.
        ({"object": "Contratação de seguro de vida"}, Reason.NO_TERM),
        ({"object": "Gêneros, lápis, caderno e borracha"}, Reason.VALUE),
        ({"object": "Gêneros alimentícios"}, Reason.VALUE),
        # Those below the floor are shown on demand: they pass every other filter.
        ({"object": "Gêneros alimentícios", "value": Decimal(6000)}, Reason.BELOW_FLOOR),
    ],
)
def test_the_subject_comes_before_the_other_filters(notice, reason):
    asked = decider(termos_busca="gêneros lápis caderno borracha", valor_minimo=5000)
    assert asked.decide(replace(NOTICE, **notice)).reason is reason


def test_the_counters_add_up():
    tally, judge = Tally(), decider(valor_maximo=1500)
    for number in range(300):
        notice = replace(
            NOTICE,
            uf=("SP", "RJ")[number % 2],
            value=Decimal(number * 10) or None,
            object=(NOTICE.object, "Seguro")[number % 3 == 0],
        )
        tally.add(judge.decide(notice))
    assert tally.total == 300
    assert tally.kept + sum(tally.reasons.values()) == 300
    assert set(tally.reasons) == {reason.value for reason in Reason}
    doubled = Tally()
    doubled += tally
    doubled += tally
    assert doubled.counts() == {"total_raw": 600, "total_filtrado": 2 * tally.kept}


@pytest.mark.parametrize(
    ("situation", "closes_in", "awarded", "expected"),
    [
        (1, 1, False, NoticeStatus.RECEIVING),
        (1, -1, False, NoticeStatus.JUDGING),
        (1, -1, True, NoticeStatus.CLOSED),
        (1, 1, True, NoticeStatus.RECEIVING),
        (1, None, False, NoticeStatus.CLOSED),
        (2, 1, False, NoticeStatus.CLOSED),
        (3, 1, False, NoticeStatus.CLOSED),
        (4, 1, False, NoticeStatus.JUDGING),
        (77, 1, False, NoticeStatus.RECEIVING),
    ],
)
def test_the_status_follows_from_dates_and_situation(situation, closes_in, awarded, expected):
    closes_at = None if closes_in is None else NOW + timedelta(days=closes_in)
    assert (
        infer_status(situation=situation, closes_at=closes_at, awarded=awarded, now=NOW) is expected
    )


def test_days_left_are_days_of_brasilias_calendar():
    late = datetime(2026, 11, 24, 23, 30, tzinfo=BRASILIA)
    assert days_left(late, NOW) == 0
    assert days_left(late + timedelta(hours=1), NOW) == 1
    assert days_left(NOW - timedelta(days=1), NOW) == -1
    assert days_left(None, NOW) is None


def test_the_summary_adds_up():
    notices = [
        (NOTICE, 80),
        (replace(NOTICE, uf="RJ", value=None), 90),
        (replace(NOTICE, closes_at=NOW + timedelta(days=30), value=Decimal("0.10")), 10),
        (replace(NOTICE, closes_at=NOW - timedelta(days=1)), 99),
    ]
    summary = summarise(notices, now=NOW)
    assert summary["total"] == 4
    assert summary["valor_total"] == "2000.10"
    assert summary["sem_valor"] == 1
    assert summary["recebendo_proposta"] == 3
    assert summary["encerram_em_7_dias"] == 2
    assert summary["estados"] == 2
    assert sum(row["total"] for row in summary["por_uf"]) == 4
    assert sum(row["total"] for row in summary["por_semana"]) == 4
    assert sum(row["total"] for row in summary["por_faixa_de_valor"]) == 3
    assert [entry["relevancia"] for entry in summary["destaques"]] == [90, 80, 10]


@pytest.mark.parametrize(
    ("first", "step", "count"),
    [
        (date(2026, 11, 23), Step.WEEK, 1),
        (date(2025, 11, 17), Step.WEEK, 54),
        (date(2025, 11, 10), Step.MONTH, 13),
        (date(2021, 12, 6), Step.MONTH, 60),
        (date(2021, 11, 29), Step.YEAR, 6),
        (date(1900, 1, 1), Step.YEAR, 127),
    ],
)
def test_a_course_in_time_stays_readable_and_adds_up(first, step, count):
    days = [first, first + timedelta(days=6), date(2026, 11, 23)]
    published = [datetime(day.year, day.month, day.day, tzinfo=BRASILIA) for day in days]
    notices = [(replace(NOTICE, published_at=moment), 50) for moment in published]
    taken_by, steps = course(summarise(notices, now=NOW))
    assert (taken_by, len(steps)) == (step, count)
    assert (sum(total for _, total, _ in steps), sum(value for *_, value in steps)) == (3, 3000)
    assert steps[0][1] == (3 if count == 1 else 2)  # of one week, whatever month it ends in
    begins = {Step.WEEK: first, Step.MONTH: first.replace(day=1), Step.YEAR: date(first.year, 1, 1)}
    assert steps[0][0] == begins[step]


def test_a_course_of_nothing_has_no_steps():
    assert course({}) == (Step.WEEK, [])

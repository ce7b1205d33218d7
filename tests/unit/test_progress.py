"""Percentages, payloads that cross every wire, and the throttle."""

from datetime import UTC, datetime

import msgpack
import orjson
import pytest

from searches import messages
from searches.domain.progress import BANDS, LAST_STAGES, Stage, Throttle, Told, payload, percent
from searches.streams import Offer, offer

AT = datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC)


def test_the_bands_are_those_of_the_contract_and_rise():
    assert {stage.value: band for stage, band in BANDS.items()} == {
        "queued": (0, 0), "connecting": (3, 3), "fetching": (10, 55), "filtering": (60, 70),
        "summary": (75, 90), "excel": (92, 98), "complete": (100, 100), "partial": (100, 100),
        "error": (-1, -1), "cancelled": (-1, -1),
    }  # fmt: skip
    ends = [edge for stage, band in BANDS.items() if stage not in LAST_STAGES for edge in band]
    assert ends == sorted(ends)


@pytest.mark.parametrize(
    ("stage", "fraction", "expected"),
    [
        (Stage.FETCHING, 0, 10),
        (Stage.FETCHING, 0.5, 32),
        (Stage.FETCHING, 1, 55),
        (Stage.FETCHING, 7, 55),
        (Stage.FETCHING, -1, 10),
        (Stage.ERROR, 1, -1),
    ],
)
def test_a_fraction_stays_within_its_band(stage, fraction, expected):
    assert percent(stage, fraction) == expected


def test_progress_never_falls_but_at_an_ending_without_result():
    for told, expected in ((Told(Stage.FETCHING, 0.1), 50), (Told(Stage.CANCELLED), -1)):
        sent = payload(told, seq=3, at=AT, message="x", told_before=50)
        assert sent["progress"] == expected


@pytest.mark.parametrize("stage", list(Stage))
def test_every_event_has_words_and_crosses_json_and_msgpack(stage):
    detail = {
        "uf": "SP", "uf_index": 1, "uf_total": 2, "total_raw": 1463, "total_filtrado": 12,
        "ufs_incompletas": ["MG"], "code": "source.down",
    }  # fmt: skip
    told = Told(stage, 0.5, detail=detail)
    sent = payload(told, seq=17, at=AT, message=messages.event_text(told))
    assert sent["message"]
    assert sent["at"] == "2026-11-24T12:00:00.123Z"
    assert set(sent) == {"seq", "stage", "progress", "message", "status", "detail", "at"}
    assert msgpack.unpackb(msgpack.packb(sent)) == sent
    assert orjson.loads(orjson.dumps(sent)) == sent


@pytest.mark.parametrize(
    ("incomplete", "unread", "said"),
    [
        ("MG BA", "", "Bahia e Minas Gerais ficaram incompletas"),
        ("SP MG", "MG", "Minas Gerais não foi lida; São Paulo ficou incompleta"),
        ("SP MG BA AC GO", "SP MG BA AC GO", "5 estados não foram lidos"),
    ],
)
def test_the_line_of_a_partial_ending_names_the_states(incomplete, unread, said):
    found = {"total_raw": 3, "total_filtrado": 1}
    ufs = {"ufs_incompletas": incomplete.split(), "ufs_nao_lidas": unread.split()}
    told = Told(Stage.PARTIAL, detail=found | ufs)
    text = messages.event_text(told)
    assert text == f"Pronto, mas incompleto: 1 encontrada em 3 lidas. {said}"


@pytest.mark.parametrize(
    ("told_seq", "seq", "expected"),
    [(0, 1, Offer.DELIVER), (3, 3, Offer.SKIP), (3, 1, Offer.SKIP), (3, 5, Offer.GAP)],
)
def test_an_arriving_event_is_delivered_skipped_or_a_gap(told_seq, seq, expected):
    assert offer(told_seq, seq) is expected


def test_the_throttle_lets_four_a_second_through():
    throttle = Throttle(per_second=4)
    admitted = [moment for moment in range(0, 2000, 10) if throttle.admits(moment / 1000)]
    assert len(admitted) == 8

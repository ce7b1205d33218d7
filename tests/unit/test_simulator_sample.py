"""The generated set: the same on every start, realistic, and dirty like the source."""

import re
from collections import Counter
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest

from searches.domain.brazil import BY_CODE
from searches.domain.planning import days_between
from searches.pncp.payload import parse_notice
from searches.pncp.sample import MODALITY_SHARES, UFS, Sample, updated_at
from searches.pncp.sample_bodies import cnpj_of, seats_of
from searches.pncp.sample_places import CITIES
from searches.pncp.sample_records import find_place, record_of
from searches.pncp.sample_texts import SUBJECTS

MONDAY, SUNDAY = date(2026, 11, 9), date(2026, 11, 15)
NOW = datetime(2026, 11, 24, 12, 0)
EVERYTHING = slice(0, 10**6)


@lru_cache(maxsize=1)
def week() -> list[dict[str, Any]]:
    sample = Sample(1)
    return [
        record_of(sample, place, NOW)
        for modality in MODALITY_SHARES
        for place in sample.published(
            MONDAY, SUNDAY, modality=modality, uf=None, now=NOW, within=EVERYTHING
        )[1]
    ]


def test_two_starts_give_the_same_records_and_another_seed_others():
    ask: dict[str, Any] = {"modality": 6, "uf": "MG", "now": NOW, "within": EVERYTHING}
    batches = []
    for seed in (1, 1, 2):
        sample = Sample(seed)
        _, places = sample.published(MONDAY, MONDAY, **ask)
        batches.append([record_of(sample, place, NOW) for place in places])
    assert batches[0] == batches[1] != batches[2]


def test_a_slice_is_a_part_of_the_whole_list():
    sample = Sample(1)
    ask: dict[str, Any] = {"modality": 6, "uf": None, "now": NOW}
    total, places = sample.published(MONDAY, SUNDAY, within=EVERYTHING, **ask)
    assert len(places) == total
    for start in range(0, total, 50):
        assert sample.published(MONDAY, SUNDAY, within=slice(start, start + 50), **ask) == (
            total,
            places[start : start + 50],
        )


def test_today_fills_up_with_the_clock():
    sample = Sample(1)
    day = date(2026, 11, 24)
    counts = []
    for hour in (0, 10, 14, 23):
        now = datetime(2026, 11, 24, hour)
        ask: dict[str, Any] = {"modality": 6, "uf": None, "now": now, "within": EVERYTHING}
        total, places = sample.published(day, day, **ask)
        assert all(
            record_of(sample, p, now)["dataPublicacaoPncp"] <= now.isoformat() for p in places
        )
        counts.append(total)
    assert counts[0] == 0
    assert counts == sorted(set(counts))
    assert sample.published(day + timedelta(days=1), day + timedelta(days=9), **ask) == (0, [])


def test_a_week_has_every_uf_modality_sector_and_sphere():
    records = week()
    assert 4000 < len(records) < 12_000
    assert {record["unidadeOrgao"]["ufNome"] for record in records} == {
        unit.name for unit in BY_CODE.values()
    }
    modalities = Counter(record["modalidadeId"] for record in records)
    assert set(modalities) == set(range(1, 16))
    assert [code for code, _ in modalities.most_common(4)] == [8, 6, 9, 4]
    assert {record["orgaoEntidade"]["esferaId"] for record in records} == set("FEMDN")
    folded = [record["objetoCompra"].lower() for record in records]
    for sector, subject in SUBJECTS.items():
        found = sum(any(phrase.lower() in text for phrase in subject.phrases) for text in folded)
        assert found >= 20, sector


def test_every_uf_has_every_sector_within_a_quarter():
    sample = Sample(1)
    missing = {(uf, sector) for uf in UFS for sector in SUBJECTS}
    for day in days_between(date(2026, 8, 24), date(2026, 11, 23)):
        for uf in {uf for uf, _ in missing}:
            ask: dict[str, Any] = {"modality": 6, "uf": uf, "now": NOW, "within": EVERYTHING}
            for place in sample.published(day, day, **ask)[1]:
                text = record_of(sample, place, NOW)["objetoCompra"].lower()
                for sector, subject in SUBJECTS.items():
                    if any(phrase.lower() in text for phrase in subject.phrases):
                        missing.discard((uf, sector))
    # The smallest ones may lack the rarest sector.
    assert len(missing) <= 12, missing


def test_weekdays_and_large_ufs_have_more():
    days = Counter(record["dataPublicacaoPncp"][:10] for record in week())
    assert days["2026-11-14"] + days["2026-11-15"] < days["2026-11-11"] / 5
    ufs = Counter(record["unidadeOrgao"]["ufSigla"] for record in week())
    assert ufs.most_common(1)[0][0] == "SP"
    assert ufs["RR"] < ufs["SP"] / 15


def test_it_has_the_sources_dirt():
    records = week()
    zeros = sum(record["valorTotalEstimado"] == 0 for record in records) / len(records)
    assert 0.12 < zeros < 0.17
    for modality, share in ((6, 0.0), (8, 0.56), (9, 1.0)):
        some = [record for record in records if record["modalidadeId"] == modality]
        nulls = sum(record["dataEncerramentoProposta"] is None for record in some) / len(some)
        assert nulls == pytest.approx(share, abs=0.05)
    assert {1, 2, 3, 4} == {record["situacaoCompraId"] for record in records}
    links = {record["linkSistemaOrigem"] for record in records}
    assert {None, "", " ", "string", "#"} <= links
    assert any(link and link.startswith("HTTPS://") for link in links)
    assert any(record["objetoCompra"] != record["objetoCompra"].strip() for record in records)
    assert any("dataAtualizacaoGlobal" not in record for record in records)
    assert any(record["unidadeOrgao"]["ufSigla"] == "" for record in records)
    assert any(not record["orgaoEntidade"]["cnpj"].isdigit() for record in records)


def test_some_notices_come_twice_and_the_copy_is_newer():
    versions: dict[str, list[str]] = {}
    for record in week():
        stamp = record.get("dataAtualizacaoGlobal", record["dataPublicacaoPncp"])
        versions.setdefault(record["numeroControlePNCP"], []).append(stamp)
    twice = [stamps for stamps in versions.values() if len(stamps) > 1]
    assert 0.005 < len(twice) / len(versions) < 0.02
    assert all(stamps[-1] >= stamps[0] for stamps in twice)
    assert any(stamps[-1] > stamps[0] for stamps in twice)


def test_keys_are_unique_and_lead_back_to_their_notice():
    sample = Sample(1)
    seen = set()
    for day in days_between(date(2026, 9, 1), date(2026, 9, 8)):
        for modality in MODALITY_SHARES:
            _, places = sample.published(
                day, day, modality=modality, uf=None, now=NOW, within=EVERYTHING
            )
            for place in places:
                outline = sample.outlines(day, place.uf, modality)[place.number]
                if outline.original >= 0:
                    continue
                key = record_of(sample, place, NOW)["numeroControlePNCP"]
                assert re.fullmatch(r"[0-9A-Z]{14}-1-\d{6}/2026", key)
                assert key not in seen
                seen.add(key)
                cnpj, sequence, year = re.split("-1-|/", key)
                assert find_place(sample, cnpj, int(year), int(sequence), NOW) == place
    assert len(seen) > 6_000


@pytest.mark.parametrize(
    ("cnpj", "year", "sequence"),
    [("0" * 14, 2026, 1), (cnpj_of("x"), 1, 0), (cnpj_of("x"), 9999, 5)],
)
def test_an_unknown_key_leads_nowhere(cnpj, year, sequence):
    assert find_place(Sample(1), cnpj, year, sequence, NOW) is None


def test_results_and_changes_appear_with_the_clock():
    sample = Sample(1)
    ask: dict[str, Any] = {"modality": 6, "uf": None, "now": NOW, "within": EVERYTHING}
    _, places = sample.published(date(2026, 9, 1), date(2026, 9, 1), **ask)
    soon, later = datetime(2026, 9, 2), datetime(2026, 11, 20)
    results = [
        sum(record_of(sample, place, now)["valorTotalHomologado"] is not None for place in places)
        for now in (soon, later)
    ]
    assert results[0] == 0 < results[1]
    for place in places:
        record = record_of(sample, place, later)
        assert record.get("dataAtualizacaoGlobal", "") <= later.isoformat()
        assert record["dataAtualizacao"] <= later.isoformat()


def test_open_notices_are_those_with_their_deadline_ahead():
    sample = Sample(1)
    last = date(2026, 12, 4)
    places = sample.open_at(NOW, last, 6, "MG")
    assert len(places) > 50
    for place in places:
        closes = record_of(sample, place, NOW)["dataEncerramentoProposta"]
        assert NOW.isoformat() <= closes <= "2026-12-04T23:59:59"
    every = sample.open_at(NOW, date(2027, 11, 24), None, None)
    assert set(places) < set(every)


def test_updates_are_listed_on_the_day_of_their_last_change():
    sample = Sample(1)
    day = date(2026, 11, 23)
    places = sample.updated(day, day, modality=6, uf="SP", now=NOW)
    assert places
    assert {updated_at(sample.outlines(p.day, p.uf, 6)[p.number], NOW).date() for p in places} == {
        day
    }


def test_every_generated_record_is_read():
    notices = [parse_notice(record, asked_uf=None) for record in week()]
    assert all(notice.uf in BY_CODE and notice.portal_url for notice in notices)
    assert all(notice.ibge.startswith(BY_CODE[notice.uf].ibge) for notice in notices)


def test_municipalities_have_their_ufs_codes_and_bodies_a_cnpj_of_their_own():
    for uf, cities in CITIES.items():
        assert all(re.fullmatch(r"\d{7}", code) for code, _ in cities)
        assert all(code.startswith(BY_CODE[uf].ibge) for code, _ in cities)
    names = {(seat.body.cnpj, seat.body.name) for uf in UFS for seat in seats_of(uf)}
    assert len({cnpj for cnpj, _ in names}) == len(names)

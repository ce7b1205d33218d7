"""A generated notice as the source would send it, dirt included. Floor 1."""

import math
import random
import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from searches.domain.brazil import BY_CODE
from searches.domain.tables import MODALITY_BY_CODE
from searches.pncp.sample import MOST_IN_BUCKET, Outline, Place, Sample, updated_at
from searches.pncp.sample_bodies import MOST_SEATS, Body, Seat, seats_of, uf_of_cnpj
from searches.pncp.sample_texts import SUBJECTS
from searches.pncp.sample_writing import AUCTIONED, ENDINGS, OPENINGS, as_written, unaccented

_SITUATIONS = {1: "Divulgada no PNCP", 2: "Revogada", 3: "Anulada", 4: "Suspensa"}
_DISPUTES = {1: "Aberto", 3: "Aberto-Fechado", 4: "Dispensa Com Disputa", 5: "Não se aplica"}
_INSTRUMENTS = {
    1: "Edital",
    2: "Aviso de Contratação Direta",
    3: "Ato que autoriza a Contratação Direta",
    4: "Edital de Chamamento Público",
}
_LAWS: dict[int, tuple[int, str]] = {
    4: (2, "Lei 14.133/2021, Art. 28, II"),
    5: (2, "Lei 14.133/2021, Art. 28, II"),
    6: (1, "Lei 14.133/2021, Art. 28, I"),
    7: (1, "Lei 14.133/2021, Art. 28, I"),
    8: (19, "Lei 14.133/2021, Art. 75, II "),
    9: (6, "Lei 14.133/2021, Art. 74, I"),
}
_PORTALS = ("https://www.gov.br/compras/edital/", "https://bllcompras.com/Process/", "")
#: What stands in linkSistemaOrigem instead of an address.
_NO_LINKS = (None, None, None, None, "", "", "string", " ", "#")


def record_of(sample: Sample, place: Place, now: datetime) -> dict[str, Any]:
    """Return a notice as it stands at `now` (naive, Brasília's), in the shape of the lists."""
    outlines = sample.outlines(place.day, place.uf, place.modality)
    outline = outlines[place.number]
    listed_at = outline.published
    index = place.number
    if outline.original >= 0:
        index = outline.original
        outline = outlines[index]
    draw = random.Random(  # noqa: S311 - no secret
        f"{sample.seed}|{place.day}|{place.uf}|{place.modality}|{index}"
    )
    seat = _seat(sample.seed, place.day, place.uf, place.modality, index)
    body = seat.body
    sequence = _sequence(place, index, seat)
    updated = max(updated_at(outline, now), listed_at)
    subject, value = _subject_and_value(draw, place.modality, body)
    situation = outline.situation if outline.stopped and outline.stopped <= now else 1
    settled = outline.settled is not None and outline.settled <= now
    awarded = round(value * draw.uniform(0.71, 0.99), 2) if settled and value else None
    year = place.day.year
    record: dict[str, Any] = {
        "srp": "egistro de" in subject,
        "orgaoEntidade": {
            "cnpj": body.cnpj,
            "poderId": body.power,
            "esferaId": body.sphere,
            "razaoSocial": body.name,
        },
        "anoCompra": year,
        "sequencialCompra": sequence,
        "dataInclusao": _text(outline.published),
        "dataPublicacaoPncp": _text(outline.published),
        "dataAtualizacao": _text(min(outline.edited, updated)),
        "numeroCompra": draw.choice((f"{sequence % 400 + 1}/{year}", f"9{sequence % 10**4:04d}")),
        "unidadeOrgao": {
            "ufNome": BY_CODE[body.uf].name,
            "codigoUnidade": body.unit_code,
            "nomeUnidade": body.unit_name,
            # A few federal bodies come without their UF.
            "ufSigla": "" if body.sphere == "F" and draw.random() < 0.02 else body.uf,
            "municipioNome": body.city,
            "codigoIbge": body.ibge,
        },
        "amparoLegal": _law(place.modality),
        "dataAberturaProposta": outline.opens and _text(outline.opens),
        "dataEncerramentoProposta": outline.closes and _text(outline.closes),
        "informacaoComplementar": draw.choice((None, "", "Sessão pública na plataforma do órgão.")),
        "processo": f"{draw.randint(1, 9999):04d}/{year}",
        "objetoCompra": subject,
        "linkSistemaOrigem": _link(draw, body, sequence, year),
        "justificativaPresencial": draw.choice((None, None, None, "")),
        "unidadeSubRogada": None,
        "orgaoSubRogado": None,
        "valorTotalHomologado": awarded,
        "linkProcessoEletronico": None,
        "numeroControlePNCP": f"{body.cnpj}-1-{sequence:06d}/{year}",
        "modalidadeId": place.modality,
        "dataAtualizacaoGlobal": _text(updated),
        "valorTotalEstimado": value,
        "modalidadeNome": MODALITY_BY_CODE[place.modality].name,
        "fontesOrcamentarias": [],
        "situacaoCompraId": situation,
        "situacaoCompraNome": _SITUATIONS[situation],
        "usuarioNome": body.platform,
        "emendaParlamentar": None,
    }
    record |= _form(place.modality, outline)
    if listed_at == updated == outline.published and draw.random() < 0.05:
        del record["dataAtualizacaoGlobal"]
    return record


def find_place(sample: Sample, cnpj: str, year: int, sequence: int, now: datetime) -> Place | None:
    """Return where a generated notice stands, from the parts of its control number."""
    uf = uf_of_cnpj(cnpj)
    if uf is None or not 2000 <= year <= 2100 or not 1 <= sequence < 10**6:
        return None
    bucket = (sequence - 1) // (_rounds(uf) * MOST_SEATS)
    day = date(year, 1, 1) + timedelta(days=bucket // 19)
    modality = bucket % 19 + 1
    for index, outline in enumerate(sample.outlines(day, uf, modality)):
        place = Place(day, uf, modality, index)
        seat = _seat(sample.seed, day, uf, modality, index)
        if (
            outline.original < 0
            and outline.published <= now
            and seat.body.cnpj == cnpj
            and _sequence(place, index, seat) == sequence
        ):
            return place
    return None


def _rounds(uf: str) -> int:
    """Return how often a bucket may go around the cycle of its UF."""
    return -(-MOST_IN_BUCKET // len(seats_of(uf)))


@lru_cache(maxsize=20_000)
def _turnaround(seed: int, day: date, uf: str, modality: int) -> tuple[int, int]:
    """Return a bucket's first seat in the cycle of its UF, and its stride (each seat once)."""
    draw = random.Random(f"{seed}|{day}|{uf}|{modality}|seats")  # noqa: S311 - no secret
    length = len(seats_of(uf))
    stride = draw.randrange(1, length)
    while math.gcd(stride, length) != 1:
        stride += 1
    return draw.randrange(length), stride


def _seat(seed: int, day: date, uf: str, modality: int, index: int) -> Seat:
    start, stride = _turnaround(seed, day, uf, modality)
    seats = seats_of(uf)
    return seats[(start + index * stride) % len(seats)]


def _sequence(place: Place, index: int, seat: Seat) -> int:
    """Return a number that no other notice of the same body has in that year."""
    bucket = (place.day.timetuple().tm_yday - 1) * 19 + place.modality - 1
    lap = bucket * _rounds(place.uf) + index // len(seats_of(place.uf))
    return lap * MOST_SEATS + seat.number + 1


def _subject_and_value(draw: random.Random, modality: int, body: Body) -> tuple[str, float]:
    if modality in (1, 13):
        text = draw.choice(OPENINGS["sale"]).format(draw.choice(AUCTIONED))
        return as_written(draw, text), round(draw.lognormvariate(12, 1), 2)
    names, subjects = list(SUBJECTS), list(SUBJECTS.values())
    works = modality in (2, 4, 5)  # concorrências are mostly works
    weights = [
        subject.weight * (8 if works and subject.kind == "works" else 1) for subject in subjects
    ]
    subject = SUBJECTS[draw.choices(names, weights=weights)[0]]
    text = draw.choice(OPENINGS[subject.kind]).format(draw.choice(subject.phrases))
    text = text[0].upper() + text[1:] + draw.choice(ENDINGS).format(body.unit_name)
    if draw.random() < 0.14:
        return as_written(draw, text), 0.0  # secret, or not told
    scale = 0.12 if modality in (8, 9) else 1.0
    value = subject.typical_reais * scale * draw.lognormvariate(0, 0.9)
    return as_written(draw, text), round(value, draw.choice((2, 2, 2, 4)))


def _link(draw: random.Random, body: Body, sequence: int, year: int) -> str | None:
    chance = draw.random()
    if chance < 0.2:
        return draw.choice(_NO_LINKS)
    site = re.sub("[^a-z]", "", unaccented(body.city).lower()) + f".{body.uf.lower()}.gov.br"
    if chance < 0.215:
        return site  # no scheme
    if chance < 0.22:
        return f"HTTPS://{site.upper()}/LICITACOES"
    portal = draw.choice(_PORTALS) or f"https://transparencia.{site}/licitacoes/"
    return f"{portal}{year}{sequence:06d}"


def _law(modality: int) -> dict[str, Any]:
    code, name = _LAWS.get(modality, (4, "Lei 14.133/2021, Art. 28"))
    return {"codigo": code, "nome": name, "descricao": MODALITY_BY_CODE[modality].name}


def _form(modality: int, outline: Outline) -> dict[str, Any]:
    """Return mode of dispute and instrument, which follow from modality and window."""
    if modality in (8, 9, 14):
        dispute, instrument = (4, 2) if outline.closes else (5, 3)
    elif modality in (10, 11, 12, 15):
        dispute, instrument = 5, 4
    else:
        dispute, instrument = (3 if modality == 6 and outline.published.minute % 3 else 1), 1
    return {
        "modoDisputaId": dispute,
        "modoDisputaNome": _DISPUTES[dispute],
        "tipoInstrumentoConvocatorioCodigo": instrument,
        "tipoInstrumentoConvocatorioNome": _INSTRUMENTS[instrument],
    }


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")

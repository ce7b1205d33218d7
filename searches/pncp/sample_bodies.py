"""The bodies of the generated set: prefeituras, chambers, funds, state and federal. Floor 1."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from searches.domain.brazil import BY_CODE
from searches.pncp.sample_places import CITIES

#: A large city's bodies buy more: seats in the cycle of a UF for its first, second... city.
_CITY_WEIGHTS = (6, 4, 3, 3, 2, 2, 2)
#: Most seats that one body may have in the cycle.
MOST_SEATS = 6
_FIRST_WEIGHTS = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
_SECOND_WEIGHTS = (6, *_FIRST_WEIGHTS)


@dataclass(frozen=True, slots=True)
class Body:
    """One buying unit with its legal body."""

    cnpj: str
    name: str  # razaoSocial
    sphere: str
    power: str
    unit_code: str
    unit_name: str
    uf: str
    city: str
    ibge: str
    platform: str


@dataclass(frozen=True, slots=True)
class Seat:
    """A body's seat in the cycle of its UF; `number` numbers the seats of one body from 0."""

    body: Body
    number: int


def cnpj_of(name: str) -> str:
    """Return a made-up CNPJ with right check digits; some have letters, as since July 2026."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    base = f"{int(digest[:12], 16) % 10**8:08d}0001"
    if int(digest[12:16], 16) % 40 == 0:
        base = "".join("ABCDEFGHJK"[int(digit)] for digit in base[:2]) + base[2:]
    for weights in (_FIRST_WEIGHTS, _SECOND_WEIGHTS):
        total = sum((ord(char) - 48) * weight for char, weight in zip(base, weights, strict=True))
        base += str(0 if total % 11 < 2 else 11 - total % 11)
    return base


@lru_cache(maxsize=27)
def seats_of(uf: str) -> tuple[Seat, ...]:
    """Return the cycle of a UF: every body, the larger ones several times."""
    seats: list[Seat] = []
    for name, sphere, power, unit, city_index, weight in _bodies(uf):
        ibge, city = CITIES[uf][city_index]
        number = int(hashlib.sha256(f"{uf}{name}{unit}".encode()).hexdigest()[:8], 16)
        platform = _PLATFORMS[number % len(_PLATFORMS)] if sphere != "F" else _PLATFORMS[0]
        body = Body(
            cnpj=cnpj_of(f"{uf} {name}"),
            name=name,
            sphere=sphere,
            power=power,
            unit_code=str(number % 999_000 + 1),
            unit_name=unit,
            uf=uf,
            city=city,
            ibge=ibge,
            platform=platform,
        )
        seats += [Seat(body, number) for number in range(weight)]
    return tuple(seats)


def uf_of_cnpj(cnpj: str) -> str | None:
    """Return the UF whose bodies include this CNPJ."""
    return _uf_by_cnpj().get(cnpj)


@lru_cache(maxsize=1)
def _uf_by_cnpj() -> dict[str, str]:
    return {seat.body.cnpj: uf for uf in CITIES for seat in seats_of(uf)}


_PLATFORMS = (
    "Compras.gov.br",
    "Compras.gov.br",
    "Compras.gov.br",
    "BLL Compras",
    "Portal de Compras Públicas",
    "Licitanet - Licitações On-line",
    "BNC - Bolsa Nacional de Compras",
    "Betha Sistemas",
    "IPM Sistemas",
    "Governançabrasil Tecnologia e Gestão em Serviços",
    "Licitar Digital",
)


def _bodies(uf: str) -> Iterator[tuple[str, str, str, str, int, int]]:
    """Yield razão social, sphere, power, unit, index of the city, and weight."""
    state = BY_CODE[uf].name
    if uf == "DF":
        for subject in ("Saúde", "Educação", "Segurança Pública", "Obras e Infraestrutura"):
            unit = f"Secretaria de Estado de {subject} do Distrito Federal"
            yield unit.upper(), "D", "E", unit, 0, 3
        yield "COMPANHIA URBANIZADORA DA NOVA CAPITAL DO BRASIL", "D", "N", "NOVACAP", 0, 2
        yield "CAMARA LEGISLATIVA DO DISTRITO FEDERAL", "D", "L", "CLDF - Compras", 0, 1
        for ministry in ("da Saúde", "da Educação", "da Defesa", "da Justiça", "da Fazenda"):
            unit = f"Ministério {ministry} - Coordenação-Geral de Licitações"
            yield f"MINISTERIO {ministry}".upper(), "F", "E", unit, 0, 2
    else:
        for index, (_, city) in enumerate(CITIES[uf]):
            weight = _CITY_WEIGHTS[index] if index < len(_CITY_WEIGHTS) else 1
            town = f"MUNICIPIO DE {city.upper()}"
            yield town, "M", "N", f"Prefeitura Municipal de {city}", index, weight
            fund = f"FUNDO MUNICIPAL DE SAUDE DE {city.upper()}"
            yield (
                fund,
                "M",
                "E",
                f"Secretaria Municipal de Saúde de {city}",
                index,
                max(1, weight // 2),
            )
            if index % 3 == 0:
                chamber = f"CAMARA MUNICIPAL DE {city.upper()}"
                yield chamber, "M", "L", f"Câmara Municipal de {city}", index, 1
            if index % 4 == 1:
                water = f"SERVICO AUTONOMO DE AGUA E ESGOTO DE {city.upper()}"
                yield water, "M", "N", f"SAAE {city}", index, 1
        for subject in ("Educação", "Saúde", "Segurança Pública", "Administração"):
            unit = f"Secretaria de Estado de {subject} - {uf}"
            yield f"ESTADO {_of(uf)} {state} - {subject}".upper(), "E", "E", unit, 0, 2
        court = f"TRIBUNAL DE JUSTICA DO ESTADO {_of(uf)} {state}".upper()
        yield court, "E", "J", f"Tribunal de Justiça - {uf}", 0, 1
    federal = f"UNIVERSIDADE FEDERAL {_of(uf)} {state}".upper()
    yield federal, "F", "E", f"Pró-Reitoria de Administração - {state}", 0, 2
    institute = f"INSTITUTO FEDERAL DE EDUCACAO, CIENCIA E TECNOLOGIA {_of(uf)} {state}".upper()
    yield institute, "F", "E", f"Instituto Federal - Reitoria {uf}", 0, 1
    army = f"COMANDO DO EXERCITO - GUARNICAO {uf}"
    yield army, "F", "E", f"Batalhão de Infantaria - Guarnição de {CITIES[uf][0][1]}", 0, 1
    # The source knows bodies without a sphere as well.
    council = f"CONSELHO REGIONAL DE ENFERMAGEM - {uf}"
    yield council, "N", "N", f"COREN-{uf}", 0, 1


def _of(uf: str) -> str:
    """Return the contraction that the name of the state takes."""
    if uf in {"AL", "GO", "MG", "MT", "MS", "PE", "RO", "RR", "SC", "SE", "SP"}:
        return "DE"
    return "DA" if uf in {"BA", "PB"} else "DO"

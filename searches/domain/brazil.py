"""The 27 units of the federation, their regions and municipalities, Brasília's clock. Floor 0."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

#: PNCP's dates carry no zone; they are Brasília's (README of the source, section 4).
BRASILIA = ZoneInfo("America/Sao_Paulo")


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of the federation (UF)."""

    code: str  # two letters, as in PNCP's ufSigla
    name: str
    region: str
    ibge: str  # the first two digits of its municipalities' IBGE codes
    column: int  # place on the tile map, from 1
    row: int


UNITS: tuple[Unit, ...] = (
    Unit("AC", "Acre", "Norte", "12", 1, 3),
    Unit("AL", "Alagoas", "Nordeste", "27", 7, 4),
    Unit("AM", "Amazonas", "Norte", "13", 2, 2),
    Unit("AP", "Amapá", "Norte", "16", 4, 1),
    Unit("BA", "Bahia", "Nordeste", "29", 5, 3),
    Unit("CE", "Ceará", "Nordeste", "23", 6, 2),
    Unit("DF", "Distrito Federal", "Centro-Oeste", "53", 5, 4),
    Unit("ES", "Espírito Santo", "Sudeste", "32", 6, 5),
    Unit("GO", "Goiás", "Centro-Oeste", "52", 4, 4),
    Unit("MA", "Maranhão", "Nordeste", "21", 4, 2),
    Unit("MG", "Minas Gerais", "Sudeste", "31", 5, 5),
    Unit("MS", "Mato Grosso do Sul", "Centro-Oeste", "50", 3, 4),
    Unit("MT", "Mato Grosso", "Centro-Oeste", "51", 3, 3),
    Unit("PA", "Pará", "Norte", "15", 3, 2),
    Unit("PB", "Paraíba", "Nordeste", "25", 7, 3),
    Unit("PE", "Pernambuco", "Nordeste", "26", 6, 3),
    Unit("PI", "Piauí", "Nordeste", "22", 5, 2),
    Unit("PR", "Paraná", "Sul", "41", 4, 6),
    Unit("RJ", "Rio de Janeiro", "Sudeste", "33", 5, 6),
    Unit("RN", "Rio Grande do Norte", "Nordeste", "24", 7, 2),
    Unit("RO", "Rondônia", "Norte", "11", 2, 3),
    Unit("RR", "Roraima", "Norte", "14", 2, 1),
    Unit("RS", "Rio Grande do Sul", "Sul", "43", 3, 8),
    Unit("SC", "Santa Catarina", "Sul", "42", 4, 7),
    Unit("SE", "Sergipe", "Nordeste", "28", 6, 4),
    Unit("SP", "São Paulo", "Sudeste", "35", 4, 5),
    Unit("TO", "Tocantins", "Norte", "17", 4, 3),
)
BY_CODE: dict[str, Unit] = {unit.code: unit for unit in UNITS}
REGIONS: dict[str, tuple[str, ...]] = {
    region: tuple(unit.code for unit in UNITS if unit.region == region)
    for region in ("Norte", "Nordeste", "Centro-Oeste", "Sudeste", "Sul")
}
#: UF by its IBGE code.
BY_IBGE: dict[str, str] = {unit.ibge: unit.code for unit in UNITS}


@cache
def municipalities() -> dict[str, tuple[str, str]]:
    """Return (UF, name) of each of the 5,570 municipalities by its IBGE code (IBGE's own list)."""
    text = (files("searches.domain") / "municipalities.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {code: (BY_IBGE[code[:2]], name) for code, name in rows}

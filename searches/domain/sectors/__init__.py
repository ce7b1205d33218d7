"""The sectors' vocabularies: one TOML file each, and what all of them share. Floor 0.

`_common.toml` explains the zones; the field comments below are the format of a sector's file.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

#: The order in which sectors are offered.
SECTOR_IDS = (
    "vestuario",
    "alimentos",
    "informatica",
    "software_desenvolvimento",
    "software_licencas",
    "mobiliario",
    "papelaria",
    "engenharia",
    "engenharia_rodoviaria",
    "servicos_prediais",
    "produtos_limpeza",
    "manutencao_predial",
    "medicamentos",
    "equipamentos_medicos",
    "insumos_hospitalares",
    "vigilancia",
    "transporte_servicos",
    "frota_veicular",
    "materiais_eletricos",
    "materiais_hidraulicos",
)


@dataclass(frozen=True, slots=True)
class Sector:
    """A sector as the user sees it."""

    id: str
    name: str
    description: str
    terms: tuple[str, ...]
    exclusions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NearTerms:
    """Terms that count only with a context word within `window` words."""

    terms: tuple[str, ...]
    context: tuple[str, ...]
    window: int
    weight: float
    or_first: bool  # what an object names first needs no context


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A sector's file, read.

    In a term each word is found in singular and plural, function words do not count, `a|b` is
    either word, `=word` is that form only and `pre*` is any word that begins so,
    `#mg` is that unit after a number.
    """

    sector: Sector
    strong: tuple[str, ...]  # weight 1: one of them, in the head of the object, decides
    general: tuple[str, ...]  # weight 1, all of them together once: they name a trade, not a thing
    weak: tuple[str, ...]  # weight 0.4: three different ones decide
    near: tuple[NearTerms, ...]
    masks: tuple[str, ...]  # words inside these phrases are no evidence
    against_weight: float
    against: tuple[str, ...]  # one of them takes that away: the object is about something else
    other_trades: tuple[str, ...]  # one of them says which trade it is: no general term counts


@dataclass(frozen=True, slots=True)
class Zone:
    """Words that open a stretch of the object, and what evidence in it is worth."""

    factor: float | None  # None: the words open nothing, though shorter ones in them do
    sticky: bool  # goes on to the end, whatever comes
    words: int  # how many words long; 0: until the next zone
    only_from: float  # opens only where places are worth at least this
    after_naming: bool  # opens nothing after a head that names nothing
    openers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Common:
    """What every sector shares."""

    function_words: frozenset[str]
    abbreviations: dict[str, str]
    units: frozenset[str]
    generic: dict[str, int]  # and how common they are: 0 is the most common
    names_nothing: frozenset[str]
    masks: tuple[str, ...]
    zones: tuple[Zone, ...]


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files(__name__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


@cache
def load_common() -> Common:
    """Return what every sector shares."""
    data = _read("_common")
    return Common(
        function_words=frozenset(data["function_words"].split()),
        abbreviations=dict(data["abbreviations"]),
        units=frozenset(data["units"]["names"].split()),
        generic={word: rank for rank, word in enumerate(data["generic"].split())},
        names_nothing=frozenset(data["names_nothing"].split()),
        masks=tuple(data["masks"]),
        zones=tuple(
            Zone(
                zone.get("factor"),
                zone.get("sticky", False),
                zone.get("words", 0),
                zone.get("from", 0.0),
                zone.get("after_naming", False),
                tuple(zone["openers"]),
            )
            for zone in data["zone"]
        ),
    )


@cache
def load_vocabulary(sector_id: str) -> Vocabulary:
    """Return a sector's vocabulary. Raises KeyError when there is no such sector."""
    if sector_id not in SECTOR_IDS:
        raise KeyError(sector_id)
    data = _read(sector_id)
    near = tuple(
        NearTerms(
            tuple(group["terms"]),
            tuple(group["context"]),
            group.get("window", 6),
            group.get("weight", 1.0),
            group.get("or_first", False),
        )
        for group in data.get("near", ())
    )
    strong, weak = tuple(data["strong"]), tuple(data.get("weak", ()))
    masks, against = tuple(data.get("masks", ())), _with_groups(data.get("against", ()))
    general, other_trades = tuple(data.get("general", ())), tuple(data.get("other_trades", ()))
    terms = dict.fromkeys((*strong, *general, *(t for group in near for t in group.terms), *weak))
    sector = Sector(
        id=sector_id,
        name=data["name"],
        description=data["description"],
        terms=tuple(dict.fromkeys(readable(term) for term in terms)),
        exclusions=tuple(dict.fromkeys(readable(term) for term in (*masks, *against))),
    )
    against_weight = data.get("against_weight", 1.0)
    return Vocabulary(
        sector, strong, general, weak, near, masks, against_weight, against, other_trades
    )


def _with_groups(phrases: list[str]) -> tuple[str, ...]:
    """Return the phrases, with `@name` replaced by a group of the common file."""
    groups: dict[str, list[str]] = _read("_common")["groups"]
    found: list[str] = []
    for phrase in phrases:
        found.extend(groups[phrase[1:]] if phrase.startswith("@") else [phrase])
    return tuple(found)


def readable(term: str) -> str:
    """Return a term as it is shown: the first of the alternatives of each word."""
    return " ".join(word.split("|")[0].lstrip("=#") for word in term.split())


@cache
def all_sectors() -> tuple[Sector, ...]:
    """Return every sector, in the order in which they are offered."""
    return tuple(load_vocabulary(sector_id).sector for sector_id in SECTOR_IDS)

"""The search form: what a browser sends, turned into a request of the contract. Floor 6."""

import re
from collections.abc import Mapping, Sequence, Set
from datetime import date
from typing import Any

from django.http import QueryDict

from searches import messages, wording
from searches.domain import brazil, matching, tables
from searches.domain.errors import QueryError
from searches.domain.query import MOST_ENTRIES, Mode, SearchQuery, parse_query
from searches.places import Places

_LISTS = ("ufs", "modalidades", "esferas")
_LINES = ("municipios", "orgaos", "exclusion_terms")  # written one after another, by commas
_TEXTS = (
    "modo_busca", "data_inicial", "data_final", "setor_id", "termos_busca", "valor_minimo",
    "valor_maximo", "status", "ordenacao", "itens_por_pagina", "search_id",
)  # fmt: skip
#: Written as people do: 1.234.567,89
_BRAZILIAN_NUMBER = re.compile(r"^\d{1,3}(\.\d{3})+(,\d+)?$|^\d+,\d+$")
_ENTRY = re.compile(r"[^,;\n]+")
#: As in the user's terms. A quote that opens ends the look for the one before: of many that never
#: close each would be followed to the end of the text.
_QUOTED_ENTRY = re.compile(r'(?:"[^"]*"|“[^“”]*”|[^,;\n])+')
#: What is written by commas: more than all entries of a question are worth.
LONGEST_LINE = 20_000
MORE_FILTERS = (
    "modalidades", "esferas", "municipios", "orgaos", "valor_minimo", "valor_maximo", "status",
    "exclusion_terms",
)  # fmt: skip


class SearchForm:
    """Values and errors of the form's fields; `query` when everything is right.

    The rules are the query's own (`parse_query`): page and API refuse the same things.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        today: date,
        bound: bool,
        refused: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.values = dict(values)
        self.places = Places()
        self.errors: dict[str, list[str]] = {}
        #: which of the two ways to say what is sold: setor or termos
        self.what = "termos" if self.values.get("termos_busca") else "setor"
        self.query: SearchQuery | None = None
        if bound:
            try:
                self.query = parse_query(self.values, today=today)
            except QueryError as error:
                self.errors = messages.problem_texts(error)
        if refused:  # by what was written, which the query's rules do not know
            self.query = None
            self.errors |= {name: list(texts) for name, texts in refused.items()}

    @classmethod
    def submitted(cls, data: QueryDict, *, today: date) -> "SearchForm":
        """Read what a browser posted."""
        values: dict[str, Any] = {name: data.getlist(name) for name in _LISTS if name in data}
        for name in _TEXTS:
            if text := data.get(name, "").strip():
                values[name] = _number(text) if name.startswith("valor_") else text
        refused: dict[str, list[str]] = {}
        for name in _LINES:
            line = data.get(name, "")
            if len(line) > LONGEST_LINE:  # it is not even taken apart
                refused[name] = [messages.too_long_text(LONGEST_LINE)]
                continue
            entry = _QUOTED_ENTRY if name == "exclusion_terms" else _ENTRY
            if entries := list(filter(None, map(str.strip, entry.findall(line)))):
                values[name] = entries
        if 0 < len(values.get("municipios", ())) <= MOST_ENTRIES:  # of more the query says so
            values["municipios"], wrong_places = _municipalities(
                values["municipios"], ufs=set(values.get("ufs", ())) & brazil.BY_CODE.keys()
            )
            if wrong_places:
                refused["municipios"] = wrong_places
        match data.get("o_que"):  # one of the two ways to say what is sold
            case "setor":
                values.pop("termos_busca", None)
            case "termos":
                values.pop("setor_id", None)
        form = cls(values, today=today, bound=True, refused=refused)
        if (what := str(data.get("o_que"))) in ("setor", "termos"):
            form.what = what  # shown again even when it was left empty
        return form

    @classmethod
    def remembered(cls, query: Mapping[str, Any] | None, *, today: date) -> "SearchForm":
        """Show a question again; the period of what was open has no meaning."""
        left_out = {"pagina"}
        if (query or {}).get("modo_busca") == Mode.OPEN:
            left_out |= {"data_inicial", "data_final"}
        values = {name: value for name, value in (query or {}).items() if name not in left_out}
        return cls(values, today=today, bound=False)

    @property
    def more_count(self) -> int:
        """How many of the folded filters are in use."""
        used = 0
        for name in MORE_FILTERS:
            value = self.values.get(name)
            if name == "modalidades":
                used += self.chosen_modalities != self.usual_modalities
            elif name == "status":
                used += value not in (None, "", "todos")
            else:
                used += bool(value)
        return used

    @property
    def units(self) -> tuple[brazil.Unit, ...]:
        return brazil.UNITS

    @property
    def regions(self) -> dict[str, tuple[str, ...]]:
        return brazil.REGIONS

    @property
    def sectors(self) -> tuple[matching.Sector, ...]:
        return matching.all_sectors()

    @property
    def modalities(self) -> tuple[tables.Modality, ...]:
        return tables.MODALITIES

    @property
    def spheres(self) -> dict[str, str]:
        return tables.SPHERES

    @property
    def usual_modalities(self) -> set[str]:
        return set(map(str, tables.COMPETITIVE))

    @property
    def chosen_modalities(self) -> set[str]:
        return set(map(str, self.values.get("modalidades") or tables.COMPETITIVE))

    @property
    def is_open_mode(self) -> bool:
        return self.values.get("modo_busca") == Mode.OPEN

    def line(self, name: str) -> str:
        """Return a list field as it is typed."""
        entries = [str(entry) for entry in self.values.get(name) or ()]
        match name:
            case "municipios":
                entries = list(map(self.places.name_of, entries))
            case "exclusion_terms":  # those that a comma would take apart are a phrase in quotes
                entries = [
                    entry if _ENTRY.fullmatch(entry) or '"' in entry else f'"{entry}"'
                    for entry in entries
                ]
        return ", ".join(entries)

    @property
    def lines(self) -> dict[str, str]:
        return {name: self.line(name) for name in _LINES}


def _municipalities(written: Sequence[str], *, ufs: Set[str]) -> tuple[list[str], list[str]]:
    """Return the codes of the municipalities of the UFs, and a sentence for each that is none.

    What is none stays as it was written. Without UFs, which is another field's error, all are in.
    """
    places = Places()
    codes, problems = [], []
    for entry in written:
        found = places.named(entry)
        inside = [code for uf, code in found if not ufs or uf in ufs]
        codes += inside or [entry]
        if not found:
            problems.append(messages.unknown_municipality_text(entry[:60]))
        elif not inside:
            name = places.name_of(found[0][1]).rpartition("/")[0]
            home = {uf for uf, _ in found}
            problems.append(
                messages.municipality_elsewhere_text(
                    name, wording.place(home), is_one=len(home) == 1
                )
            )
    return codes, problems


def _number(text: str) -> str:
    """Return a Brazilian number with a decimal point; anything else as it is, for its error."""
    clean = text.removeprefix("R$").strip()
    if _BRAZILIAN_NUMBER.match(clean):
        return clean.replace(".", "").replace(",", ".")
    return clean

"""SearchQuery: what was asked. It checks itself, and says every problem at its field. Floor 0."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from searches.domain import brazil, matching, tables
from searches.domain.errors import Problem, QueryError
from searches.domain.notice import NoticeStatus
from searches.domain.terms import TermsError, parse_exclusion
from searches.domain.text import is_unicode, one_line


class Mode(StrEnum):
    """Which notices are looked at."""

    PUBLISHED = "publicacao"  # published in a period
    OPEN = "abertas"  # still receiving proposals, whenever published


class Order(StrEnum):
    """How results are sorted."""

    NEWEST = "data_desc"
    OLDEST = "data_asc"
    DEAREST = "valor_desc"
    CHEAPEST = "valor_asc"
    DEADLINE = "prazo_asc"
    RELEVANCE = "relevancia"


Choice = TypeVar("Choice", bound=StrEnum)

PAGE_SIZES = (10, 20, 50, 100)
DEFAULT_PAGE_SIZE = 20
ANY_STATUS = "todos"
DEFAULT_DAYS = 7
#: From a period's first day to its last; and how many days that is.
LONGEST_PERIOD_DAYS = 365
MOST_DAYS = LONGEST_PERIOD_DAYS + 1
LARGEST_VALUE = Decimal(10) ** 15
LARGEST_WHOLE = 1_000_000
LONGEST_TEXT = 1000
MOST_ENTRIES = 200

FIELDS = frozenset(
    {
        "ufs", "modo_busca", "data_inicial", "data_final", "setor_id", "termos_busca",
        "exclusion_terms", "modalidades", "esferas", "municipios", "orgaos", "valor_minimo",
        "valor_maximo", "status", "ordenacao", "pagina", "itens_por_pagina", "search_id",
    }
)  # fmt: skip

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NOT_OF_THE_QUESTION = frozenset(
    {"data_inicial", "data_final", "ordenacao", "pagina", "itens_por_pagina"}
)


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A question that can be searched. The period is inclusive, in Brasília's days."""

    ufs: tuple[str, ...]
    mode: Mode
    first_day: date
    last_day: date
    sector: str | None
    terms: tuple[str, ...]
    terms_text: str
    stopwords_removed: tuple[str, ...]
    exclusions: tuple[str, ...]
    modalities: tuple[int, ...]
    spheres: tuple[str, ...]
    municipalities: tuple[str, ...]
    bodies: tuple[str, ...]
    smallest_value: Decimal | None
    largest_value: Decimal | None
    status: NoticeStatus | None
    order: Order
    page: int = 1
    page_size: int = DEFAULT_PAGE_SIZE

    def to_json(self) -> dict[str, Any]:
        """Return the query in the words of the contract, with every default written out."""
        return {
            "ufs": list(self.ufs),
            "modo_busca": self.mode.value,
            "data_inicial": self.first_day.isoformat(),
            "data_final": self.last_day.isoformat(),
            "setor_id": self.sector,
            "termos_busca": self.terms_text,
            "exclusion_terms": list(self.exclusions),
            "modalidades": list(self.modalities),
            "esferas": list(self.spheres),
            "municipios": list(self.municipalities),
            "orgaos": list(self.bodies),
            "valor_minimo": None if self.smallest_value is None else str(self.smallest_value),
            "valor_maximo": None if self.largest_value is None else str(self.largest_value),
            "status": self.status.value if self.status else ANY_STATUS,
            "ordenacao": self.order.value,
            "pagina": self.page,
            "itens_por_pagina": self.page_size,
        }

    @property
    def key(self) -> str:
        """Return what two askings of the same question share, whatever period or page they want."""
        asked = {
            name: sorted(value) if isinstance(value, list) else value
            for name, value in self.to_json().items()
            if name not in _NOT_OF_THE_QUESTION
        }
        text = json.dumps(asked, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def days(self) -> int:
        """Return how many days the period has."""
        return (self.last_day - self.first_day).days + 1

    def moved_to(self, last_day: date) -> "SearchQuery":
        """Return the same question with the same span of days, up to another day."""
        first_day = last_day - (self.last_day - self.first_day)
        return replace(self, first_day=first_day, last_day=last_day, page=1)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SearchQuery":
        """Ask anew what `to_json` wrote, up to its own last day; to show it is `stored_query`'s."""
        return parse_query(data, today=date.fromisoformat(data["data_final"]))


def parse_query(data: Mapping[str, Any], *, today: date) -> SearchQuery:
    """Read a request of the contract's section 5. Raises QueryError with every problem found.

    `today` is Brasília's.
    """
    return _Reader(data, today).read()


class _Reader:
    """Reads one request field by field and collects the problems."""

    def __init__(self, data: Mapping[str, Any], today: date) -> None:
        self.data = data
        self.today = today
        self.problems: dict[str, list[Problem]] = {}

    def read(self) -> SearchQuery:
        for name in self.data:
            if name not in FIELDS:
                self.problem(str(name)[:60], "unknown_field")
        ufs = self.ufs()  # first: the first problem found is the one the API names
        mode = self.choice("modo_busca", Mode, Mode.PUBLISHED)
        first_day, last_day = self.period(mode)
        sector, parsed = self.what()
        smallest, largest = self.value("valor_minimo"), self.value("valor_maximo")
        if smallest is not None and largest is not None and largest < smallest:
            self.problem("valor_maximo", "value_order")
        search_id = self.data.get("search_id")
        # UUID() would also take numbers, braces and no dashes.
        if search_id is not None and not _UUID.fullmatch(str(search_id)):
            self.problem("search_id", "uuid")
        status_text = self.choice("status", _StatusChoice, _StatusChoice.ANY)
        query = SearchQuery(
            ufs=ufs,
            mode=mode,
            first_day=first_day,
            last_day=last_day,
            sector=sector,
            terms=parsed.terms,
            terms_text=self.text("termos_busca"),
            stopwords_removed=parsed.stopwords_removed,
            exclusions=self.exclusions(asked=parsed.terms),
            modalities=self.modalities(),
            spheres=self.spheres(),
            municipalities=self.municipalities(),
            bodies=self.entries("orgaos"),
            smallest_value=smallest,
            largest_value=largest,
            status=None if status_text is _StatusChoice.ANY else NoticeStatus(status_text.value),
            order=self.choice("ordenacao", Order, Order.NEWEST),
            page=self.whole("pagina", 1),
            page_size=self.page_size(),
        )
        if self.problems:
            raise QueryError(self.problems)
        return query

    def problem(self, name: str, code: str, **params: str) -> None:
        known, found = self.problems.setdefault(name, []), Problem(code, params)
        if found not in known:  # a field may be read twice
            known.append(found)

    def text(self, name: str) -> str:
        value = self.data.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.problem(name, "text")
            return ""
        if len(value) > LONGEST_TEXT:
            self.problem(name, "too_long", limit=str(LONGEST_TEXT))
            return ""
        if not is_unicode(value):
            self.problem(name, "text")
            return ""
        return " ".join(value.replace("\x00", " ").split())

    def list_of(self, name: str) -> Sequence[Any]:
        value = self.data.get(name)
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)):
            self.problem(name, "list")
            return ()
        if len(value) > MOST_ENTRIES:
            self.problem(name, "too_many", limit=str(MOST_ENTRIES))
            return ()
        return value

    def entries(self, name: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for entry in self.list_of(name):
            if isinstance(entry, str) and len(entry) > LONGEST_TEXT:  # first: it is looked through
                self.problem(name, "too_long", limit=str(LONGEST_TEXT))
                return ()
            if not isinstance(entry, str) or not is_unicode(entry):
                self.problem(name, "text_entries")
                return ()
            if clean := one_line(entry):
                found[clean] = None
        return tuple(found)

    def exclusions(self, *, asked: Sequence[str]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for entry in self.entries("exclusion_terms"):
            try:
                found[parse_exclusion(entry, asked=asked)] = None
            except TermsError as error:
                self.problem("exclusion_terms", error.code, term=error.term[:60])
        return tuple(filter(None, found))

    def ufs(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for entry in self.list_of("ufs"):
            code = entry.strip().upper() if isinstance(entry, str) else ""
            if code not in brazil.BY_CODE:
                self.problem("ufs", "unknown_uf", value=str(entry)[:20])
            found[code] = None
        if not found and "ufs" not in self.problems:
            self.problem("ufs", "required")
        return tuple(found)

    def period(self, mode: Mode) -> tuple[date, date]:
        if mode is Mode.OPEN:
            return self.today, self.today  # the period is not used
        last = self.day("data_final") or self.today
        # There is no day before the year 1.
        days_back = min(DEFAULT_DAYS - 1, (last - date.min).days)
        first = self.day("data_inicial") or last - timedelta(days=days_back)
        if "data_inicial" in self.problems or "data_final" in self.problems:
            return first, last
        if last > self.today:
            self.problem("data_final", "future")
        if first > self.today:
            self.problem("data_inicial", "future")
        elif first > last:
            self.problem("data_inicial", "period_order")
        elif (last - first).days > LONGEST_PERIOD_DAYS:
            self.problem("data_inicial", "period_span", limit=str(LONGEST_PERIOD_DAYS))
        return first, last

    def day(self, name: str) -> date | None:
        value = self.data.get(name)
        if value is None or value == "":
            return None
        # fromisoformat alone would also take 20261124 and 2026-W48-2.
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value.strip(), re.ASCII):
            try:
                return date.fromisoformat(value.strip())
            except ValueError:
                pass
        self.problem(name, "date")
        return None

    def what(self) -> tuple[str | None, matching.ParsedTerms]:
        nothing = matching.ParsedTerms((), ())
        sector = self.text("setor_id") or None
        if sector and sector not in {known.id for known in matching.all_sectors()}:
            self.problem("setor_id", "unknown_sector", value=sector[:60])
        text = self.text("termos_busca")
        if not text:
            if not sector and not {"setor_id", "termos_busca"} & self.problems.keys():
                self.problem("setor_id", "sector_or_terms")
            return sector, nothing
        try:
            parsed = matching.parse_terms(text)
        except TermsError as error:
            self.problem("termos_busca", error.code, term=error.term[:60])
            return sector, nothing
        if not parsed.terms:
            common = "terms.common" if parsed.stopwords_removed else "terms.none"
            self.problem("termos_busca", common)
        return sector, parsed

    def modalities(self) -> tuple[int, ...]:
        found: dict[int, None] = {}
        for entry in self.list_of("modalidades"):
            code = _whole(entry)
            if code not in tables.MODALITY_BY_CODE:
                self.problem("modalidades", "unknown_modality", value=str(entry)[:20])
            else:
                found[code] = None
        return tuple(found) or tables.COMPETITIVE

    def spheres(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for entry in self.list_of("esferas"):
            code = entry.strip().upper() if isinstance(entry, str) else ""
            if code not in tables.SPHERES:
                self.problem("esferas", "unknown_sphere", value=str(entry)[:20])
            found[code] = None
        return tuple(found)

    def municipalities(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for entry in self.list_of("municipios"):
            code = str(entry).strip() if isinstance(entry, (str, int)) else ""
            if not re.fullmatch(r"[0-9]{7}", code) or code[:2] not in brazil.BY_IBGE:
                self.problem("municipios", "ibge", value=str(entry)[:20])
            found[code] = None
        return tuple(found)

    def value(self, name: str) -> Decimal | None:
        raw = self.data.get(name)
        if raw is None or raw == "":
            return None
        try:
            if isinstance(raw, bool) or not isinstance(raw, (int, float, str, Decimal)):
                raise InvalidOperation
            text = str(raw).strip()
            # Decimal would also take other scripts' digits, and 1_000.
            value = Decimal(text if text.isascii() and "_" not in text else "?")
        except InvalidOperation:
            self.problem(name, "number")
            return None
        if not value.is_finite() or not 0 <= value <= LARGEST_VALUE:
            self.problem(name, "value_range")
            return None
        return value.quantize(Decimal("0.0001")) + 0  # + 0 turns -0 into 0

    def whole(self, name: str, default: int) -> int:
        raw = self.data.get(name)
        if raw is None or raw == "":
            return default
        number = _whole(raw)
        if number is None or not 1 <= number <= LARGEST_WHOLE:
            self.problem(name, "whole")
            return default
        return number

    def page_size(self) -> int:
        size = self.whole("itens_por_pagina", DEFAULT_PAGE_SIZE)
        if size not in PAGE_SIZES:
            self.problem("itens_por_pagina", "page_size")
        return size

    def choice(self, name: str, options: type[Choice], default: Choice) -> Choice:
        raw = self.data.get(name)
        if raw is None or raw == "":
            return default
        try:
            return options(raw)
        except ValueError:
            self.problem(name, "choice", value=str(raw)[:40])
            return default


class _StatusChoice(StrEnum):
    ANY = ANY_STATUS
    RECEIVING = NoticeStatus.RECEIVING.value
    JUDGING = NoticeStatus.JUDGING.value
    CLOSED = NoticeStatus.CLOSED.value


def _whole(raw: Any) -> int | None:
    """Return a whole number given as number, also as 6.0, or digits; None for anything else."""
    if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,9}", raw.strip()):
        return int(raw)
    if isinstance(raw, Decimal) and raw.is_finite() and raw.adjusted() < 9 and raw == int(raw):
        return int(raw)
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None

"""How things are said to people: places, questions, money, time. Floor 1.

Pure functions; Portuguese as people speak at work.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from searches.domain import matching, tables
from searches.domain.brazil import BRASILIA, BY_CODE, REGIONS, UNITS
from searches.domain.notice import NoticeStatus
from searches.domain.query import Mode, Order, SearchQuery
from searches.domain.schedule import daily_days
from searches.domain.summary import Step

ORDERS: dict[Order, str] = {
    Order.RELEVANCE: "mais relevantes",
    Order.NEWEST: "mais novas",
    Order.OLDEST: "mais antigas",
    Order.DEADLINE: "prazo mais próximo",
    Order.DEAREST: "maior valor",
    Order.CHEAPEST: "menor valor",
}
STATUSES: dict[NoticeStatus, str] = {
    NoticeStatus.RECEIVING: "recebendo propostas",
    NoticeStatus.JUDGING: "em julgamento",
    NoticeStatus.CLOSED: "encerradas",
}
STOPPED = "não recebe propostas"
#: A course in time: its title, the heading of its steps, and how the first day of one is written.
COURSES: dict[Step, tuple[str, str, str]] = {
    Step.WEEK: ("Por semana de publicação", "Semana de", "%d/%m/%Y"),
    Step.MONTH: ("Por mês do início da semana de publicação", "Mês", "%m/%Y"),
    Step.YEAR: ("Por ano do início da semana de publicação", "Ano", "%Y"),
}
#: The usual modalities, those of tables.COMPETITIVE.
USUAL_MODALITIES = "concorrência e pregão, eletrônicos e presenciais"
_CENT = Decimal("0.01")
#: Between what no line may part: R$ and its number.
_NO_BREAK = "\N{NO-BREAK SPACE}"
_REAIS = f"R${_NO_BREAK}"
_SEPARATORS = str.maketrans(",.", ".,")
#: The article that a state's name takes; the others take none.
_ARTICLES = {
    "AC": "no", "AP": "no", "AM": "no", "CE": "no", "DF": "no", "ES": "no", "MA": "no", "PA": "no",
    "PR": "no", "PI": "no", "RJ": "no", "RN": "no", "RS": "no", "TO": "no", "BA": "na", "PB": "na",
}  # fmt: skip
#: With more states than this their number says more than their names.
MOST_NAMES = 4
_LONGEST_WORD = 60


def whole(number: int | Decimal) -> str:
    """Write a whole number with Portuguese thousands: 1.463."""
    return f"{number:,}".replace(",", ".")


def join(words: Sequence[str], last: str = "e") -> str:
    """Enumerate: a, b e c."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def few(
    words: Sequence[str], last: str = "e", *, others: str = "outros", in_full: bool = False
) -> str:
    """Enumerate the first ones, the long ones cut, and how many more; `in_full`: all of them."""
    if in_full:
        return join(words, last)
    if len(words) <= MOST_NAMES + 1:
        return join([_cut(word) for word in words], last)
    said = ", ".join(_cut(word) for word in words[:MOST_NAMES])
    return f"{said} {last} {others} {whole(len(words) - MOST_NAMES)}"


def quoted(words: Iterable[str]) -> list[str]:
    """Put words of the user's between quotation marks."""
    return [f"“{word}”" for word in words]


def _cut(word: str) -> str:
    if word.startswith("“") and word.endswith("”"):
        return f"“{_cut(word[1:-1])}”"
    return word if len(word) <= _LONGEST_WORD else f"{word[:_LONGEST_WORD]}…"


def place(ufs: Iterable[str], *, in_full: bool = False) -> str:
    """Say where, with its preposition: em São Paulo e no Acre, no Sul, em todo o Brasil.

    `in_full`: by name however many they are.
    """
    chosen = set(ufs)
    if len(chosen) == len(UNITS):
        return "em todo o Brasil"
    regions = [name for name, codes in REGIONS.items() if set(codes) <= chosen]
    rest = chosen.difference(*(REGIONS[name] for name in regions))
    if len(regions) + len(rest) > MOST_NAMES and not in_full:
        return f"em {len(chosen)} estados"
    names = [in_region(name) for name in regions]
    return join(names + [in_state(unit.code) for unit in UNITS if unit.code in rest])


def in_state(uf: str) -> str:
    """Say in which state: no Acre, na Bahia, em São Paulo."""
    return f"{_ARTICLES.get(uf, 'em')} {state_name(uf)}"


def in_region(name: str) -> str:
    """Say in which region: no Sul."""
    return f"no {name}"


def sector_name(sector_id: str | None) -> str:
    """Return a sector's name as it stands inside a sentence; the id when it is not known."""
    for sector in matching.all_sectors():
        if sector.id == sector_id:
            return sector.name[0].lower() + sector.name[1:]
    return sector_id or ""


def question(query: SearchQuery, *, in_full: bool = False) -> str:
    """Say what was asked and where; the page's heading. `in_full`: with nothing left out."""
    what = few(quoted(query.terms), "ou", in_full=in_full) or sector_name(query.sector)
    return f"Licitações de {what} {place(query.ufs, in_full=in_full)}"


def period(query: SearchQuery) -> str:
    """Say when."""
    if query.mode is Mode.OPEN:
        return "abertas, recebendo propostas agora"
    if query.first_day == query.last_day:
        return f"publicadas em {day(query.first_day)}"
    return f"publicadas de {day(query.first_day)} a {day(query.last_day)}"


def rolling_period(query: SearchQuery) -> str:
    """Say which days a question that is asked again and again is about."""
    if query.mode is Mode.OPEN:
        return period(query)
    days = daily_days(query)
    return "publicadas desde ontem" if days == 2 else f"publicadas nos últimos {days} dias"


def conditions(
    query: SearchQuery,
    *,
    name_of: Callable[[str], str] = str,
    says_usual: bool = False,
    in_full: bool = False,
) -> list[str]:
    """Say the other filters of a question, one phrase each; `name_of` a municipality's code.

    `says_usual`: also the modalities that a question has of itself. `in_full`: with nothing left
    out.
    """
    said: list[str] = []
    if says_usual or set(query.modalities) != set(tables.COMPETITIVE):
        said.append(modalities(query, in_full=in_full))
    if query.spheres:
        names = [tables.SPHERES.get(code, code).lower() for code in query.spheres]
        said.append(f"{'esfera' if len(names) == 1 else 'esferas'} {join(names)}")
    if query.municipalities:
        names = [name_of(code) for code in query.municipalities]
        noun = "município" if len(names) == 1 else "municípios"
        said.append(f"{noun} {few(names, in_full=in_full)}")
    if query.bodies:
        said.append(f"órgão com {few(quoted(query.bodies), 'ou', in_full=in_full)}")
    if query.smallest_value is not None:
        said.append(f"a partir de {money(query.smallest_value)}")
    if query.largest_value is not None:
        said.append(f"até {money(query.largest_value)}")
    if query.status is not None:
        said.append(STATUSES[query.status])
    if query.exclusions:
        said.append(f"sem {few(quoted(query.exclusions), 'nem', in_full=in_full)}")
    return said


def whole_question(
    query: SearchQuery,
    when: str,
    *,
    name_of: Callable[[str], str] = str,
    says_usual: bool = False,
) -> str:
    """Say the whole question when `question` and `conditions` leave something of it out, else
    nothing. `when`: its period in words."""
    short, whole = (
        [
            question(query, in_full=in_full),
            when,
            *conditions(query, name_of=name_of, says_usual=says_usual, in_full=in_full),
        ]
        for in_full in (False, True)
    )
    return " · ".join(whole) if whole != short else ""


def modalities(query: SearchQuery, *, in_full: bool = False) -> str:
    """Say which modalities."""
    if set(query.modalities) == set(tables.COMPETITIVE):
        return USUAL_MODALITIES
    if len(query.modalities) == len(tables.MODALITIES):
        return "todas as modalidades"
    return few(_modality_names(query), others="outras", in_full=in_full)


def _modality_names(query: SearchQuery) -> list[str]:
    return [tables.modality_name(code) for code in query.modalities]


def of_modalities(query: SearchQuery) -> str:
    """Say of which modalities something is, with a space before it: de concorrência ou pregão."""
    names = _modality_names(query)
    if set(query.modalities) == set(tables.COMPETITIVE):
        return " de concorrência ou pregão"
    if len(names) == len(tables.MODALITIES):
        return ""
    if len(names) == 1:
        return f" da modalidade {names[0]}"
    return f" das modalidades {join(names)}" if len(names) <= 3 else " das modalidades pedidas"


def money(value: Decimal | None) -> str:
    """Write money: R$ 1.234.567,89."""
    if value is None:
        return "não informado"
    # Half a cent goes up, as in Excel.
    return f"{_REAIS}{_with_comma(f'{value.quantize(_CENT, ROUND_HALF_UP):,}')}"


def _with_comma(number: str) -> str:
    """Write a number as in Portuguese: 1.234,5 for Python's 1,234.5."""
    return number.translate(_SEPARATORS)


def short_money(value: Decimal) -> str:
    """Write money in a few characters: R$ 12,3 mi."""
    for unit, name in ((10**12, "tri"), (10**9, "bi"), (10**6, "mi"), (10**3, "mil")):
        if value >= unit * Decimal("0.9995"):  # 999.700 is "1 mi", not "1000 mil"
            share = value / unit
            digits = 1 if share < 100 else 0
            number = _with_comma(f"{share:,.{digits}f}").removesuffix(",0")
            return f"{_REAIS}{number}{_NO_BREAK}{name}"
    return money(value)


def number_as_typed(value: object) -> str:
    """Write a value of the form as people type it: 1.234,50; nonsense as it came."""
    text = str(value or "")
    if not re.fullmatch(r"\d{1,20}(\.\d{1,20})?", text, re.ASCII):
        return text
    return money(Decimal(text)).removeprefix(_REAIS).removesuffix(",00")


def size(size_bytes: int) -> str:
    """Write the size of a file: 184 kB."""
    if size_bytes < 1_000_000:
        return f"{max(1, round(size_bytes / 1000))} kB"
    return f"{size_bytes / 1_000_000:.1f} MB".replace(".", ",")


def day(at: date | datetime) -> str:
    """Write a day of Brasília: 24/11/2026."""
    if isinstance(at, datetime):
        at = at.astimezone(BRASILIA)
    return f"{at:%d/%m/%Y}"


def moment(at: datetime) -> str:
    """Write a moment of Brasília: 24/11/2026 às 14:05."""
    return f"{at.astimezone(BRASILIA):%d/%m/%Y às %H:%M}"


def clock(seconds: float) -> str:
    """Write a running time: 0:42, 12:05, 1:02:03."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def about(seconds: float) -> str:
    """Say a time that is only estimated: cerca de 40 s, cerca de 3 min. screen.js says the same."""
    if seconds < 90:
        return f"cerca de {max(5, -(-int(seconds) // 5) * 5)} s"
    return f"cerca de {-(-int(seconds) // 60)} min"


def deadline(closes_at: datetime | None, days: int | None, *, now: datetime) -> str:
    """Say how long one can still bid."""
    if closes_at is None or days is None:
        return "sem prazo informado"
    at = f"{closes_at.astimezone(BRASILIA):%H:%M}"
    if closes_at <= now:
        if days == 0:
            return f"encerrou hoje às {at}"
        return "encerrou ontem" if days == -1 else f"encerrou há {whole(-days)} dias"
    if days == 0:
        return f"encerra hoje às {at}"
    return f"encerra amanhã às {at}" if days == 1 else f"encerra em {whole(days)} dias"


def closing(closes_at: datetime, days: int | None) -> str:
    """Say when bidding ends, beside `deadline`, which has told the hour of today and tomorrow."""
    return day(closes_at) if days in (0, 1) else moment(closes_at)


def state_name(uf: str) -> str:
    """Return a state's name; what is no state, as it is."""
    unit = BY_CODE.get(uf)
    return unit.name if unit else uf or "sem estado"


def counted(count: int, one: str, many: str) -> str:
    """Say a number with its noun."""
    return f"{whole(count)} {one if count == 1 else many}"

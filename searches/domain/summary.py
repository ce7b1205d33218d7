"""Figures and highlights of a result. Floor 0. Everything returned is JSON-native."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from searches.domain.brazil import BRASILIA
from searches.domain.notice import Notice, NoticeStatus

#: Days left at which a deadline is marked: it is urgent, or it is soon.
URGENT_DAYS, SOON_DAYS = 2, 7
#: The figure of those: it is stored, and scripts read it, so it keeps its name and its seven days.
CLOSING_SOON = "encerram_em_7_dias"
#: Upper bounds of the value bands shown in the chart, in reais; the last band has none.
VALUE_BANDS = (Decimal(50_000), Decimal(200_000), Decimal(1_000_000), Decimal(5_000_000))
MOST_HIGHLIGHTS = 5
#: A course in time has at most as many weeks as the longest period touches, then so many months.
MOST_WEEKS, MOST_MONTHS = 54, 60


def days_left(closes_at: datetime | None, now: datetime) -> int | None:
    """Return the days until a deadline in Brasília's calendar; negative when it has passed."""
    if closes_at is None:
        return None
    return (closes_at.astimezone(BRASILIA).date() - now.astimezone(BRASILIA).date()).days


@dataclass
class _Group:
    count: int = 0
    value: Decimal = field(default_factory=Decimal)

    def add(self, value: Decimal | None) -> None:
        self.count += 1
        self.value += value or 0


def summarise(kept: Iterable[tuple[Notice, int]], *, now: datetime) -> dict[str, Any]:
    """Return the figures of the kept notices, each given with its relevance (0 to 100).

    The highlights are those still open: what closes within the week first, the most relevant of it.
    """
    total = _Group()
    without_value = closing_soon = receiving = 0
    by_uf: defaultdict[str, _Group] = defaultdict(_Group)
    by_modality: defaultdict[str, _Group] = defaultdict(_Group)
    by_week: defaultdict[str, _Group] = defaultdict(_Group)
    by_band: Counter[int] = Counter()
    highlights: list[tuple[tuple[bool, int, Decimal, str], Notice, int]] = []
    for notice, relevance in kept:
        for group in (
            total,
            by_uf[notice.uf],
            by_modality[notice.modality_name],
            by_week[_week(notice.published_at)],
        ):
            group.add(notice.value)
        if notice.value is None:
            without_value += 1
        else:
            by_band[sum(notice.value >= bound for bound in VALUE_BANDS)] += 1
        if notice.status(now) is NoticeStatus.RECEIVING:
            receiving += 1
            left = days_left(notice.closes_at, now)
            is_soon = left is not None and left <= SOON_DAYS
            closing_soon += is_soon
            rank = (is_soon, relevance, notice.value or Decimal(0), notice.control_number)
            highlights.append((rank, notice, relevance))
            if len(highlights) > 200:  # keep only what can still be among the best
                highlights = sorted(highlights, key=lambda entry: entry[0])[-MOST_HIGHLIGHTS:]
    best = sorted(highlights, key=lambda entry: entry[0], reverse=True)[:MOST_HIGHLIGHTS]
    return {
        "total": total.count,
        "valor_total": str(total.value),
        "sem_valor": without_value,
        "recebendo_proposta": receiving,
        CLOSING_SOON: closing_soon,
        "estados": len(by_uf),
        "por_uf": _table(by_uf, "uf"),
        "por_modalidade": _table(by_modality, "modalidade"),
        "por_semana": sorted(_table(by_week, "semana"), key=lambda row: str(row["semana"])),
        "por_faixa_de_valor": [
            {
                "ate": str(VALUE_BANDS[band]) if band < len(VALUE_BANDS) else None,
                "total": by_band[band],
            }
            for band in range(len(VALUE_BANDS) + 1)
        ],
        "destaques": [
            {
                "numero_controle_pncp": notice.control_number,
                "objeto": notice.object[:300],
                "orgao": notice.body,
                "uf": notice.uf,
                "valor_estimado": None if notice.value is None else str(notice.value),
                "data_encerramento": _iso(notice.closes_at),
                "relevancia": relevance,
                "link_pncp": notice.portal_url,
                "link_origem": notice.origin_url or None,
            }
            for _, notice, relevance in best
        ],
    }


def _table(groups: dict[str, _Group], name: str) -> list[dict[str, Any]]:
    rows = sorted(groups.items(), key=lambda entry: (-entry[1].count, entry[0]))
    return [{name: key, "total": group.count, "valor": str(group.value)} for key, group in rows]


def _week(moment: datetime) -> str:
    """Return the Monday of a moment's week, ISO date."""
    day = moment.astimezone(BRASILIA).date()
    return (day - timedelta(days=day.weekday())).isoformat()


class Step(StrEnum):
    """What a course in time is told by."""

    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


def course(summary: dict[str, Any]) -> tuple[Step, list[tuple[date, int, Decimal]]]:
    """Return (first day, notices, value) of the steps of publication from the first to the last,
    the empty ones between them too: of weeks while they are few, else of months, else of years.

    A week is of the month and the year that its Monday is in.
    """
    weeks = [(date.fromisoformat(row["semana"]), row) for row in summary.get("por_semana", ())]
    if not weeks:
        return Step.WEEK, []
    first, last = min(monday for monday, _ in weeks), max(monday for monday, _ in weeks)
    step, days = Step.YEAR, [date(year, 1, 1) for year in range(first.year, last.year + 1)]
    if (last - first).days // 7 < MOST_WEEKS:
        step, days = Step.WEEK, [first + timedelta(n) for n in range(0, (last - first).days + 1, 7)]
    elif (months := _months(last) - _months(first) + 1) <= MOST_MONTHS:
        numbers = range(_months(first), _months(first) + months)
        step, days = Step.MONTH, [date(number // 12, number % 12 + 1, 1) for number in numbers]
    groups = {day: _Group() for day in days}
    for monday, row in weeks:
        group = groups[days[bisect_right(days, monday) - 1]]
        group.count += row["total"]
        group.value += Decimal(row["valor"])
    return step, [(day, group.count, group.value) for day, group in groups.items()]


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(BRASILIA).isoformat()

"""Charts of a result, drawn on the server as SVG; each has its numbers beside it. Floor 6.

Coordinates leave here as text: a template would write 12,5.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from searches import wording
from searches.domain.summary import course
from searches.pages.listing import band_label

WIDTH = 360
_BAR_HEIGHT = 34  # a line of text and the bar under it
_ROW_HEIGHT = 20  # short names stand beside their bars
_ROW_NAME_WIDTH, _ROW_COUNT_WIDTH = 150, 44
_COLUMNS_HEIGHT = 132
#: As wide as a digit of the numbers above columns is at most.
_DIGIT_WIDTH = 8
#: More rows than this are added up in one.
_MOST_BARS = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar with its label and number, placed."""

    label: str
    count: str
    value: str  # money of the bar, for the table; "" when it has none
    x: str
    y: str
    width: str
    height: str
    label_x: str
    label_y: str
    count_x: str
    count_y: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart ready to draw. `kind`: bars and rows (horizontal), or columns."""

    id: str
    kind: str
    title: str
    description: str
    heading: str  # of the table's first column
    bars: tuple[Bar, ...]
    width: str
    height: str
    total: str
    total_value: str  # "" when the bars have no money

    @property
    def has_values(self) -> bool:
        return any(bar.value for bar in self.bars)


@dataclass(frozen=True, slots=True)
class _Row:
    label: str
    count: int
    value: Decimal | None = None

    @property
    def money(self) -> str:
        """What it adds up to, in words; values are never zero: then none is told."""
        if self.value is None or not self.count:
            return ""
        return wording.money(self.value or None)


def charts(summary: dict[str, Any]) -> list[Chart]:
    """Return the charts that a summary has numbers for."""
    step, steps = course(summary)
    title, heading, form = wording.COURSES[step]
    drawn = [
        _short("uf", "Por estado", "Estado", _rows(summary, "por_uf", "uf", wording.state_name)),
        _columns("semana", title, heading,
                 [_Row(f"{day:{form}}", total, value) for day, total, value in steps]),
        _bars("modalidade", "Por modalidade", "Modalidade",
              _rows(summary, "por_modalidade", "modalidade", str)),
        _bars("faixa", "Por faixa de valor", "Valor estimado", _value_bands(summary)),
    ]  # fmt: skip
    return [chart for chart in drawn if chart is not None]


def _rows(summary: dict[str, Any], name: str, key: str, say: Any) -> list[_Row]:
    rows = [
        _Row(say(entry[key]) or "não informada", entry["total"], Decimal(entry["valor"]))
        for entry in summary.get(name, ())
    ]
    if name == "por_uf" or len(rows) <= _MOST_BARS + 1:
        return rows
    rest = rows[_MOST_BARS:]
    value = sum((row.value or Decimal(0) for row in rest), Decimal(0))
    return [*rows[:_MOST_BARS], _Row(f"outras {len(rest)}", sum(r.count for r in rest), value)]


def _value_bands(summary: dict[str, Any]) -> list[_Row]:
    bands = summary.get("por_faixa_de_valor", ())
    rows = [_Row(band_label(band), row["total"]) for band, row in enumerate(bands)]
    if unknown := summary.get("sem_valor"):
        rows.append(_Row("não informado", unknown))
    return rows if any(row.count for row in rows) else []


def _bars(id_: str, title: str, heading: str, rows: Sequence[_Row]) -> Chart | None:
    if not rows:
        return None
    most = max(row.count for row in rows) or 1
    bars = tuple(
        Bar(
            label=row.label,
            count=wording.whole(row.count),
            value=row.money,
            x="0",
            y=str(_BAR_HEIGHT * place + 20),
            width=f"{max(WIDTH * row.count / most, 1 if row.count else 0):.1f}",
            height="7",
            label_x="0",
            label_y=str(_BAR_HEIGHT * place + 14),
            count_x=str(WIDTH),
            count_y=str(_BAR_HEIGHT * place + 14),
        )
        for place, row in enumerate(rows)
    )
    return _chart(id_, "bars", title, heading, rows, bars, _BAR_HEIGHT * len(rows) - 4)


def _short(id_: str, title: str, heading: str, rows: Sequence[_Row]) -> Chart | None:
    """Return bars with their names on the same line."""
    if len(rows) < 2:  # one state is a number, not a chart
        return None
    most = max(row.count for row in rows)
    room = WIDTH - _ROW_NAME_WIDTH - _ROW_COUNT_WIDTH
    bars = tuple(
        Bar(
            label=row.label,
            count=wording.whole(row.count),
            value=row.money,
            x=str(_ROW_NAME_WIDTH),
            y=str(_ROW_HEIGHT * place + 4),
            width=f"{room * row.count / most:.1f}",
            height="11",
            label_x="0",
            label_y=str(_ROW_HEIGHT * place + 14),
            count_x=f"{_ROW_NAME_WIDTH + room * row.count / most + 6:.1f}",
            count_y=str(_ROW_HEIGHT * place + 14),
        )
        for place, row in enumerate(rows)
    )
    return _chart(id_, "rows", title, heading, rows, bars, _ROW_HEIGHT * len(rows))


def _columns(id_: str, title: str, heading: str, rows: Sequence[_Row]) -> Chart | None:
    if len(rows) < 2:  # one week is a number, not a chart
        return None
    most = max(row.count for row in rows) or 1
    step = WIDTH / len(rows)
    width = min(step * 0.72, 56)
    room = _COLUMNS_HEIGHT - 40  # the number above, the date below
    named = {0, len(rows) - 1} if step < 52 else set(range(len(rows)))
    counts = [wording.whole(row.count) for row in rows]
    # Where they would run into each other, only the greatest and the last have their numbers.
    counted = set(range(len(rows)))
    if step < _DIGIT_WIDTH * max(map(len, counts)) + 4:
        greatest = max(counted, key=lambda place: rows[place].count)
        far = (len(rows) - 1 - greatest) * step > _DIGIT_WIDTH * 2 * max(map(len, counts))
        counted = {greatest, len(rows) - 1} if far else {greatest}
    bars = []
    for place, row in enumerate(rows):
        height = room * row.count / most
        x = step * place + (step - width) / 2
        bars.append(
            Bar(
                label=row.label,
                count=wording.whole(row.count),
                value=row.money,
                x=f"{x:.1f}",
                y=f"{18 + room - height:.1f}",
                width=f"{width:.1f}",
                height=f"{height:.1f}",
                # Where the columns are too narrow for names, the first and the last have theirs.
                label_x=f"{min(max(x + width / 2, 16), WIDTH - 16):.1f}" if place in named else "",
                label_y=str(_COLUMNS_HEIGHT - 6),
                count_x=f"{min(max(x + width / 2, 16), WIDTH - 16):.1f}"
                if place in counted
                else "",
                count_y=f"{13 + room - height:.1f}",
            )
        )
    return _chart(id_, "columns", title, heading, rows, tuple(bars), _COLUMNS_HEIGHT)


def _chart(
    id_: str,
    kind: str,
    title: str,
    heading: str,
    rows: Sequence[_Row],
    bars: tuple[Bar, ...],
    height: int,
) -> Chart:
    values = [row.value for row in rows if row.value is not None]
    return Chart(
        id=id_,
        kind=kind,
        title=title,
        description=_description(rows),
        heading=heading,
        bars=bars,
        width=str(WIDTH),
        height=str(height),
        total=wording.whole(sum(row.count for row in rows)),
        total_value=wording.money(sum(values, Decimal(0)) or None) if values else "",
    )


def _description(rows: Sequence[_Row]) -> str:
    """Say the chart in one sentence, for those who do not see it."""
    best = sorted(rows, key=lambda row: -row.count)[:3]
    said = [f"{row.label}: {wording.whole(row.count)}" for row in best if row.count]
    return f"Mais licitações em {'; '.join(said)}."

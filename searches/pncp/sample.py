"""A generated PNCP: which notices are published when, for any day, without keeping them. Floor 1.

Each (day, UF, modality) comes from a random generator seeded with (seed, day, UF, modality) alone:
the same day gives the same notices whenever the server was started, and nothing is kept but caches.
"""

import math
import random
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from searches.domain.brazil import UNITS
from searches.domain.planning import days_between

#: A weekday's notices in the whole country; the real source has about four times as many.
PER_WEEKDAY = 1500
WEEKEND_SHARE, HOLIDAY_SHARE = 0.04, 0.03
#: More than one bucket may hold: sequence numbers count on it.
MOST_IN_BUCKET = 180
#: No deadline of the generated set is further from its publication.
LONGEST_WINDOW_DAYS = 60
#: No result or other change comes later after publication.
LAST_CHANGE_DAYS = 150
_HOLIDAYS = frozenset(
    {(1, 1), (4, 21), (5, 1), (9, 7), (10, 12), (11, 2), (11, 15), (11, 20), (12, 25)}
)

#: Shares of the modalities in per mille, after the volumes in the source README.
MODALITY_SHARES: dict[int, float] = {
    8: 455, 6: 268, 9: 178, 4: 50, 12: 22, 7: 8, 5: 5, 1: 3, 11: 2.5, 13: 2, 10: 2, 3: 1.5,
    15: 1.5, 2: 0.8, 14: 0.7,
}  # fmt: skip
UF_SHARES: dict[str, float] = {
    "SP": 160, "MG": 130, "PR": 85, "RS": 85, "SC": 70, "RJ": 60, "BA": 55, "GO": 42, "CE": 40,
    "PE": 38, "PA": 30, "ES": 28, "MT": 26, "MS": 24, "MA": 22, "PB": 20, "RN": 18, "DF": 16,
    "PI": 15, "AL": 12, "TO": 12, "RO": 10, "AM": 10, "SE": 9, "AC": 5, "AP": 4, "RR": 4,
}  # fmt: skip
#: UFs in the order of their lists.
UFS: tuple[str, ...] = tuple(unit.code for unit in UNITS)


class Outline(NamedTuple):
    """The moments of one notice, all naive and Brasília's; the rest is drawn only when served."""

    published: datetime
    opens: datetime | None
    closes: datetime | None
    edited: datetime  # last change of the header
    settled: datetime | None  # the result, if there will be one
    stopped: datetime | None  # revoked, annulled or suspended from here on
    situation: int  # from `stopped` on
    original: int  # index of the notice that this one repeats, or -1


class Place(NamedTuple):
    """Where a generated notice stands."""

    day: date
    uf: str
    modality: int
    number: int  # in its bucket, from 0


class Sample:
    """The generated set for one seed."""

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed
        # On the instance: a cache on the method would keep every Sample alive.
        self.outlines = lru_cache(maxsize=20_000)(self._outlines)
        self.open_at = lru_cache(maxsize=16)(self._open_at)

    def published(
        self,
        first: date,
        last: date,
        *,
        modality: int,
        uf: str | None,
        now: datetime,
        within: slice,
    ) -> tuple[int, list[Place]]:
        """Return how many were published on these days and not after `now`, and a slice of them.

        Oldest day first, then by UF: today's notices push the later ones on, as at the source.
        """
        total, places = 0, []
        for day in days_between(first, min(last, now.date())):
            for code in UFS if uf is None else (uf,):
                count = self._count(day, code, modality, now)
                if total < within.stop and total + count > within.start:
                    places += [
                        Place(day, code, modality, index)
                        for index in range(
                            max(0, within.start - total), min(count, within.stop - total)
                        )
                    ]
                total += count
        return total, places

    def _open_at(
        self, now: datetime, last: date, modality: int | None, uf: str | None
    ) -> Sequence[Place]:
        """Return the notices that receive proposals at `now`, with a deadline up to `last`."""
        end = datetime.combine(last, time.max)
        return [
            place
            for place, outline in self._recent(now, LONGEST_WINDOW_DAYS, modality, uf)
            if outline.closes is not None and now <= outline.closes <= end
        ]

    def updated(
        self, first: date, last: date, *, modality: int, uf: str | None, now: datetime
    ) -> Sequence[Place]:
        """Return the notices whose last change up to `now` is on these days."""
        return [
            place
            for place, outline in self._recent(
                now, LAST_CHANGE_DAYS + (now.date() - first).days, modality, uf
            )
            if first <= updated_at(outline, now).date() <= last
        ]

    def _recent(
        self, now: datetime, days: int, modality: int | None, uf: str | None
    ) -> Iterator[tuple[Place, Outline]]:
        today = now.date()
        for day in days_between(today - timedelta(days=days), today):
            for code in UFS if uf is None else (uf,):
                for number in MODALITY_SHARES if modality is None else (modality,):
                    for index, outline in enumerate(self.outlines(day, code, number)):
                        if outline.published <= now:
                            yield Place(day, code, number, index), outline

    def _count(self, day: date, uf: str, modality: int, now: datetime) -> int:
        outlines = self.outlines(day, uf, modality)
        if day < now.date():
            return len(outlines)
        return sum(outline.published <= now for outline in outlines)

    def _outlines(self, day: date, uf: str, modality: int) -> tuple[Outline, ...]:
        """Draw one bucket, in the order of publication."""
        share = UF_SHARES.get(uf, 0) * MODALITY_SHARES.get(modality, 0)
        share /= sum(UF_SHARES.values()) * sum(MODALITY_SHARES.values())
        if not share:
            return ()
        draw = random.Random(f"{self.seed}|{day}|{uf}|{modality}")  # noqa: S311 - no secret
        count = min(_poisson(draw, PER_WEEKDAY * share * _busyness(day)), MOST_IN_BUCKET)
        midnight = datetime.combine(day, time())
        # Working hours, busiest before noon and in mid-afternoon.
        seconds = sorted(
            int(draw.triangular(7, 21, draw.choice((10.5, 15.5))) * 3600) for _ in range(count)
        )
        outlines = [
            _outline(draw, midnight + timedelta(seconds=second), modality) for second in seconds
        ]
        for position, original in enumerate(outlines):
            # The same notice comes twice in a list now and then; the later copy is the newer.
            if position and draw.random() < 0.012:
                earlier = draw.randrange(position)
                if outlines[earlier].original < 0:
                    outlines[position] = outlines[earlier]._replace(
                        published=original.published, original=earlier
                    )
        return tuple(outlines)


def updated_at(outline: Outline, now: datetime) -> datetime:
    """Return the last change of a notice up to `now`."""
    moments = (outline.edited, outline.settled, outline.stopped)
    past = [moment for moment in moments if moment is not None and moment <= now]
    return max(past, default=outline.published)


def _outline(draw: random.Random, published: datetime, modality: int) -> Outline:
    opens = closes = settled = stopped = None
    days = _window_days(draw, modality)
    if days:
        closing_day = _working_day(published.date() + timedelta(days=days))
        hour, minute = draw.choice(((8, 0), (9, 0), (9, 30), (10, 0), (14, 0), (23, 59)))
        closes = datetime.combine(closing_day, time(hour, minute))
        opens = published + timedelta(hours=draw.randint(1, 20))
        opens = min(opens.replace(minute=0, second=0), closes - timedelta(hours=1))
    decided = closes or published
    if draw.random() < (0.62 if closes else 0.9):
        settled = decided + timedelta(hours=draw.randint(2, 24 * 45 if closes else 30))
    situation = 1
    if draw.random() < 0.03:
        situation = draw.choices((2, 3, 4), weights=(26, 9, 29))[0]
        stopped = published + timedelta(hours=draw.randint(5, 24 * 20))
        settled = None
    edited = published
    if draw.random() < 0.3:
        edited += timedelta(minutes=draw.randint(2, 60 * 24 * 4))
    return Outline(published, opens, closes, edited, settled, stopped, situation, -1)


def _window_days(draw: random.Random, modality: int) -> int:
    """Return the days until the deadline; 0 when nobody can bid."""
    if modality in (9, 14) or (modality == 8 and draw.random() < 0.56):
        return 0
    if modality == 8:
        return draw.randint(3, 7)
    if modality in (10, 11, 12, 15):
        return draw.randint(15, LONGEST_WINDOW_DAYS - 3)
    if modality in (2, 3, 4, 5):
        return draw.randint(14, 45)
    return draw.randint(9, 24)


def _busyness(day: date) -> float:
    if (day.month, day.day) in _HOLIDAYS:
        return HOLIDAY_SHARE
    return WEEKEND_SHARE if day.weekday() >= 5 else 1.0


def _working_day(day: date) -> date:
    return day + timedelta(days=max(0, 7 - day.weekday())) if day.weekday() >= 5 else day


def _poisson(draw: random.Random, mean: float) -> int:
    """Draw a count; around its mean as counts of independent events are."""
    if mean > 30:
        return max(0, round(draw.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), draw.random(), 0
    while product > limit:
        product *= draw.random()
        count += 1
    return count

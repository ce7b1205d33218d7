"""When saved searches are asked again, and about which days. Floor 0."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from uuid import UUID

from searches.domain.brazil import BRASILIA
from searches.domain.planning import REFRESH_AFTER
from searches.domain.query import LONGEST_PERIOD_DAYS, Mode, SearchQuery

#: Before people begin to work; spread over the hour, because the source takes few requests.
DAILY_AT = time(6, 0)
SPREAD_MINUTES = 60
#: Yesterday and today: what is published after the morning's run belongs to the next one.
FEWEST_DAYS = 2


def next_daily(after: datetime, *, of: UUID) -> datetime:
    """Return the first daily moment after another one; each saved search has its own minute."""
    today = after.astimezone(BRASILIA).date()
    minute = timedelta(minutes=of.int % SPREAD_MINUTES)
    moment = datetime.combine(today, DAILY_AT, BRASILIA) + minute
    return moment if moment > after else moment + timedelta(days=1)


def daily_days(query: SearchQuery) -> int:
    """Return how many days a question is about when it is asked each day."""
    return max(FEWEST_DAYS, query.days)


def refreshed_after(*, is_daily: bool) -> timedelta:
    """Return how old what is known of a day that is over may be.

    In a morning's run an hour: what became since the evening of the day that is asked for last is
    in nobody's next run. Runs of one morning share what they read.
    """
    return timedelta(minutes=SPREAD_MINUTES) if is_daily else REFRESH_AFTER


def first_asked(query: SearchQuery, day: date) -> date:
    """Return the first of the usual days of a question that is asked on a day."""
    return day - timedelta(days=daily_days(query) - 1)


def asked_daily(query: SearchQuery, today: date, *, since: date) -> SearchQuery:
    """Return a question as it is asked on a day: about its usual days up to then, and those from
    `since` on, within the limit of a period."""
    moved = query.moved_to(today)
    if query.mode is Mode.OPEN:
        return moved
    earliest = today - timedelta(days=LONGEST_PERIOD_DAYS)
    return replace(moved, first_day=max(earliest, min(first_asked(query, today), since)))

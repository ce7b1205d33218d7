"""When saved searches are asked again. Floor 0."""

from datetime import datetime, time, timedelta
from uuid import UUID

from searches.domain.brazil import BRASILIA

#: Before people begin to work; spread over the hour, because the source takes few requests.
DAILY_AT = time(6, 0)
SPREAD_MINUTES = 60


def next_daily(after: datetime, *, of: UUID) -> datetime:
    """Return the first daily moment after another one; each saved search has its own minute."""
    today = after.astimezone(BRASILIA).date()
    minute = timedelta(minutes=of.int % SPREAD_MINUTES)
    moment = datetime.combine(today, DAILY_AT, BRASILIA) + minute
    return moment if moment > after else moment + timedelta(days=1)

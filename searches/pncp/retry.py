"""When to ask again, and after how long (source README, section 7). Floor 1."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from searches.domain.errors import SourceMalformed, SourceUnavailable

#: After a 429 that does not say how long to wait, and the longest wait we believe.
DEFAULT_PAUSE_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 300.0
LONGEST_BACKOFF_SECONDS = 30.0
#: A 429 is no failure, the source is only busy: many are taken before a list is given up.
THROTTLES_TAKEN = 30
#: Correct dates get a 422 now and then under load.
DOUBTS_TAKEN = 2
DOUBT_PAUSES_OF_BACKOFF = 4  # 2 s at the default backoff of 0.5 s


@dataclass(slots=True)
class Patience:
    """What one page may still cost beside real failures."""

    throttles_left: int = THROTTLES_TAKEN
    doubts_left: int = DOUBTS_TAKEN


def is_passing(status: int) -> bool:
    """Tell whether an answer with this status may be different the next time."""
    return status == 408 or status >= 500


def failures(*, attempts: int, backoff_seconds: float) -> AsyncRetrying:
    """Return the retrying of real failures: bounded, exponential, with full jitter."""
    return AsyncRetrying(
        retry=retry_if_exception_type((SourceUnavailable, SourceMalformed)),
        stop=stop_after_attempt(attempts),
        # At least a third of the full wait, or a jitter near 0 would ask a sick source at once.
        wait=wait_random_exponential(
            multiplier=backoff_seconds, max=LONGEST_BACKOFF_SECONDS, min=backoff_seconds / 3
        ),
        reraise=True,
    )


def pause_seconds(retry_after: str | None, *, now: datetime) -> float:
    """Read a Retry-After header: seconds or an HTTP date, within 0 and 300; 60 when unreadable."""
    text = (retry_after or "").strip()
    if not text:
        return DEFAULT_PAUSE_SECONDS
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, IndexError, OverflowError):
            return DEFAULT_PAUSE_SECONDS
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    if math.isnan(seconds):
        return DEFAULT_PAUSE_SECONDS
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)

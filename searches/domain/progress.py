"""Progress events: what is told while a search runs, and in which order. Floor 0."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from searches.domain.lifecycle import Status


class Stage(StrEnum):
    """The steps told to whoever watches, in their order; the last four end the stream."""

    QUEUED = "queued"
    CONNECTING = "connecting"
    FETCHING = "fetching"
    FILTERING = "filtering"
    SUMMARY = "summary"
    EXCEL = "excel"
    COMPLETE = "complete"
    PARTIAL = "partial"
    ERROR = "error"
    CANCELLED = "cancelled"


#: First and last percentage of each stage.
BANDS: dict[Stage, tuple[int, int]] = {
    Stage.QUEUED: (0, 0),
    Stage.CONNECTING: (3, 3),
    Stage.FETCHING: (10, 55),
    Stage.FILTERING: (60, 70),
    Stage.SUMMARY: (75, 90),
    Stage.EXCEL: (92, 98),
    Stage.COMPLETE: (100, 100),
    Stage.PARTIAL: (100, 100),
    Stage.ERROR: (-1, -1),
    Stage.CANCELLED: (-1, -1),
}
LAST_STAGES: frozenset[Stage] = frozenset(
    {Stage.COMPLETE, Stage.PARTIAL, Stage.ERROR, Stage.CANCELLED}
)


def percent(stage: Stage, fraction: float = 0.0) -> int:
    """Return the percentage of a stage of which `fraction` (0 to 1) is done."""
    first, last = BANDS[stage]
    return first + int((last - first) * min(max(fraction, 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class Told:
    """Something to tell, before it has a number: the recorder gives `seq` and `at`."""

    stage: Stage
    fraction: float = 0.0
    status: Status = Status.RUNNING
    #: JSON-native values only (str, int, float, bool, None, list, dict): it crosses msgpack.
    detail: dict[str, Any] = field(default_factory=dict)


def ending(status: Status, detail: dict[str, Any], *, code: str = "") -> Told:
    """Return the last that is told of a search; `code`: of the error it ends with."""
    said = {**detail, "code": code} if code else detail
    return Told(Stage(status.value), status=status, detail=said)


def payload(
    told: Told, *, seq: int, at: datetime, message: str, told_before: int = 0
) -> dict[str, Any]:
    """Return the event as clients see it (contract, section 6).

    The percentage never falls below what was told before, except at an ending without a result.
    """
    progress = percent(told.stage, told.fraction)
    return {
        "seq": seq,
        "stage": told.stage.value,
        "progress": progress if progress < 0 else max(progress, told_before),
        "message": message,
        "status": told.status.value,
        "detail": told.detail,
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


class Throttle:
    """Lets at most so many page counts a second through; the last one waits, none is invented.

    State changes do not come here: they always pass.
    """

    def __init__(self, per_second: float = 4.0) -> None:
        self._gap_seconds = 1.0 / per_second
        self._next_at = 0.0

    def admits(self, now: float) -> bool:
        """Return whether a page count may be told at this moment (monotonic seconds)."""
        if now < self._next_at:
            return False
        self._next_at = now + self._gap_seconds
        return True

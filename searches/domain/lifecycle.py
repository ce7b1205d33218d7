"""The states of a search and the only definition of the moves between them. Floor 0."""

from enum import StrEnum


class Status(StrEnum):
    """Where a search stands; the last four are endings, named as the contract's last events."""

    QUEUED = "queued"  # nobody has taken it yet
    RUNNING = "running"  # a worker has claimed it
    COMPLETE = "complete"  # every unit answered
    PARTIAL = "partial"  # some units failed: the result is real but incomplete
    ERROR = "error"  # no unit answered, or a fault of ours
    CANCELLED = "cancelled"  # asked, and the run noticed


TERMINAL: frozenset[Status] = frozenset(
    {Status.COMPLETE, Status.PARTIAL, Status.ERROR, Status.CANCELLED}
)
MOVES: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.RUNNING, Status.CANCELLED, Status.ERROR}),
    # Back to QUEUED: the worker went away and gave the search back, or was found dead.
    Status.RUNNING: frozenset({Status.QUEUED, *TERMINAL}),
    **{status: frozenset() for status in TERMINAL},
}
#: How many workers a search may lose before it is given up: one that kills them must not go on.
MAX_LOSSES = 3
HEARTBEAT_SECONDS = 5
#: A running search silent for this long has lost its worker.
SILENCE_SECONDS = 15


class DigestState(StrEnum):
    """Where the e-mail about a run stands."""

    WAITING = "waiting"  # for the run's end, or for another try
    SENT = "sent"
    NOT_NEEDED = "not_needed"  # nothing new, or nobody to tell
    FAILED = "failed"  # given up after several tries


def most_for_one(places: int) -> int:
    """Return how many of the places for searches one asker may have, so that others find some."""
    return max(1, places // 2)


def may_move(source: Status, target: Status) -> bool:
    """Return whether a search may go from one state to another."""
    return target in MOVES[source]

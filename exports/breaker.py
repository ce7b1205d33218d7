"""A small circuit breaker: after a few errors in a row of time, no call for a while. Floor 0."""

import threading
import time
from collections import deque
from collections.abc import Callable

from exports.errors import Reason, StorageUnavailable


class Breaker:
    """Counts errors; open, it says how long to wait. Safe between threads, one for each process.

    When the pause is over one caller in each `pause_seconds` may try; a success closes it.
    """

    def __init__(
        self,
        *,
        errors: int = 3,
        window_seconds: float = 60,
        pause_seconds: float = 15,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = errors
        self._window_seconds = window_seconds
        self._pause_seconds = pause_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: deque[float] = deque(maxlen=errors)
        self._open_until: float | None = None
        self._reason = Reason.REFUSED  # of the last error

    def wait_seconds(self) -> float:
        """Return 0 when a call may be made now, otherwise how long to wait for the next try."""
        with self._lock:
            now = self._clock()
            if self._open_until is None:
                return 0
            if now < self._open_until:
                return self._open_until - now
            self._open_until = now + self._pause_seconds  # this caller tries, the others wait
            return 0

    def admit(self) -> None:
        """Return when a call may be made now; raises StorageUnavailable with seconds to wait."""
        wait_seconds = self.wait_seconds()
        if wait_seconds > 0:
            raise StorageUnavailable(
                "The object storage failed a moment ago.",
                reason=self._reason,
                retry_after_seconds=int(wait_seconds) + 1,
            )

    def failed(self, reason: Reason) -> None:
        """Note an error; the last of too many opens the breaker."""
        with self._lock:
            now = self._clock()
            self._reason = reason
            self._failures.append(now)
            is_full = len(self._failures) == self._limit
            if is_full and now - self._failures[0] <= self._window_seconds:
                self._open_until = now + self._pause_seconds

    def succeeded(self) -> None:
        """Forget all errors."""
        with self._lock:
            self._failures.clear()
            self._open_until = None

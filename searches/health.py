"""How the runner is. Floor 3."""

from typing import Any

from django.conf import settings
from django.utils import timezone

from searches import selectors
from searches.domain.lifecycle import Status
from searches.models import Search


def runner_state() -> dict[str, Any]:
    """Return the runner's mode, its state, and how many searches wait and run.

    The state is `ok`, `late` when the oldest has waited for more than a minute and nothing runs,
    or `no_workers` when none has given a sign of life lately.
    """
    waiting = Search.objects.filter(status=Status.QUEUED).order_by("created_at")
    oldest = waiting.values_list("created_at", flat=True).first()
    running = selectors.running()
    late = oldest is not None and (timezone.now() - oldest).total_seconds() > 60
    state = {
        "mode": settings.BIDIQ_RUNNER,
        "state": "late" if late and not running else "ok",
        "queued": waiting.count(),
        "running": len(running),
    }
    if settings.BIDIQ_RUNNER == "worker":
        from searches.services import queue  # procrastinate is not installed on SQLite

        state["workers"] = queue.live_workers()
        if not state["workers"]:
            state["state"] = "no_workers"
    return state

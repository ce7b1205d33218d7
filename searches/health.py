"""How the runner is. Floor 3."""

from typing import Any

from django.conf import settings
from django.utils import timezone

from searches import selectors
from searches.domain.lifecycle import Status
from searches.models import Search


def runner_state() -> dict[str, Any]:
    """Return the runner's mode, its state, and how many searches wait and run."""
    waiting = Search.objects.filter(status=Status.QUEUED).order_by("created_at")
    oldest = waiting.values_list("created_at", flat=True).first()
    running = selectors.running()
    late = oldest is not None and (timezone.now() - oldest).total_seconds() > 60
    return {
        "mode": settings.BIDIQ_RUNNER,
        "state": "late" if late and not running else "ok",
        "queued": waiting.count(),
        "running": len(running),
    }

"""/healthz, /readyz and /metrics: is the process alive, are its parts, what has it done."""

from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bidiq import metrics as figures
from exports.services import storage_health
from searches import live
from searches.health import runner_state

_LOCAL = {"127.0.0.1", "::1"}


async def healthz(request: HttpRequest) -> HttpResponse:
    """Answer as long as the process lives; asks nothing of anybody."""
    return HttpResponse("ok\n", content_type="text/plain")


async def readyz(request: HttpRequest) -> JsonResponse:
    """Say of each part its mode and state. 503 only without the database: the site goes on
    without the channel layer and without the object storage."""
    parts = await state_of_parts()
    is_ready = parts["database"]["state"] == "ok"
    response = JsonResponse(parts, status=200 if is_ready else 503)
    response["Cache-Control"] = "no-store"
    return response


async def state_of_parts() -> dict[str, dict[str, Any]]:
    """Return {"database", "channel_layer", "storage", "runner"}, each {"mode", "state", …}."""
    database = await database_sync_to_async(_database)()
    unknown = {"state": "unknown"}
    is_up = database["state"] == "ok"
    return {
        "database": database,
        "channel_layer": {
            "mode": "redis" if settings.REDIS_URL else "memory",
            "state": "ok" if await live.is_up() else "down",
        },
        "storage": await database_sync_to_async(_storage)()
        if is_up
        else {"mode": "object_storage" if settings.AWS_STORAGE_BUCKET_NAME else "database"}
        | unknown,
        "runner": await database_sync_to_async(runner_state)()
        if is_up
        else {"mode": settings.BIDIQ_RUNNER} | unknown,
    }


def _database() -> dict[str, Any]:
    mode = "postgresql" if settings.BIDIQ_ON_POSTGRESQL else "sqlite"
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Exception:  # whatever the driver raises, the part is down
        return {"mode": mode, "state": "down"}
    return {"mode": mode, "state": "ok"}


def _storage() -> dict[str, Any]:
    health = storage_health()
    return {"mode": health.mode, "state": health.state, "pending": health.pending_count}


def metrics(request: HttpRequest) -> HttpResponse:
    """Return Prometheus figures to staff and to scrapers on this machine; 404 for others."""
    is_local = (
        request.META.get("REMOTE_ADDR") in _LOCAL and "X-Forwarded-For" not in request.headers
    )
    if not (is_local or request.user.is_staff):
        raise Http404
    figures.collect()
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)

"""/healthz, /readyz and /metrics: is the process alive, are its parts, what has it done."""

from typing import Any

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import sync_and_async_middleware
from prometheus_client import CONTENT_TYPE_LATEST

from bidiq import condition
from bidiq import metrics as figures

#: Probes are answered before the middleware that says this of everything else.
_HEADERS = {"X-Content-Type-Options": "nosniff"}
_LOCAL = {"127.0.0.1", "::1"}
#: Any one of these says that a proxy stands between, on this machine as a rule.
_OF_PROXIES = (
    "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via",
)  # fmt: skip


async def healthz(request: HttpRequest) -> HttpResponse:
    """Answer as long as the process lives; asks nothing of anybody."""
    return HttpResponse("ok\n", content_type="text/plain", headers=_HEADERS)


async def readyz(request: HttpRequest) -> JsonResponse:
    """Say of each part its mode and state. 503 only without the database: the site goes on
    without the channel layer and without the object storage."""
    parts = await condition.ask_all()
    is_ready = parts["database"]["state"] == "ok"
    headers = {**_HEADERS, "Cache-Control": "no-store"}
    return JsonResponse(parts, status=200 if is_ready else 503, headers=headers)


_PROBES = {"/healthz": healthz, "/readyz": readyz}


@sync_and_async_middleware
def probes_answered(get_response: Any) -> Any:
    """Middleware, the first: answer probes whatever host they ask for, as a rule an IP address."""
    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponse:
            probe: Any = _PROBES.get(request.path)
            response: HttpResponse = await (probe or get_response)(request)
            return response

        return middleware

    def sync_middleware(request: HttpRequest) -> HttpResponse:
        probe: Any = _PROBES.get(request.path)
        response: HttpResponse = (async_to_sync(probe) if probe else get_response)(request)
        return response

    return sync_middleware


def metrics(request: HttpRequest) -> HttpResponse:
    """Return Prometheus figures to staff and to scrapers on this machine; 404 for others."""
    is_local = request.META.get("REMOTE_ADDR") in _LOCAL and not any(
        name in request.headers for name in _OF_PROXIES
    )
    if not (is_local or request.user.is_staff):
        raise Http404
    return HttpResponse(figures.exposition(), content_type=CONTENT_TYPE_LATEST)

"""The floor of a POST: a Django async view that only answers 202, under the site's own server.

Run as `python -m tests.benchmarks.bare_view --port N`.
"""

import argparse

import django
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path


async def answer(request: HttpRequest) -> JsonResponse:
    """Answer as if something had been accepted."""
    return JsonResponse({"search_id": "", "size": len(request.body)}, status=202)


urlpatterns = [path("", answer)]


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    settings.configure(
        SECRET_KEY="only-for-benchmarks", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"]
    )
    django.setup()
    Server(
        ASGIHandler(),
        endpoints=build_endpoint_description_strings(host="127.0.0.1", port=port),
    ).run()


if __name__ == "__main__":
    main()

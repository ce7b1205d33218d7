"""Error pages, and the same errors as JSON under /api/."""

import sys
from typing import Any

from asgiref.sync import iscoroutinefunction
from channels.db import database_sync_to_async
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.decorators import sync_and_async_middleware

from searches.access import form_page, way_back
from searches.database import AWAY

_CODES = {400: "request.invalid", 401: "auth.required", 403: "forbidden", 404: "not_found",
          405: "method", 413: "request.too_large",
          500: "internal", 503: "database.down"}  # fmt: skip
_TEXTS = {
    400: "O pedido não pôde ser entendido.",
    401: "Envie um token ou o cookie da sessão com X-CSRFToken.",
    403: "Este pedido não veio de uma página deste site, ou a página ficou aberta tempo demais.",
    404: "Esta página não existe, ou não é sua.",
    405: "Este endereço não aceita este método.",  # a page says it in its own words
    413: "O que foi enviado é grande demais: um formulário tem até 1 MB.",
    500: "Houve uma falha do nosso lado. Ela foi registrada.",
    503: "O banco de dados não está respondendo. Nada se perdeu: tente de novo em instantes.",
}
#: When what met a database that is away may be asked for again; its page does so by itself.
AGAIN_AFTER_SECONDS = 5


def _answer(request: HttpRequest, status: int) -> HttpResponse:
    if request.path.startswith("/api/"):
        if status == 403:  # the API knows no 403: who may not is not let in (contract, section 4)
            status = 401
        body = {"error": {"code": _CODES[status], "message": _TEXTS[status]}}
        return JsonResponse(body, status=status)
    context = {
        "status": status,
        "explanation": _TEXTS[status],
        "form_page": form_page(request),
        "way_back": way_back(request),
    }
    return render(request, "error.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _answer(request, 404)


def server_error(request: HttpRequest, *args: Any) -> HttpResponse:
    """Say that the fault is ours: 503 while the database is away, else 500.

    The page is made without the request: session and user may be what failed.
    """
    is_database = isinstance(sys.exc_info()[1], AWAY)
    status = 503 if is_database else 500
    if request.path.startswith("/api/"):
        response = _answer(request, status)
    else:
        context = {"status": status, "explanation": _TEXTS[status]}
        if is_database and request.method == "GET":  # nothing is posted twice
            context["again_after_seconds"] = AGAIN_AFTER_SECONDS
        response = HttpResponse(render_to_string("error.html", context), status=status)
    if is_database:
        response["Retry-After"] = str(AGAIN_AFTER_SECONDS)
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _answer(request, 403)


@sync_and_async_middleware
def methods_refused_in_words(get_response: Any) -> Any:
    """Middleware: Django's answer when an address does not take a method is empty; it is said as
    every other error, on a page or in JSON."""

    def said(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        answer = _answer(request, 405)
        answer["Allow"] = response["Allow"]
        answer["Cache-Control"] = "private, no-store"  # caches may keep a 405; this is a visitor's
        return answer

    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponse:
            response: HttpResponse = await get_response(request)
            if response.status_code != 405:
                return response
            # The page says who is logged in: that is read from the database.
            answer: HttpResponse = await database_sync_to_async(said)(request, response)
            return answer

        return middleware

    def sync_middleware(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = get_response(request)
        return said(request, response) if response.status_code == 405 else response

    return sync_middleware

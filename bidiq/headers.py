"""Headers of answers. Here is what Django has no middleware for."""

from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import has_vary_header
from django.utils.decorators import sync_and_async_middleware


@sync_and_async_middleware
def kept_by_nobody(get_response: Any) -> Any:
    """Middleware: a page that was made for one visitor, being made of its cookies, no cache keeps.

    Answers to a POST no cache keeps anyway, but for going back: a browser would ask to post again.
    """

    def finished(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.method != "POST" and has_vary_header(response, "Cookie"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    if iscoroutinefunction(get_response):

        async def middleware(request: HttpRequest) -> HttpResponseBase:
            return finished(request, await get_response(request))

        return middleware
    return lambda request: finished(request, get_response(request))

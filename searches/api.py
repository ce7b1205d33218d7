"""The JSON API. Floor 6. Same rules, same services as the pages; errors have one shape."""

import asyncio
import re
from typing import Any
from uuid import UUID

import orjson
from channels.db import database_sync_to_async
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.urls import get_resolver
from django.utils import timezone
from django.utils.log import log_response
from ninja import NinjaAPI
from ninja.errors import HttpError
from ninja.openapi.docs import Swagger
from ninja.utils import check_csrf

from exports.errors import ArtifactError, ArtifactExpired, ArtifactMissing, StorageUnavailable
from searches import (
    api_docs,
    json_body,
    messages,
    representation,
    runner,
    streams,
    url_ids,
)
from searches.access import members_when_required, request_owner, visible_or_404
from searches.domain import brazil, matching, tables
from searches.domain.brazil import BRASILIA
from searches.domain.errors import Problem, QueryError
from searches.domain.query import LARGEST_WHOLE, PAGE_SIZES, parse_query
from searches.models import Search
from searches.preferences import asked_wait
from searches.services import searches as services
from searches.sse import event_stream_response
from searches.tokens import bearer_of, user_of_token
from searches.views import cancel_search, hand_out

#: Who asks only for the head gets it: Django leaves the body out.
_READ = ["GET", "HEAD"]


class ApiError(Exception):
    """An answer that is not a result."""

    def __init__(
        self, status: int, code: str, message: str, *, field: str | None = None, **headers: str
    ) -> None:
        self.status, self.code, self.message, self.field = status, code, message, field
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(message)


async def authenticate(request: HttpRequest) -> bool:
    """Let in a bearer of a token, or a browser's session; its writes need the CSRF token too."""
    token = bearer_of(request.headers.get("Authorization", ""))
    if token is not None:
        user = await database_sync_to_async(user_of_token)(token)
        if user is None:
            raise ApiError(401, "auth.token", "Token inválido.", WWW_Authenticate="Bearer")
        request.user = user
        return True
    # Its CSRF token comes in a header: a body is no form here, whatever it is said to be, and is
    # left to who reads it as JSON.
    request.POST = QueryDict()
    if request.method not in ("GET", "HEAD", "OPTIONS") and check_csrf(request) is not None:
        raise ApiError(
            401,
            "auth.required",
            "Envie um token (Authorization: Bearer) ou o cookie da sessão com X-CSRFToken.",
            WWW_Authenticate="Bearer",
        )
    is_member = database_sync_to_async(lambda: request.user.is_authenticated)
    if settings.BIDIQ_LOGIN_REQUIRED and not await is_member():
        raise ApiError(401, "auth.required", "Entre na sua conta.", WWW_Authenticate="Bearer")
    return True


#: Ninja's name for it: the page of the docs sends the CSRF token with what it asks.
authenticate.csrf = True  # type: ignore[attr-defined]


class Api(NinjaAPI):
    """Ninja's API, with our OpenAPI document."""

    def get_openapi_schema(self, **options: Any) -> Any:
        return api_docs.finished(super().get_openapi_schema(**options))


api = Api(
    title="bidiq",
    version="1",
    description=api_docs.DESCRIPTION,
    urls_namespace="api",
    auth=authenticate,
    # Doors of our own, below: ninja's take every method, and know no login.
    docs_url=None,
    openapi_url=None,
)


def error_response(error: ApiError) -> HttpResponse:
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.field is not None:
        body["field"] = error.field
    return _json({"error": body}, status=error.status, headers=error.headers)


def _json(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(
        orjson.dumps(data),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


@api.exception_handler(ApiError)
def _on_api_error(request: HttpRequest, error: ApiError) -> HttpResponse:
    return error_response(error)


@api.exception_handler(QueryError)
def _on_query_error(request: HttpRequest, error: QueryError) -> HttpResponse:
    texts = messages.problem_texts(error)
    field = next(iter(texts))
    body = {
        "code": error.code,
        "message": texts[field][0],
        "field": field,
        "fields": texts,
    }
    return _json({"error": body}, status=422)


@api.exception_handler(Http404)
def _on_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return error_response(ApiError(404, "search.missing", "Busca não encontrada."))


@api.exception_handler(HttpError)
def _on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return error_response(ApiError(error.status_code, "request.invalid", str(error)))


@api.exception_handler(ArtifactError)
def _on_artifact_error(request: HttpRequest, error: ArtifactError) -> HttpResponse:
    if isinstance(error, StorageUnavailable):
        return error_response(
            ApiError(
                503,
                error.code,
                "O armazenamento de arquivos não está respondendo. Tente de novo em instantes.",
                Retry_After=str(error.retry_after_seconds),
            )
        )
    if isinstance(error, (ArtifactExpired, ArtifactMissing)):
        return error_response(
            ApiError(410, error.code, "O arquivo não está mais guardado. Repita a busca.")
        )
    return error_response(ApiError(503, error.code, "O arquivo não pôde ser lido."))


@api.exception_handler(Exception)
def _on_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    """Leave a fault of ours to the site; for who develops, too, the traceback is for the log."""
    if not settings.DEBUG:
        raise error
    answer: HttpResponse = get_resolver().resolve_error_handler(500)(request)
    said = (answer.reason_phrase, request.path)
    log_response("%s: %s", *said, request=request, response=answer, exception=error)
    return answer


@api.post("/buscar", openapi_extra=api_docs.START, operation_id="buscar")
async def start(request: HttpRequest) -> HttpResponseBase:
    """Start a search; with `Prefer: wait=N` answer with its result if it ends in time."""
    data = _body(request)
    wait_seconds = asked_wait(request.headers.get("Prefer", ""))
    search, is_new = await database_sync_to_async(_create)(request, data)
    if is_new:
        runner.start(search)
    if wait_seconds and await _ends_within(search, wait_seconds):
        headers = {"Preference-Applied": f"wait={wait_seconds}"}
        fresh = await database_sync_to_async(_result)(request, search.pk, None, None)
        return _json(fresh, headers=headers)
    scheme = "wss" if request.is_secure() else "ws"
    root = f"{scheme}://{request.get_host()}"
    body = representation.accepted(search, websocket_root=root)
    return _json(body, status=202, headers={"Location": body["status_url"]})


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        return json_body.read_object(request.body)
    except RequestDataTooBig:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20
        raise ApiError(413, "request.too_large", f"O corpo passa de {most} MB.") from None
    except json_body.NoObject:
        raise ApiError(400, "request.json", "O corpo deve ser um objeto JSON.") from None
    except ValueError:
        raise ApiError(400, "request.json", "O corpo não é um JSON válido.") from None


def _create(request: HttpRequest, data: dict[str, Any]) -> tuple[Search, bool]:
    query = parse_query(data, today=timezone.now().astimezone(BRASILIA).date())
    search_id = data.get("search_id")
    try:
        return services.create_search(
            query,
            owner=request_owner(request, make=True),
            search_id=UUID(str(search_id)) if search_id else None,
        )
    except services.TooManySearches as error:
        raise ApiError(
            429,
            "search.rate",
            "Muitas buscas em um minuto. Espere um pouco.",
            Retry_After=str(error.retry_after_seconds),
        ) from None
    except services.SearchIdTaken:
        raise ApiError(
            409, "search_id.taken", "Este search_id já está em uso.", field="search_id"
        ) from None


async def _ends_within(search: Search, seconds: int) -> bool:
    try:
        async with asyncio.timeout(seconds):
            async for _ in streams.follow(search.pk, after=0):
                pass
    except TimeoutError:
        return False
    return True


def _result(
    request: HttpRequest, search_id: UUID, page: int | None, page_size: int | None
) -> dict[str, Any]:
    search = visible_or_404(request, search_id)
    return representation.result(search, page=page, page_size=page_size, now=timezone.now())


@api.api_operation(
    _READ, "/buscar/{id:search_id}", url_name="search", openapi_extra=api_docs.RESULT
)
async def search(request: HttpRequest, search_id: UUID) -> HttpResponse:
    """Return a search with a page of its result, at any moment of its life."""
    page, page_size = _whole(request, "pagina"), _whole(request, "itens_por_pagina")
    if page is not None and not 1 <= page <= LARGEST_WHOLE:
        message = messages.problem_text(Problem("whole"))
        raise ApiError(422, "request.invalid", message, field="pagina")
    if page_size is not None and page_size not in PAGE_SIZES:
        message = messages.problem_text(Problem("page_size"))
        raise ApiError(422, "request.invalid", message, field="itens_por_pagina")
    found = await database_sync_to_async(_result)(request, search_id, page, page_size)
    return _json(found)


def _whole(request: HttpRequest, name: str) -> int | None:
    """Return a whole number of the address; 0, which nothing takes, for what is none."""
    text = request.GET.get(name)
    return text if text is None else int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


@api.api_operation(
    _READ,
    "/buscar-progress/{id:search_id}",
    url_name="progress",
    openapi_extra=api_docs.STREAM,
)
async def progress(request: HttpRequest, search_id: UUID) -> HttpResponseBase:
    """Stream a search's events (SSE)."""
    found = await database_sync_to_async(visible_or_404)(request, search_id)
    return await event_stream_response(request, found)


@api.post("/buscar/{id:search_id}/cancelar", url_name="cancel", openapi_extra=api_docs.CANCEL)
async def cancel(request: HttpRequest, search_id: UUID) -> HttpResponse:
    """Ask a search to stop; asking again, or after its end, changes nothing."""
    found = await database_sync_to_async(visible_or_404)(request, search_id)
    await cancel_search(found)
    status = await database_sync_to_async(_status)(search_id)
    return _json({"search_id": str(search_id), "status": status}, status=202)


def _status(search_id: UUID) -> str:
    return str(Search.objects.values_list("status", flat=True).get(pk=search_id))


@api.api_operation(_READ, "/download", url_name="download", openapi_extra=api_docs.DOWNLOAD)
async def download(request: HttpRequest) -> HttpResponseBase:
    """Hand out the Excel file of a search."""
    text = request.GET.get("id", "")
    if not re.fullmatch(url_ids.IdConverter.regex, text):
        raise ApiError(422, "request.invalid", "Envie o id da busca (UUID).", field="id")
    search_id = UUID(text)

    def answer() -> HttpResponseBase:
        found = visible_or_404(request, search_id)
        if found.artifact is None:
            if found.is_terminal:
                if text := messages.too_large_text(found.error_code):
                    raise ApiError(409, found.error_code, text)
                raise ApiError(409, "artifact.none", "Esta busca não tem arquivo Excel.")
            raise ApiError(409, "search.running", "A busca ainda não terminou.")
        return hand_out(request, found.artifact)

    response: HttpResponseBase = await database_sync_to_async(answer)()
    return response


@api.api_operation(_READ, "/setores", auth=None, openapi_extra=api_docs.SECTORS)
def sectors(request: HttpRequest) -> HttpResponse:
    """Return the sectors that can be asked for."""
    return _json(
        [
            {"id": sector.id, "nome": sector.name, "descricao": sector.description}
            for sector in matching.all_sectors()
        ]
    )


@api.api_operation(
    _READ,
    "/modalidades",
    auth=None,
    openapi_extra=api_docs.MODALITIES,
)
def modalities(request: HttpRequest) -> HttpResponse:
    """Return PNCP's modalities; `padrao` marks those searched when none is asked for."""
    return _json(
        [
            {
                "codigo": modality.code,
                "nome": modality.name,
                "padrao": modality.code in tables.COMPETITIVE,
            }
            for modality in tables.MODALITIES
        ]
    )


@api.api_operation(_READ, "/ufs", auth=None, openapi_extra=api_docs.UNITS)
def units(request: HttpRequest) -> HttpResponse:
    """Return the 27 units of the federation."""
    return _json(
        [{"sigla": unit.code, "nome": unit.name, "regiao": unit.region} for unit in brazil.UNITS]
    )


@api.api_operation(_READ, "/openapi.json", url_name="openapi-json", include_in_schema=False)
async def document(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document."""
    return _json(api.get_openapi_schema())


@api.api_operation(_READ, "/docs", auth=None, include_in_schema=False)
@members_when_required
def docs(request: HttpRequest) -> HttpResponse:
    """Show the document as a page, for members only where every page is."""
    return Swagger().render_page(request, api)


_EVERY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@api.api_operation(_EVERY, "/", auth=None, include_in_schema=False)
def no_index(request: HttpRequest) -> HttpResponse:
    """Answer for the address that all of these begin with."""
    return nothing_here(request, "")


@api.api_operation(_EVERY, "/{path:rest}", auth=None, include_in_schema=False)
def nothing_here(request: HttpRequest, rest: str) -> HttpResponse:
    """Answer in JSON for addresses that do not exist."""
    return error_response(ApiError(404, "not_found", "Este endereço não existe."))

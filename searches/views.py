"""The pages. Floor 6."""

from contextlib import suppress
from datetime import date, datetime
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from exports import views as export_views
from exports.errors import ArtifactError
from exports.models import Artifact
from searches import live, messages, pages, runner, selectors
from searches.access import (
    login_first,
    members_when_required,
    renew_session,
    request_owner,
    tokens_taken,
    visible_or_404,
)
from searches.consumers import as_seq
from searches.domain.brazil import BRASILIA
from searches.domain.errors import QueryError
from searches.domain.query import SearchQuery
from searches.forms import SearchForm
from searches.models import Search
from searches.services import saved as saved_services
from searches.services import searches as services
from searches.sse import event_stream_response

LAST_QUESTION_KEY = "last_question"
HISTORY_PAGE_SIZE = 20


def brasilia_now() -> datetime:
    return timezone.now().astimezone(BRASILIA)


@require_safe
@members_when_required
def form(request: HttpRequest) -> HttpResponse:
    """Show the form with the last question in it, or the one of `?de=<search>`."""
    renew_session(request)
    now = brasilia_now()
    question, day = _question_of(request) or request.session.get(LAST_QUESTION_KEY, (None, ""))
    if question is not None:
        with suppress(QueryError):  # the form shows what today's rules refuse
            question = as_asked_today(
                SearchQuery.from_json(question), date.fromisoformat(day), today=now.date()
            ).to_json()
    shown = SearchForm.remembered(question, today=now.date())
    return render(request, "searches/form.html", pages.form_context(shown, now=now))


def _question_of(request: HttpRequest) -> tuple[dict[str, Any], str] | None:
    """Return the question of the search that `?de=` names and the day it was asked on, when the
    requester may see it."""
    with suppress(ValueError, Http404):
        search = visible_or_404(request, UUID(request.GET.get("de", "")))
        terms = request.GET.get("termos")  # suggested in the place of the ones that found nothing
        question = {**search.query, "termos_busca": terms} if terms else search.query
        return question, asked_on(search).isoformat()
    return None


@require_http_methods(["GET", "HEAD", "POST"])
async def searches(request: HttpRequest) -> HttpResponseBase:
    """The owner's searches: POST starts one, GET lists them."""
    if request.method == "POST":
        return await start(request)
    page: HttpResponse = await database_sync_to_async(history)(request)
    return page


async def start(request: HttpRequest) -> HttpResponseBase:
    """Start a search and go to its page; what is wrong is shown at its field.

    Who has to log in first finds the question in the form afterwards: the session keeps it.
    """

    def create() -> Search | HttpResponseBase:
        submitted = SearchForm.submitted(request.POST, today=brasilia_now().date())
        login = login_first(request, back_to=reverse("searches:form"))
        if submitted.query is not None:
            today = brasilia_now().date().isoformat()
            request.session[LAST_QUESTION_KEY] = (submitted.query.to_json(), today)
        if login is not None:
            return login
        if submitted.query is None:
            return _refused(request, submitted)
        return _create(request, submitted.query)

    return await started(await database_sync_to_async(create)())


def _refused(request: HttpRequest, submitted: SearchForm) -> HttpResponse:
    context = pages.form_context(submitted, now=brasilia_now())
    return render(request, "searches/form.html", context, status=422)


@require_POST
@members_when_required
async def repeat(request: HttpRequest, search_id: UUID) -> HttpResponseBase:
    """Ask the same question again; a period that ended on the day of asking moves to today.

    With `so=incompletas` of the UFs alone that were not read whole. What was asked by rules that
    hold no more is shown in the form, with what is wrong at its field.
    """

    def create() -> Search | HttpResponse:
        old = visible_or_404(request, search_id)
        try:
            query = repeated_query(old, today=brasilia_now())
        except QueryError:
            asked = SearchForm(old.query, today=brasilia_now().date(), bound=True)
            return _refused(request, asked)
        if request.POST.get("so") == "incompletas":
            query = pages.of_the_incomplete(old, query) or query
        return _create(request, query)

    return await started(await database_sync_to_async(create)())


def repeated_query(search: Search, *, today: datetime) -> SearchQuery:
    """Return a search's question as it is asked today."""
    query = SearchQuery.from_json(search.query)
    return as_asked_today(query, asked_on(search), today=today.date())


def asked_on(search: Search) -> date:
    """Return Brasília's day on which a search was asked."""
    return search.created_at.astimezone(BRASILIA).date()


def as_asked_today(query: SearchQuery, day: date, *, today: date) -> SearchQuery:
    """Return a question that was asked on a day with the same span of days, up to today when it
    went up to that day."""
    return query.moved_to(today) if query.last_day == day else query


def _create(request: HttpRequest, query: SearchQuery) -> Search | HttpResponse:
    try:
        search, _ = services.create_search(query, owner=request_owner(request, make=True))
    except services.TooManySearches as error:
        return too_many(request, error)
    return search


def too_many(request: HttpRequest, error: services.TooManySearches) -> HttpResponse:
    """Say when the next search may start."""
    context = {"retry_after_seconds": error.retry_after_seconds}
    response = render(request, "searches/too_many.html", context, status=429)
    response["Retry-After"] = str(error.retry_after_seconds)
    return response


async def started(outcome: Search | HttpResponseBase) -> HttpResponseBase:
    """Have a created search run, and go to its page; what was refused is answered as it is."""
    if isinstance(outcome, HttpResponseBase):
        return outcome
    runner.start(outcome)
    response = redirect("searches:detail", outcome.pk)
    response.status_code = 303
    return response


@members_when_required
def history(request: HttpRequest) -> HttpResponse:
    """Show the owner's searches, newest first."""
    renew_session(request)
    owner = request_owner(request)
    searches = selectors.visible_to(owner).select_related("artifact", "saved")
    page = Paginator(searches, HISTORY_PAGE_SIZE).get_page(request.GET.get("pagina"))
    context = pages.history_context(page, owner=owner, now=brasilia_now())
    return render(request, "searches/history.html", context)


@require_safe
@members_when_required
def detail(request: HttpRequest, search_id: UUID) -> HttpResponse:
    """Show a search as it stands: progress while it runs, then its result."""
    search = visible_or_404(request, search_id)
    renew_session(request)
    owner = request_owner(request)
    if search.saved_id is not None:
        saved_services.saw(owner)
    context = pages.detail_context(search, request.GET, owner=owner, now=brasilia_now())
    response = render(request, pages.detail_template(request.GET), context)
    response["Cache-Control"] = "no-store"  # going back must not show an old state
    return response


@require_safe
@tokens_taken
async def events(request: HttpRequest, search_id: UUID) -> HttpResponseBase:
    """Stream a search's events."""
    search = await database_sync_to_async(visible_or_404)(request, search_id)
    return await event_stream_response(request, search)


@require_safe
@tokens_taken
async def events_json(request: HttpRequest, search_id: UUID) -> HttpResponseBase:
    """Return a search's events after `?after=`, for polling."""

    def answer() -> JsonResponse:
        search = visible_or_404(request, search_id)
        told = selectors.events_after(search.pk, as_seq(request.GET.get("after")))
        body = {"events": told, "last_seq": search.last_seq, "finished": search.is_terminal}
        return JsonResponse(body, headers={"Cache-Control": "no-store"})

    response: JsonResponse = await database_sync_to_async(answer)()
    return response


@require_POST
@members_when_required
async def cancel(request: HttpRequest, search_id: UUID) -> HttpResponseBase:
    """Stop a search and go back to its page."""
    search = await database_sync_to_async(visible_or_404)(request, search_id)
    await cancel_search(search)
    response = redirect("searches:detail", search_id)
    response.status_code = 303
    return response


async def cancel_search(search: Search) -> None:
    """Ask a search to stop and tell whoever watches."""
    payloads = await database_sync_to_async(services.request_cancel)(search)
    await live.publish(search.pk, payloads)


@require_safe
@members_when_required
def excel(request: HttpRequest, search_id: UUID) -> HttpResponseBase:
    """Hand out the Excel file."""
    search = visible_or_404(request, search_id)
    if search.artifact is None:
        context = {"search": search, "too_large": messages.too_large_text(search.error_code)}
        return render(request, "searches/no_excel.html", context, status=409)
    try:
        return hand_out(request, search.artifact)
    except ArtifactError as error:
        return export_views.error_response(
            request,
            error,
            artifact=search.artifact,
            repeat_url=reverse("searches:repeat", args=[search.pk]),
            result_url=reverse("searches:detail", args=[search.pk]),
        )


def hand_out(request: HttpRequest, artifact: Artifact) -> HttpResponseBase:
    """Answer with a search's file: a redirect to the object storage, or its bytes.

    Raises exports.errors.ArtifactError.
    """
    owner = request_owner(request)
    return export_views.artifact_response(request, artifact, visitor=owner.visitor)

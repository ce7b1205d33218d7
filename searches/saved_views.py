"""The pages of saved searches. Floor 6."""

from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from searches import digests, pages, selectors, wording
from searches.access import members_when_required, renew_session, request_owner, visible_or_404
from searches.domain.errors import QueryError
from searches.domain.query import SearchQuery
from searches.models import SavedSearch, Search
from searches.services import saved as services
from searches.services.searches import TooManySearches
from searches.views import started, too_many


def _mine_or_404(request: HttpRequest, saved_id: UUID) -> SavedSearch:
    owner = request_owner(request)
    saved = None if owner.is_nobody else selectors.saved_by(owner).filter(pk=saved_id).first()
    if saved is None:
        raise Http404
    return saved


@require_safe
@members_when_required
def listing(request: HttpRequest) -> HttpResponse:
    """Show what the owner keeps."""
    renew_session(request)
    services.saw(request_owner(request))
    return _page(request)


def _page(
    request: HttpRequest, *, problem: str = "", status: int = 200, **of_the_problem: Any
) -> HttpResponse:
    saved = selectors.saved_by(request_owner(request))
    address = digests.address_of(request.user) if request.user.is_authenticated else ""
    context = pages.saved_context(saved, now=timezone.now(), address=address, problem=problem)
    context |= of_the_problem
    return render(request, "searches/saved.html", context, status=status)


@require_POST
@members_when_required
def save(request: HttpRequest, search_id: UUID) -> HttpResponse:
    """Keep a search's question."""
    search = visible_or_404(request, search_id)
    try:
        name = _name(SearchQuery.from_json(search.query))
        services.save(
            search,
            owner=request_owner(request),
            name=name,
            replaces_days="outros_dias" in request.POST,
        )
    except services.OtherDays as error:
        other = pages.other_days(error.saved, search)
        return _page(request, problem="other_days", status=422, other=other)
    except services.TooManySaved:
        return _page(request, problem="too_many", status=422)
    except QueryError:
        return _page(request, problem="outdated", status=422)
    return _back()


def _name(query: SearchQuery) -> str:
    """Name a question to be kept: by all of it, if that is short enough."""
    whole, short = (
        wording.question(query, in_full=in_full).removeprefix("Licitações de ")
        for in_full in (True, False)
    )
    name = whole if len(whole) <= services.LONGEST_NAME else short
    return name[:1].upper() + name[1:]


@require_POST
@members_when_required
def change(request: HttpRequest, saved_id: UUID) -> HttpResponse:
    """Rename it, pause it, ask for mail."""
    try:
        services.change(
            _mine_or_404(request, saved_id),
            owner=request_owner(request),
            name=request.POST.get("nome", ""),
            is_daily="diaria" in request.POST,
            wants_mail="email" in request.POST,
        )
    except QueryError:
        return _page(request, problem="outdated", status=422)
    return _back()


@require_POST
@members_when_required
def delete(request: HttpRequest, saved_id: UUID) -> HttpResponse:
    """Keep it no longer; its runs stay in the history."""
    _mine_or_404(request, saved_id).delete()
    return _back()


@require_POST
@members_when_required
async def run(request: HttpRequest, saved_id: UUID) -> HttpResponseBase:
    """Ask it now."""

    def create() -> Search | HttpResponse:
        try:
            return services.run(_mine_or_404(request, saved_id), now=timezone.now())
        except TooManySearches as error:
            return too_many(request, error)
        except QueryError:
            return _page(request, problem="outdated", status=422)

    return await started(await database_sync_to_async(create)())


def _back() -> HttpResponse:
    response = redirect("searches:saved")
    response.status_code = 303
    return response


@csrf_exempt  # mail programs post by themselves (RFC 8058); the signed link is the permission
@require_http_methods(["GET", "HEAD", "POST"])
def stop_mail(request: HttpRequest, token: str) -> HttpResponse:
    """Send no more mail about a saved search, for whoever has the link of one."""
    try:
        saved_id = digests.saved_id_of(token)
    except signing.BadSignature:
        raise Http404 from None
    if request.method == "POST":
        services.stop_mail(saved_id)
    saved = SavedSearch.objects.filter(pk=saved_id).first()  # a mail may be older than its end
    return render(request, "searches/mail_stopped.html", {"saved": saved})

"""Who stands at a door: the owner behind a request. Floor 6."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, cast
from uuid import UUID

from asgiref.sync import iscoroutinefunction
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from bidiq import logs
from searches import selectors
from searches.models import Search
from searches.owners import VISITOR_KEY, Owner, make_visitor, owner_of
from searches.sessions import SessionStore
from searches.tokens import bearer_of, user_of_token

View = Callable[..., Any]
#: Addresses that take only what is posted -> the page that their form stands on.
FORM_PAGES = {
    "searches:cancel": "searches:detail",
    "searches:repeat": "searches:detail",
    "searches:save": "searches:detail",
    "searches:change_saved": "searches:saved",
    "searches:run_saved": "searches:saved",
    "searches:delete_saved": "searches:saved",
    "accounts:change_address": "accounts:account",
    "accounts:create_token": "accounts:account",
    "accounts:delete_token": "accounts:account",
    "accounts:logout": "accounts:account",
}


def request_owner(request: HttpRequest, *, make: bool = False) -> Owner:
    """Return the owner behind a request; `make` gives a new browser a key of its own."""
    if make and not request.user.is_authenticated:
        make_visitor(request.session)
    return owner_of(user=request.user, session=request.session)


def renew_session(request: HttpRequest) -> None:
    """Let who only looks keep what is its own: its cookie lives from today on, saved once a day.

    For pages, which are looked at. Not at streams and downloads: the session is saved after the
    view, over a database connection that would stay open as long as they last.
    """
    session = cast(SessionStore, request.session)
    if VISITOR_KEY in session or SESSION_KEY in session:
        session.renew(timezone.localdate().isoformat())


def visible_or_404(request: HttpRequest, search_id: UUID) -> Search:
    """Return the search if it is the requester's. Raises Http404 alike for none and strangers'.

    Without a login where one is required everybody is a stranger: pages send to it before, but a
    program that asks for events would take a redirect to a page for an answer.
    """
    logs.search_id.set(str(search_id))  # what goes wrong from here on has its name
    owner = request_owner(request)
    is_stranger = owner.is_nobody or (
        settings.BIDIQ_LOGIN_REQUIRED and not request.user.is_authenticated
    )
    search = None if is_stranger else selectors.get_visible(search_id, owner)
    if search is None:
        raise Http404
    return search


def tokens_taken(view: View) -> View:
    """Let a program in by its token, as the API does; a wrong one meets a stranger's 404."""

    @wraps(view)
    async def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        token = bearer_of(request.headers.get("Authorization", ""))
        if token is not None:
            user = await database_sync_to_async(user_of_token)(token)
            if user is None:
                raise Http404
            request.user = user
        return await view(request, *args, **kwargs)

    return wrapper


def form_page(request: HttpRequest) -> str:
    """Return the page whose form is posted to a request's address; "" when it is a page itself."""
    match = request.resolver_match
    page = FORM_PAGES.get(match.view_name, "") if match else ""
    if match is None or not page:
        return ""
    return reverse(page, kwargs=match.kwargs if page == "searches:detail" else None)


def way_back(request: HttpRequest) -> str:
    """Return where a login leads from a request: a page that can be looked at.

    By what is asked for, and not by what the client says of where it comes from.
    """
    return form_page(request) or request.get_full_path()


def members_only(view: View) -> View:
    """Ask for a login first."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_authenticated:
            return redirect_to_login(way_back(request))
        return view(request, *args, **kwargs)

    return wrapper


def login_first(request: HttpRequest, *, back_to: str = "") -> HttpResponseBase | None:
    """Return the way to the login when the site is for members only (BIDIQ_LOGIN_REQUIRED) and
    this is none; `back_to`: where that leads, if not to the request's own page."""
    if settings.BIDIQ_LOGIN_REQUIRED and not request.user.is_authenticated:
        return redirect_to_login(back_to or way_back(request))
    return None


def members_when_required(view: View) -> View:
    """Ask for a login first when the site is for members only."""

    if iscoroutinefunction(view):

        @wraps(view)
        async def async_wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if settings.BIDIQ_LOGIN_REQUIRED:
                response = await database_sync_to_async(login_first)(request)
                if response is not None:
                    return response
            result: Awaitable[HttpResponseBase] = view(request, *args, **kwargs)
            return await result

        return async_wrapper

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return login_first(request) or view(request, *args, **kwargs)

    return wrapper

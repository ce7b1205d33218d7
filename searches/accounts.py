"""Sign-up, and the account page with its e-mail address and API tokens. Floor 6."""

from typing import Any, cast

from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import LoginView
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from searches import addresses, passwords, tokens
from searches.models import ApiToken
from searches.owners import owner_of
from searches.services import saved

#: Where a token just made waits for the next page, to be shown once.
NEW_TOKEN_KEY = "new_token"  # noqa: S105  (a name, not a secret)
LONGEST_TOKEN_NAME = 80
#: The address that a link was sent to, and when. In the session and not with the account: the
#: address of somebody who never answers is not ours to keep.
ASKED_KEY = "asked"


class Login(LoginView):
    """The login page; who is logged in already goes on."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Make an account; what the visitor searched before stays its own."""
    form = passwords.SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, form.save())
        return redirect("searches:form")
    status = 422 if form.errors else 200
    return render(request, "accounts/sign_up.html", {"form": form}, status=status)


@receiver(user_logged_in)
def _bring_along(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """What a visitor saved goes with the account that it logs in to."""
    saved.adopt(owner_of(user=user, session=request.session))


@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show the account's address, password and tokens; a new token is shown this once."""
    return _account(request)


def _account(request: HttpRequest, *, address_problem: str = "", status: int = 200) -> HttpResponse:
    context = {
        "address": request.POST.get("email") or cast(User, request.user).email,
        "address_problem": address_problem,
        "asked_address": _asked_address(request),
        "is_password_changed": request.session.pop(passwords.CHANGED_KEY, False),
        "tokens": ApiToken.objects.filter(user=cast(User, request.user)).order_by("-created_at"),
        "new_token": request.session.pop(NEW_TOKEN_KEY, ""),
    }
    response = render(request, "accounts/account.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _asked_address(request: HttpRequest) -> str:
    """Return the address that has a link to confirm it, while the link is good and unused."""
    address, asked_at = request.session.get(ASKED_KEY, ("", 0.0))
    is_good = timezone.now().timestamp() - asked_at < addresses.LINK_SECONDS
    if is_good and address != cast(User, request.user).email:
        return str(address)
    request.session.pop(ASKED_KEY, None)
    return ""


@require_POST
@login_required
def change_address(request: HttpRequest) -> HttpResponse:
    """Ask the reader of an address to confirm it, or forget the one there is."""
    user = cast(User, request.user)
    address = request.POST.get("email", "").strip()
    if not address:
        addresses.forget(user)
        request.session.pop(ASKED_KEY, None)
        return redirect("accounts:account")
    try:
        validate_email(address)
        addresses.ask(user, address)
        request.session[ASKED_KEY] = (address, timezone.now().timestamp())
    except ValidationError:
        return _account(request, address_problem="invalid", status=422)
    except addresses.TooManyRequests:
        return _account(request, address_problem="too_many", status=429)
    except addresses.MailFailed:
        return _account(request, address_problem="not_sent", status=503)
    return redirect("accounts:account")


@require_http_methods(["GET", "HEAD", "POST"])
def confirm_address(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm an address. By a button: programs that only look at links must not do it."""
    try:
        _, address = addresses.read_link(token)
    except signing.BadSignature:
        return render(request, "accounts/confirm_address.html", status=410)
    is_done = request.method == "POST" and addresses.confirm(token)
    context = {"address": address, "is_done": is_done}
    return render(request, "accounts/confirm_address.html", context)


@require_POST
@login_required
def create_token(request: HttpRequest) -> HttpResponse:
    """Make a token."""
    name = request.POST.get("nome", "").strip()[:LONGEST_TOKEN_NAME]
    user = cast(User, request.user)  # login_required
    request.session[NEW_TOKEN_KEY] = tokens.create_token(user, name=name)
    return redirect("accounts:account")


@require_POST
@login_required
def delete_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Take a token back."""
    get_object_or_404(ApiToken.objects.filter(user=cast(User, request.user)), pk=token_id).delete()
    return redirect("accounts:account")

"""Sign-up, the account page with its e-mail address and API tokens, and its end. Floor 6."""

import secrets
from typing import Any, cast

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import login, logout
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.contrib.auth.views import LoginView
from django.core import signing
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from exports.views import client_address
from searches import addresses, passwords, tokens
from searches.access import members_only
from searches.domain.text import one_line
from searches.mail import MailFailed
from searches.models import ApiToken
from searches.owners import owner_of
from searches.services import arriving, leaving, logins
from searches.services.turns import take_turn

LONGEST_TOKEN_NAME = 80
#: The address that a link was sent to, when, and the one that it would replace. In the session and
#: not with the account: the address of somebody who never answers is not ours to keep.
ASKED_KEY = "asked_address"
#: The forms for a token that were posted, the latest ones: each makes one token.
POSTED_KEY = "posted_forms"
MOST_POSTED = 20


class Login(LoginView):
    """The login page; who is logged in already goes on."""

    template_name = "accounts/login.html"
    authentication_form = passwords.LoginForm
    redirect_authenticated_user = True

    def form_invalid(self, form: Any) -> HttpResponse:
        return passwords.with_its_wait(super().form_invalid(form), form)


def admin_login(request: HttpRequest) -> HttpResponse:
    """Answer as the admin's own login page, with the status of ours for who has to wait."""
    response = admin.site.login(request)
    form = getattr(response, "context_data", {}).get("form")  # not of a redirect
    return response if form is None else passwords.with_its_wait(response, form)


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Make an account; what the visitor searched before stays its own."""
    form = passwords.SignUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and (user := _new_user(request, form)):
        login(request, user)
        return redirect(_on_the_way_to(request) or "searches:form")
    context = {"form": form, "next": _on_the_way_to(request)}
    status = 422 if form.errors else 200
    response = render(request, "accounts/sign_up.html", context, status=status)
    return passwords.with_its_wait(response, form)


def _new_user(request: HttpRequest, form: passwords.SignUpForm) -> User | None:
    """Make the account; None when its name was taken at this very moment, or too many were made
    from this place, which the form says."""
    try:
        logins.count_sign_up(client_address(request))
        with transaction.atomic():
            return form.save()
    except logins.TooManyAttempts:
        form.add_error(None, passwords.too_many())
        return None
    except IntegrityError:
        form.add_error("username", form.instance.unique_error_message(User, ["username"]))
        return None


def _on_the_way_to(request: HttpRequest) -> str:
    """Return the page of this site that was asked for before the login; "" when it is none."""
    page = str(request.POST.get("next", request.GET.get("next", "")))
    is_ours = url_has_allowed_host_and_scheme(
        page, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return page if is_ours else ""


@receiver(user_logged_in)
def _bring_along(request: HttpRequest, user: User, **kwargs: Any) -> None:
    """What a visitor asked and saved goes with the account that it logs in to."""
    arriving.bring_along(owner_of(user=user, session=request.session))


@require_safe
@members_only
def account(request: HttpRequest) -> HttpResponse:
    """Show the account's address, password and tokens."""
    return _account(request)


def _account(
    request: HttpRequest,
    *,
    address_problem: str = "",
    new_token: str = "",
    is_token_repeated: bool = False,
    status: int = 200,
) -> HttpResponse:
    asked_address = _asked_address(request)
    context = {
        "address": request.POST.get("email") or asked_address or cast(User, request.user).email,
        "address_problem": address_problem,
        "asked_address": asked_address,
        "is_password_changed": request.session.pop(passwords.CHANGED_KEY, False),
        "tokens": ApiToken.objects.filter(user=cast(User, request.user)).order_by("-created_at"),
        "new_token": new_token,
        "is_token_repeated": is_token_repeated,
        "form_key": secrets.token_urlsafe(16),
    }
    response = render(request, "accounts/account.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _asked_address(request: HttpRequest) -> str:
    """Return the address that has a link to confirm it, while the link is good and unused."""
    email = cast(User, request.user).email
    address, asked_at, instead_of = request.session.get(ASKED_KEY, ("", 0.0, ""))
    is_good = timezone.now().timestamp() - asked_at < settings.PASSWORD_RESET_TIMEOUT
    if is_good and instead_of == email != address:
        return str(address)
    request.session.pop(ASKED_KEY, None)
    return ""


@require_POST
@members_only
def change_address(request: HttpRequest) -> HttpResponse:
    """Ask the reader of an address to confirm it, or forget the one there is."""
    user = cast(User, request.user)
    address = request.POST.get("email", "").strip()
    if not address and not user.email:  # nothing to forget: a link that waits goes on waiting
        return _account(request, address_problem="invalid", status=422)
    if not address:
        addresses.forget(user)
        request.session.pop(ASKED_KEY, None)
        return redirect("accounts:account")
    try:
        User._meta.get_field("email").run_validators(address)  # its form, and its length
        addresses.ask(user, address)
        request.session[ASKED_KEY] = (address, timezone.now().timestamp(), user.email)
    except ValidationError:
        return _account(request, address_problem="invalid", status=422)
    except addresses.TooManyRequests:
        response = _account(request, address_problem="too_many", status=429)
        response["Retry-After"] = str(int(addresses.DAY.total_seconds()))
        return response
    except MailFailed:
        return _account(request, address_problem="not_sent", status=503)
    return redirect("accounts:account")


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def confirm_address(request: HttpRequest, token: str) -> HttpResponse:
    """Confirm an address of the user whose link it is.

    By a button: programs that only look at links must not do it.
    """
    user = cast(User, request.user)
    try:
        address = addresses.read_link(token, user)
    except signing.BadSignature:
        return render(request, "accounts/confirm_address.html", status=410)
    is_done = address == user.email  # pressed twice, or looked at again
    if request.method == "POST" and not is_done:
        is_done = addresses.confirm(token, user)
        if not is_done:  # the address changed at this moment
            return render(request, "accounts/confirm_address.html", status=410)
    context = {"address": address, "is_done": is_done}
    return render(request, "accounts/confirm_address.html", context)


@require_POST
@members_only
def create_token(request: HttpRequest) -> HttpResponse:
    """Make a token, and show it in this answer alone: it is kept nowhere, not in the session.

    Who shows that page anew posts the form again: the second time it makes nothing.
    """
    name = one_line(request.POST.get("nome", ""))[:LONGEST_TOKEN_NAME]
    user = cast(User, request.user)  # login_required
    with transaction.atomic():
        if not _is_first(request, request.POST.get("formulario", "")[:64]):
            return _account(request, is_token_repeated=True)
        new_token = tokens.create_token(user, name=name)
    return _account(request, new_token=new_token)


def _is_first(request: HttpRequest, form_key: str) -> bool:
    """Say whether a form is posted for the first time, and note that in the session.

    Within a transaction: of two posts at the same moment one is the second.
    """
    session = request.session
    take_turn(f"forms of {session.session_key}")
    posted = type(session)(session.session_key).get(POSTED_KEY, [])  # as the other has left it
    if form_key in posted:
        return False
    if form_key:
        session[POSTED_KEY] = [*posted, form_key][-MOST_POSTED:]
        session.save()
    return True


@require_POST
@members_only
def delete_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Take a token back."""
    get_object_or_404(ApiToken.objects.filter(user=cast(User, request.user)), pk=token_id).delete()
    return redirect("accounts:account")


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def delete_account(request: HttpRequest) -> HttpResponse:
    """Say what goes and what stays, and delete the account of whoever knows its password.

    Not of those who look after the site: what they did in the admin would go with them.
    """
    user = cast(User, request.user)
    posted = request.POST if request.method == "POST" and not user.is_staff else None
    form = passwords.PasswordAgainForm(request, posted)
    if form.is_valid():
        leaving.delete_account(user, owner=owner_of(user=user, session=request.session))
        logout(request)
        return redirect("accounts:account_deleted")
    context = {"form": form, "retention_days": settings.BIDIQ_EXPORT_RETENTION_DAYS}
    status = 422 if form.errors else 200
    response = render(request, "accounts/delete_account.html", context, status=status)
    return passwords.with_its_wait(response, form, field="password")

"""Sign-up, and the account page with its API tokens. Floor 6."""

from typing import cast

from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from searches import tokens
from searches.models import ApiToken

#: Where a token just made waits for the next page, to be shown once.
NEW_TOKEN_KEY = "new_token"  # noqa: S105  (a name, not a secret)
LONGEST_TOKEN_NAME = 80


class Login(LoginView):
    """The login page; who is logged in already goes on."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """Make an account; what the visitor searched before stays its own."""
    form: UserCreationForm[User] = UserCreationForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, form.save())
        return redirect("searches:form")
    status = 422 if form.errors else 200
    return render(request, "accounts/sign_up.html", {"form": form}, status=status)


@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show the account's tokens; a new one is shown this once."""
    context = {
        "tokens": ApiToken.objects.filter(user=cast(User, request.user)).order_by("-created_at"),
        "new_token": request.session.pop(NEW_TOKEN_KEY, ""),
    }
    response = render(request, "accounts/account.html", context)
    response["Cache-Control"] = "no-store"
    return response


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

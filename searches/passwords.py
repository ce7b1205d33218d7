"""Passwords: asked for, chosen at sign-up, changed, made anew by e-mail. Floor 6."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import (
    AuthenticationForm,
    PasswordChangeForm,
    PasswordResetForm,
    SetPasswordForm,
    UserCreationForm,
)
from django.contrib.auth.models import User
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy

from exports.views import client_address
from searches import addresses
from searches.mail import MailFailed
from searches.services import logins

if TYPE_CHECKING:  # Django's own forms take no type arguments at run time
    _UserCreationForm = UserCreationForm[User]
    _SetPasswordForm = SetPasswordForm[User]
else:
    _UserCreationForm, _SetPasswordForm = UserCreationForm, SetPasswordForm

#: Says to the next account page, once, that the password is a new one.
CHANGED_KEY = "password_changed"

#: The code of the error that says to wait.
TOO_MANY = "too_many_attempts"


def too_many() -> forms.ValidationError:
    """Return the error of who has to wait, for a form."""
    minutes = logins.PERIOD // timedelta(minutes=1)
    text = f"Muitas tentativas seguidas. Espere {minutes} minutos e tente de novo."
    return forms.ValidationError(text, code=TOO_MANY)


def _begin(username: str, request: HttpRequest) -> logins.Attempt:
    """Count an attempt at a password; returns what logins.succeeded takes.

    Raises forms.ValidationError, which says to wait.
    """
    try:
        return logins.begin(username, client_address(request))
    except logins.TooManyAttempts:
        raise too_many() from None


def told_to_wait(response: HttpResponse) -> HttpResponse:
    """Return the answer to one attempt too many: 429, with when to try again."""
    response.status_code = 429
    response["Retry-After"] = str(int(logins.PERIOD.total_seconds()))
    return response


def with_its_wait(
    response: HttpResponse, form: forms.BaseForm, *, field: str = NON_FIELD_ERRORS
) -> HttpResponse:
    """Return the answer with a form, told to wait when the form says so at a field."""
    return told_to_wait(response) if form.has_error(field, TOO_MANY) else response


class _Patient:
    """A form to log in by which nobody guesses: after some failures it looks at no password."""

    def clean(self: Any) -> dict[str, Any]:
        # The cleaned name: what is spelled in other ways is the same user to the database.
        name, password = map(self.cleaned_data.get, ("username", "password"))
        attempt = _begin(name, self.request) if name and password else None
        cleaned: dict[str, Any] = super().clean()  # type: ignore[misc]  # raises when it fails
        if attempt is not None:
            logins.succeeded(attempt)
        return cleaned


class LoginForm(_Patient, AuthenticationForm):
    """A name and its password."""


class AdminLoginForm(_Patient, AdminAuthenticationForm):
    """The same at the admin's door."""


class _FaultsAtThePassword:
    """Faults of a password stand at its field; Django puts them at its repetition."""

    def validate_password_for_user(
        self,
        user: User,
        password_field_name: str = "password2",  # noqa: S107  (a field's name)
    ) -> None:
        name = password_field_name.replace("2", "1")
        super().validate_password_for_user(user, name)  # type: ignore[misc]


class SignUpForm(_FaultsAtThePassword, _UserCreationForm):
    """A name and a password, twice."""


class NewPasswordForm(_FaultsAtThePassword, _SetPasswordForm):
    """A password, twice."""


class ChangedPasswordForm(_FaultsAtThePassword, PasswordChangeForm):
    """The old password and a new one, twice. With the same patience as at the login: whoever found
    a session open has not found the password yet."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        attempt = _begin(self.user.get_username(), self.request)
        old: str = super().clean_old_password()
        logins.succeeded(attempt)
        return old


class PasswordAgainForm(forms.Form):
    """The password of who is logged in, before what cannot be undone; with the same patience."""

    password = forms.CharField(
        label="Senha",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data)
        self.request = request

    def clean_password(self) -> str:
        user, password = cast(User, self.request.user), str(self.cleaned_data["password"])
        attempt = _begin(user.get_username(), self.request)
        if not user.check_password(password):
            raise forms.ValidationError("Esta não é a senha da conta.")
        logins.succeeded(attempt)
        return password


class ForgottenForm(PasswordResetForm):
    """The address of an account."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={"invalid": "Escreva um endereço de e-mail válido."},
    )


class _Refusing:
    """A form that cannot be accepted is answered with 422, as at sign-up."""

    def form_invalid(self: Any, form: Any, *, status: int = 422) -> HttpResponse:
        response: HttpResponse = self.render_to_response(
            self.get_context_data(form=form), status=status
        )
        return response


class Change(_Refusing, auth_views.PasswordChangeView):
    """Change the password; this session goes on, the others end, API tokens stay."""

    form_class = ChangedPasswordForm
    template_name = "accounts/change_password.html"
    success_url = reverse_lazy("accounts:account")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_invalid(self, form: Any, *, status: int = 422) -> HttpResponse:
        return with_its_wait(super().form_invalid(form, status=status), form, field="old_password")

    def form_valid(self, form: Any) -> HttpResponse:
        self.request.session[CHANGED_KEY] = True
        return super().form_valid(form)


class Forgotten(_Refusing, auth_views.PasswordResetView):
    """Send a link to a new password, and answer the same when there is no such account."""

    form_class = ForgottenForm
    template_name = "accounts/forgotten_password.html"

    def form_valid(self, form: Any) -> HttpResponse:
        try:
            logins.count_forgotten(client_address(self.request))
            addresses.send_password_links(form.get_users(form.cleaned_data["email"]))
        except logins.TooManyAttempts:
            form.add_error(None, too_many())
            return told_to_wait(self.form_invalid(form))
        except MailFailed:
            form.add_error(
                None, "O e-mail não pôde ser enviado agora. Tente de novo daqui a alguns minutos."
            )
            return self.form_invalid(form, status=503)
        return redirect("accounts:password_sent")


class Renew(_Refusing, auth_views.PasswordResetConfirmView):
    """Choose a new password, for whoever has the link of a mail; each link is good for one."""

    form_class = NewPasswordForm
    template_name = "accounts/new_password.html"
    success_url = reverse_lazy("accounts:password_set")

    def render_to_response(self, context: dict[str, Any], **options: Any) -> HttpResponse:
        if not self.validlink:
            options["status"] = 410
        return super().render_to_response(context, **options)

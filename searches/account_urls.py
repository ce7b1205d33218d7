"""Addresses of accounts (contract: /contas/…)."""

from django.contrib.auth import views as auth_views
from django.urls import path
from django.views.generic import TemplateView

from searches import accounts, passwords

app_name = "accounts"
urlpatterns = [
    path("entrar/", accounts.Login.as_view(), name="login"),
    path("sair/", auth_views.LogoutView.as_view(), name="logout"),
    path("criar/", accounts.sign_up, name="sign_up"),
    path("", accounts.account, name="account"),
    path("excluir/", accounts.delete_account, name="delete_account"),
    path(
        "excluida/",
        TemplateView.as_view(template_name="accounts/account_deleted.html"),
        name="account_deleted",
    ),
    path("senha/", passwords.Change.as_view(), name="change_password"),
    path("senha/esquecida/", passwords.Forgotten.as_view(), name="forgotten_password"),
    path(
        "senha/esquecida/enviada/",
        auth_views.PasswordResetDoneView.as_view(template_name="accounts/password_sent.html"),
        name="password_sent",
    ),
    path("senha/nova/<uidb64>/<token>/", passwords.Renew.as_view(), name="new_password"),
    path(
        "senha/nova/",
        auth_views.PasswordResetCompleteView.as_view(template_name="accounts/password_set.html"),
        name="password_set",
    ),
    path("email/", accounts.change_address, name="change_address"),
    path("email/<str:token>/", accounts.confirm_address, name="confirm_address"),
    path("tokens/criar/", accounts.create_token, name="create_token"),
    path("tokens/<int:token_id>/apagar/", accounts.delete_token, name="delete_token"),
]

"""Addresses of the whole site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from bidiq import health
from searches import accounts
from searches.api import api

admin.site.site_header = admin.site.site_title = "bidiq: auditoria"
admin.site.index_title = "Buscas, arquivos e downloads"

urlpatterns = [
    path("", include("searches.urls")),
    path("contas/", include("searches.account_urls")),
    path("api/", api.urls),
    # One door to change a password: the one that bears no guessing.
    path("admin/password_change/", RedirectView.as_view(pattern_name="accounts:change_password")),
    path("admin/login/", accounts.admin_login),
    path("admin/", admin.site.urls),
    path("metrics", health.metrics),
]
handler400 = "bidiq.errors.bad_request"
handler403 = "bidiq.errors.forbidden"
handler404 = "bidiq.errors.not_found"
handler500 = "bidiq.errors.server_error"

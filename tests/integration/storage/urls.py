"""One door without a lock onto each artifact, and the admin: what the other apps would build."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import path

from exports.errors import ArtifactError
from exports.models import Artifact
from exports.views import artifact_response, error_response


def door(request: HttpRequest, pk: str) -> HttpResponseBase:
    artifact = get_object_or_404(Artifact, pk=pk)
    try:
        return artifact_response(request, artifact, visitor="visitor-1")
    except ArtifactError as error:
        return error_response(
            request, error, artifact=artifact, repeat_url="/repetir/", result_url="/resultado/"
        )


urlpatterns = [
    path("arquivos/<uuid:pk>/", door, name="door"),
    path("admin/", admin.site.urls),
]

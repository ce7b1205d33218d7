"""The audit of files and downloads: to look at, never to change. Floor 6."""

import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import JSONField, Model, QuerySet
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from exports.audit import visitor_text, write_audit
from exports.errors import ArtifactExpired, ArtifactMissing, StorageUnavailable
from exports.headers import attachment
from exports.models import Artifact, Download, FallbackReason
from exports.selectors import with_download_count
from exports.services import verify
from exports.services.upkeep import expire, promote
from exports.workbook import CONTENT_TYPE

if TYPE_CHECKING:  # Django's own classes take no type arguments at run time
    _FormSet = BaseInlineFormSet[Any, Any, ModelForm[Any]]
    _DownloadInline = admin.TabularInline[Download, Artifact]
    _ArtifactAdmin = admin.ModelAdmin[Artifact]
    _DownloadAdmin = admin.ModelAdmin[Download]
else:
    _FormSet = BaseInlineFormSet
    _DownloadInline = admin.TabularInline
    _ArtifactAdmin = _DownloadAdmin = admin.ModelAdmin


class ReadOnly:
    """Nobody adds, changes or deletes here, not even a superuser."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Refuse filters on JSON, written by hand: not every database knows them all."""
        name = lookup.partition("__")[0]
        fields = self.model._meta.get_fields()  # type: ignore[attr-defined]
        is_json = any(field.name == name and isinstance(field, JSONField) for field in fields)
        allowed: bool = super().lookup_allowed(lookup, value, request)  # type: ignore[misc]
        return allowed and not is_json

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


#: Rows of another table on a row's own page; all of them are in their list.
MOST_INLINE = 100


class FirstRows(_FormSet):
    """The first of a row's inline rows only: thousands would be megabytes of page."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.queryset = self.queryset[:MOST_INLINE]  # type: ignore[index]  # was set just now


class DownloadInline(ReadOnly, _DownloadInline):
    """Who fetched this file last."""

    model = Download
    formset = FirstRows
    verbose_name_plural = f"downloads mais novos, até {MOST_INLINE}"
    ordering = ("-at",)
    fields = readonly_fields = ("at", "user", "visitor_shown", "address", "agent", "source")
    extra = 0
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Download]":
        return super().get_queryset(request).select_related("user")

    @admin.display(description="visitante")
    def visitor_shown(self, download: Download) -> str:
        return visitor_text(download.visitor) or "-"


@admin.register(Artifact)
class ArtifactAdmin(ReadOnly, _ArtifactAdmin):
    """Every file made, where it is kept, and what became of it."""

    list_display = (
        "made",
        "filename",
        "owner",
        "storage",
        "fallback_reason",
        "size",
        "rows",
        "fetched",
        "expires",
        "state",
    )
    list_display_links = ("filename",)
    list_filter = (
        "storage",
        "fallback_reason",
        ("promoted_at", admin.EmptyFieldListFilter),
        ("bytes_deleted_at", admin.EmptyFieldListFilter),
        "created_at",
        "expires_at",
    )
    search_fields = ("filename", "name", "sha256", "owner_user__username", "owner_visitor", "id")
    search_help_text = "Nome, chave, SHA-256, usuário ou visitante"
    date_hierarchy = "created_at"
    list_select_related = ("owner_user",)
    list_per_page = 50
    fields = readonly_fields = (
        "filename",
        "owner",
        "storage",
        "fallback_reason",
        "name",
        "content_type",
        "size",
        "sha256",
        "rows",
        "created_at",
        "expires_at",
        "promoted_at",
        "bytes_deleted_at",
        "all_downloads",
        "id",
    )
    inlines = (DownloadInline,)
    actions = ("verify_checksums", "promote_now", "expire_now", "export_audit")
    change_list_template = "admin/exports/artifact/change_list.html"

    class Media:
        css = {"all": ["exports/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> "QuerySet[Artifact]":
        return with_download_count(super().get_queryset(request))

    @admin.display(description="criado em", ordering="created_at")
    def made(self, artifact: Artifact) -> str:
        return _short_moment(artifact.created_at)

    @admin.display(description="expira em", ordering="expires_at")
    def expires(self, artifact: Artifact) -> str:
        return _short_moment(artifact.expires_at)

    @admin.display(description="quem", ordering="owner_user__username")
    def owner(self, artifact: Artifact) -> str:
        if artifact.owner_user is not None:
            return artifact.owner_user.get_username()
        return visitor_text(artifact.owner_visitor) or "-"

    @admin.display(description="tamanho", ordering="size_bytes")
    def size(self, artifact: Artifact) -> str:
        return filesizeformat(artifact.size_bytes)

    @admin.display(description="downloads", ordering="download_count")
    def fetched(self, artifact: Artifact) -> int:
        # Not `downloads`: by that name the list would be ordered, and multiplied, by the relation.
        count: int = getattr(artifact, "download_count", 0)
        return count

    @admin.display(description="downloads")
    def all_downloads(self, artifact: Artifact) -> SafeString:
        count = self.fetched(artifact)
        url = reverse("admin:exports_download_changelist")
        text = f"{number_format(count)} {'download' if count == 1 else 'downloads'}"
        return format_html('<a href="{}?artifact={}">{}</a>', url, artifact.pk, text)

    @admin.display(description="situação")
    def state(self, artifact: Artifact) -> str:
        if artifact.bytes_deleted_at is not None:
            return "conteúdo apagado"
        if artifact.is_expired(now=timezone.now()):
            return "expirado"
        if artifact.promoted_at is not None:
            return "promovido"
        return "aguarda promoção" if artifact.fallback_reason else "disponível"

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Return whether somebody may move and expire files: the right to change them says so."""
        return request.user.has_perm("exports.change_artifact")

    @admin.action(description="Verificar a soma de verificação (SHA-256)", permissions=["view"])
    def verify_checksums(self, request: HttpRequest, artifacts: "QuerySet[Artifact]") -> None:
        good = 0
        for artifact in artifacts:
            try:
                if verify(artifact):
                    good += 1
                else:
                    self._tell_bad(request, artifact)
            except ArtifactExpired:
                text = f"{artifact}: o conteúdo já foi apagado."
                self.message_user(request, text, messages.WARNING)
            except StorageUnavailable as error:
                self._tell_down(request, error)
                break
        if good:
            text = f"{good} arquivo(s) conferido(s): tamanho e SHA-256 corretos."
            self.message_user(request, text, messages.SUCCESS)

    @admin.action(description="Promover para o armazenamento de objetos", permissions=["manage"])
    def promote_now(self, request: HttpRequest, artifacts: "QuerySet[Artifact]") -> None:
        moved: list[Artifact] = []
        for artifact in artifacts:
            try:
                if promote(artifact):
                    moved.append(artifact)
            except ArtifactMissing:
                self._tell_bad(request, artifact)
            except StorageUnavailable as error:
                self._tell_down(request, error)
                break
        self._note(request, moved, "Promovido para o armazenamento de objetos.")
        level = messages.SUCCESS if moved else messages.INFO
        self.message_user(request, f"{len(moved)} arquivo(s) promovido(s).", level)

    @admin.action(description="Expirar agora (apaga o conteúdo)", permissions=["manage"])
    def expire_now(self, request: HttpRequest, artifacts: "QuerySet[Artifact]") -> None:
        gone: list[Artifact] = []
        for artifact in artifacts.filter(bytes_deleted_at=None):
            try:
                expire(artifact, now=timezone.now())
            except StorageUnavailable as error:
                self._tell_down(request, error)
                break
            gone.append(artifact)
        self._note(request, gone, "Conteúdo apagado antes do prazo.")
        text = f"Conteúdo de {len(gone)} arquivo(s) apagado; o registro permanece."
        self.message_user(request, text, messages.SUCCESS if gone else messages.INFO)

    @admin.action(description="Exportar a auditoria para Excel", permissions=["view"])
    def export_audit(self, request: HttpRequest, artifacts: "QuerySet[Artifact]") -> HttpResponse:
        now = timezone.now()
        file = io.BytesIO()
        chosen = Artifact.objects.filter(pk__in=artifacts.order_by().values("pk"))
        write_audit(file, chosen, made_by=request.user.get_username(), now=now)
        response = HttpResponse(file.getvalue(), content_type=CONTENT_TYPE)
        moment = f"{timezone.localtime(now):%Y-%m-%d_%H%M}"
        response["Content-Disposition"] = attachment(f"auditoria_exportacoes_{moment}.xlsx")
        response["Cache-Control"] = "no-store"
        return response

    def _note(self, request: HttpRequest, artifacts: list[Artifact], message: str) -> None:
        """Leave the actor's name in the admin's own log."""
        if artifacts:
            LogEntry.objects.log_actions(
                str(request.user.pk), artifacts, CHANGE, change_message=message
            )

    def _tell_bad(self, request: HttpRequest, artifact: Artifact) -> None:
        text = f"{artifact} ({artifact.pk}): conteúdo ausente ou alterado."
        self.message_user(request, text, messages.ERROR)

    def _tell_down(self, request: HttpRequest, error: StorageUnavailable) -> None:
        reason = FallbackReason(error.reason.value).label
        text = f"O armazenamento de objetos não pode ser usado agora: {reason}."
        self.message_user(request, text, messages.ERROR)


@admin.register(Download)
class DownloadAdmin(ReadOnly, _DownloadAdmin):
    """Every time somebody fetched a file."""

    list_display = ("when", "artifact", "user", "visitor_shown", "address", "source", "agent")
    list_display_links = ("when",)
    list_filter = ("source", "at")
    search_fields = (
        "artifact__filename",
        "artifact__name",
        "user__username",
        "visitor",
        "address",
        "agent",
    )
    search_help_text = "Arquivo, usuário, visitante, endereço ou navegador"
    date_hierarchy = "at"
    list_select_related = ("artifact", "user")
    list_per_page = 50
    fields = readonly_fields = (
        "at",
        "artifact",
        "user",
        "visitor_shown",
        "address",
        "source",
        "agent",
    )

    @admin.display(description="quando", ordering="at")
    def when(self, download: Download) -> str:
        return _short_moment(download.at)

    @admin.display(description="visitante", ordering="visitor")
    def visitor_shown(self, download: Download) -> str:
        return visitor_text(download.visitor) or "-"


def _short_moment(moment: datetime) -> str:
    """The admin's own long form would take a third of a list's width."""
    return f"{timezone.localtime(moment):%d/%m/%Y %H:%M}"

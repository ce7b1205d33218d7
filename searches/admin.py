"""The audit of searches: read-only, two actions that go through the services.

Floor 6.
"""

import json
from typing import Any, TypeVar
from uuid import UUID

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from exports.admin import MOST_INLINE, FirstRows, ReadOnly
from searches import live, passwords, wording
from searches.domain import tables
from searches.domain.brazil import UNITS
from searches.domain.errors import QueryError
from searches.domain.lifecycle import TERMINAL
from searches.domain.query import SearchQuery
from searches.messages import ERRORS, problem_texts
from searches.models import (
    ApiToken,
    Coverage,
    Digest,
    Notice,
    SavedSearch,
    Search,
    SearchEvent,
    Source,
)
from searches.owners import Owner
from searches.services import searches as services
from searches.services.events import Payloads

Row = TypeVar("Row", bound=Model)


class EventInline(ReadOnly, admin.TabularInline[SearchEvent, Search]):
    """What was told last, by number."""

    model = SearchEvent
    formset = FirstRows
    verbose_name_plural = f"eventos mais novos, até {MOST_INLINE}"
    fields = readonly_fields = ("seq", "at", "stage", "progress", "message", "detail")
    ordering = ("-seq",)
    extra = 0
    can_delete = False
    show_change_link = False

    @admin.display(description="progresso")
    def progress(self, event: SearchEvent) -> str:
        return f"{event.payload['progress']}%"

    @admin.display(description="mensagem")
    def message(self, event: SearchEvent) -> str:
        return str(event.payload["message"])

    @admin.display(description="detalhe")
    def detail(self, event: SearchEvent) -> str:
        return json.dumps(event.payload["detail"], ensure_ascii=False)


class ByWholeId(admin.ModelAdmin[Row]):
    """Takes a whole identifier in the search box as one: parts are looked for in every row."""

    id_field = "pk"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        try:
            whole = UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(**{self.id_field: whole}), False


#: The other door at which passwords are tried.
admin.site.login_form = passwords.AdminLoginForm


class KnownValues(admin.SimpleListFilter):
    """A filter of the values in `known`: (value, its name). Others are no filter."""

    known: tuple[tuple[str, str], ...]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.known)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        is_known = value in dict(self.known)
        return queryset.filter(**{str(self.parameter_name): value}) if is_known else queryset


class ErrorFilter(KnownValues):
    """The codes that searches end with: a list of those in use would be read from every row."""

    title = "erro"
    parameter_name = "error_code"
    known = tuple((code, code) for code in ERRORS)


class AttemptsFilter(KnownValues):
    title = "tentativas"
    parameter_name = "attempt__gt"
    known = (("1", "mais de uma"),)


@admin.register(Search)
class SearchAdmin(ReadOnly, ByWholeId[Search]):
    """Searches: who asked what, how it went, what was told."""

    list_display = (
        "id", "created_at", "owner", "asked", "status", "progress", "units", "total_raw",
        "total_kept", "attempt", "error_code", "file",
    )  # fmt: skip
    list_filter = (
        "status", "stage", ErrorFilter, "artifact__storage", AttemptsFilter, "source",
    )  # fmt: skip
    list_select_related = ("owner_user", "artifact", "source")
    search_fields = ("id", "owner_user__username", "worker")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    list_per_page = 50
    inlines = (EventInline,)
    actions = ("cancel", "run_again")
    fields = readonly_fields = (
        "id", "owner", "source", "saved", "status", "stage", "progress", "attempt", "worker",
        "created_at", "started_at", "heartbeat_at", "finished_at", "cancel_requested_at", "units",
        "total_raw", "total_kept", "error_code", "file", "all_events", "pretty_query",
        "pretty_rejections", "pretty_coverage", "pretty_matching",
    )  # fmt: skip

    @admin.display(description="dono", ordering="owner_user__username")
    def owner(self, search: Search) -> str:
        if search.owner_user is not None:
            return str(search.owner_user.get_username())
        # Enough to tell two visitors apart. The key opens nothing: it is known to sessions alone,
        # which are kept here, and no client sends one.
        return f"visitante {search.owner_visitor[:6]}…" if search.owner_visitor else "-"

    @admin.display(description="pergunta")
    def asked(self, search: Search) -> str:
        query = search.query
        what = query.get("termos_busca") or query.get("setor_id")
        return f"{what} em {', '.join(query['ufs'])}"[:80]

    @admin.display(description="estados")
    def units(self, search: Search) -> str:
        return f"{search.units_done}/{search.units_total}"

    @admin.display(description="arquivo")
    def file(self, search: Search) -> SafeString | str:
        if search.artifact is None:
            return "-"
        url = reverse("admin:exports_artifact_change", args=[search.artifact.pk])
        return format_html('<a href="{}">{}</a>', url, search.artifact.filename)

    @admin.display(description="eventos")
    def all_events(self, search: Search) -> SafeString:
        url = reverse("admin:searches_searchevent_changelist")
        text = wording.counted(search.last_seq, "evento", "eventos")
        return format_html('<a href="{}?q={}">{}</a>', url, search.pk, text)

    @admin.display(description="pergunta")
    def pretty_query(self, search: Search) -> SafeString:
        return _pretty(search.query)

    @admin.display(description="descartes")
    def pretty_rejections(self, search: Search) -> SafeString:
        return _pretty(search.rejections)

    @admin.display(description="cobertura")
    def pretty_coverage(self, search: Search) -> SafeString:
        return _pretty(search.coverage)

    @admin.display(description="correspondência")
    def pretty_matching(self, search: Search) -> SafeString:
        return _pretty(search.matching)

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Return whether somebody may stop and repeat searches: the right to change says so."""
        user = request.user
        return isinstance(user, User) and user.has_perm("searches.change_search")

    @admin.action(description="Cancelar as buscas escolhidas", permissions=["manage"])
    def cancel(self, request: HttpRequest, searches: QuerySet[Search]) -> None:
        count = 0
        for search in searches.exclude(status__in=TERMINAL):
            _publish(search.pk, services.request_cancel(search))
            self.log_change(request, search, "cancelamento pedido")
            count += 1
        self.message_user(request, f"Cancelamento pedido: {count}.", messages.SUCCESS)

    @admin.action(description="Repetir as buscas escolhidas", permissions=["manage"])
    def run_again(self, request: HttpRequest, searches: QuerySet[Search]) -> None:
        count = 0
        for search in searches:
            owner = Owner(user_id=search.owner_user_id, visitor=search.owner_visitor)
            try:
                query = SearchQuery.from_json(search.query)
            except QueryError as error:  # asked by rules that hold no more
                (problem, *_), *_ = problem_texts(error).values()
                self.message_user(request, f"Não repetida: {search.pk}. {problem}", messages.ERROR)
                continue
            # Waiting searches are swept up by the runner: an action has no loop to start it on.
            made, _ = services.create_search(query, owner=owner, limited=False)
            self.log_change(request, search, f"repetida como {made.pk}")
            count += 1
        self.message_user(request, f"Repetidas: {count}.", messages.SUCCESS)


def _publish(search_id: UUID, payloads: Payloads) -> None:
    async_to_sync(live.publish)(search_id, payloads)


def _pretty(value: Any) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, ensure_ascii=False, indent=2))


@admin.register(SavedSearch)
class SavedSearchAdmin(ReadOnly, ByWholeId[SavedSearch]):
    """Questions that are asked again each day."""

    list_display = ("name", "owner_user", "next_run_at", "wants_mail", "created_at", "seen_at")
    list_filter = ("wants_mail",)
    list_select_related = ("owner_user",)
    search_fields = ("id", "name", "owner_user__username")
    date_hierarchy = "created_at"
    ordering = ("-created_at",)
    exclude = ("owner_visitor",)  # says nothing to people, and opens nothing (see SearchAdmin)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether somebody may delete users: what a user saved goes with the user."""
        user = request.user
        return isinstance(user, User) and user.has_perm("auth.delete_user")


@admin.register(Digest)
class DigestAdmin(ReadOnly, ByWholeId[Digest]):
    """E-mails about runs of saved searches."""

    list_display = ("search", "state", "new_count", "attempts", "next_try_at", "sent_at")
    list_filter = ("state",)
    list_select_related = ("search",)
    search_fields = ("search__id",)


class Large(ReadOnly, admin.ModelAdmin[Row]):
    """Lists of tables that grow for years: nothing is gathered or sorted from every row.

    So there are no dates to go down by, filters are of values that are known beforehand, and the
    order is that of the key, the latest stored first. What is left is one count.
    """

    ordering = ("-pk",)
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER


class UfFilter(KnownValues):
    title = "UF"
    parameter_name = "uf"
    known = tuple((unit.code, unit.code) for unit in UNITS)


class ListUfFilter(UfFilter):
    """The UF of a list (see `domain.planning.ListKey`)."""

    known = (("", "o país inteiro"), *UfFilter.known)


class ModalityFilter(KnownValues):
    title = "modalidade"
    parameter_name = "modality"
    known = tuple((str(modality.code), modality.name) for modality in tables.MODALITIES)


class ListModalityFilter(ModalityFilter):
    """The modality of a list."""

    known = (("0", "todas"), *ModalityFilter.known)


class SphereFilter(KnownValues):
    title = "esfera"
    parameter_name = "sphere"
    known = tuple(tables.SPHERES.items())


@admin.register(SearchEvent)
class SearchEventAdmin(ByWholeId[SearchEvent], Large[SearchEvent]):
    """Every event of every search."""

    list_display = ("of_search", "seq", "at", "stage", "message")
    list_filter = ("stage",)
    search_fields = ("search__id",)
    id_field = "search_id"

    @admin.display(description="busca")
    def of_search(self, event: SearchEvent) -> str:
        return str(event.search_id)  # of the search itself, a wide row, nothing is shown

    @admin.display(description="mensagem")
    def message(self, event: SearchEvent) -> str:
        return str(event.payload["message"])


@admin.register(Notice)
class NoticeAdmin(Large[Notice]):
    """The local store of notices."""

    list_display = (
        "control_number", "uf", "modality_name", "estimated", "published_at", "closes_at",
    )  # fmt: skip
    list_filter = (UfFilter, ModalityFilter, SphereFilter, "source")
    search_fields = ("control_number", "object", "body")
    exclude = ("value", "awarded_value")  # with the four decimals of the store
    readonly_fields = ("estimated", "awarded")

    @admin.display(description="valor estimado")
    def estimated(self, notice: Notice) -> str:
        return wording.money(notice.value)

    @admin.display(description="valor homologado")
    def awarded(self, notice: Notice) -> str:
        return wording.money(notice.awarded_value)


@admin.register(Coverage)
class CoverageAdmin(Large[Coverage]):
    """Which days of which lists are in the store."""

    list_display = ("source", "endpoint", "uf", "modality", "day", "fetched_at")
    list_filter = ("endpoint", ListUfFilter, ListModalityFilter, "source")
    list_select_related = ("source",)


@admin.register(Source)
class SourceAdmin(ReadOnly, admin.ModelAdmin[Source]):
    """The servers that notices came from."""

    list_display = ("base_url",)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly, admin.ModelAdmin[ApiToken]):
    """API tokens; they may be taken back here."""

    list_display = ("user", "name", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "name")
    fields = readonly_fields = ("user", "name", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user = request.user
        return isinstance(user, User) and user.has_perm("searches.delete_apitoken")

"""Searches, what was told of them, and what they keep. Floor 2."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from searches import messages
from searches.domain.lifecycle import TERMINAL, Status
from searches.domain.progress import Stage
from searches.models.notices import Notice, Source
from searches.models.saved import SavedSearch

_STAGES = [(stage.value, messages.STAGES[stage]) for stage in Stage]


class Search(models.Model):
    """One question of one owner, from asking to its ending.

    A column that came later has a `db_default`, here and in every table: in a rolling restart
    sites that do not know it yet go on writing rows.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        verbose_name="usuário",
    )
    #: Key of the anonymous browser that asked, until it logs in: then the search is the user's.
    owner_visitor = models.CharField("visitante", max_length=64, blank=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, verbose_name="fonte")
    query = models.JSONField("pergunta")
    #: the same for the same question, whatever its period: see `SearchQuery.key`
    question_key = models.CharField(
        "chave da pergunta", max_length=64, blank=True, default="", db_default=""
    )
    #: what it is a run of
    saved = models.ForeignKey(
        SavedSearch,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="runs",
        verbose_name="busca salva",
    )
    status = models.CharField(
        "estado",
        max_length=10,
        default=Status.QUEUED,
        choices=[(s.value, messages.STATES[s]) for s in Status],
    )
    stage = models.CharField("etapa", max_length=12, default="queued", choices=_STAGES)
    progress = models.SmallIntegerField("progresso", default=0)
    attempt = models.PositiveSmallIntegerField("tentativa", default=0)
    losses = models.PositiveSmallIntegerField("executores perdidos", default=0, db_default=0)
    worker = models.CharField("executor", max_length=120, blank=True)
    last_seq = models.PositiveIntegerField("último evento", default=0)
    units_total = models.PositiveSmallIntegerField("estados pedidos", default=0)
    units_done = models.PositiveSmallIntegerField("estados lidos", default=0)
    total_raw = models.PositiveIntegerField("lidas", default=0)
    total_kept = models.PositiveIntegerField("encontradas", default=0)
    #: reason -> how many were left out for it
    rejections = models.JSONField("descartes", default=dict)
    #: UF -> {status, reason, ...}: what was read of each
    coverage = models.JSONField("cobertura", default=dict)
    summary = models.JSONField("resumo", default=dict)
    #: floor asked, floor used, whether it was relaxed, suggestions
    matching = models.JSONField("correspondência", default=dict)
    error_code = models.CharField("erro", max_length=40, blank=True)
    created_at = models.DateTimeField("criada em", auto_now_add=True, db_index=True)
    started_at = models.DateTimeField("iniciada em", null=True, blank=True)
    heartbeat_at = models.DateTimeField("último sinal", null=True, blank=True)
    finished_at = models.DateTimeField("terminada em", null=True, blank=True)
    cancel_requested_at = models.DateTimeField("cancelamento pedido em", null=True, blank=True)
    artifact = models.OneToOneField(
        "exports.Artifact",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",  # exports never hears of a search
        verbose_name="arquivo",
    )

    class Meta:
        verbose_name = "busca"
        indexes = [
            models.Index(fields=["status", "heartbeat_at"], name="search_status_heartbeat"),
            models.Index(fields=["status", "source", "created_at"], name="search_status_source"),
            models.Index(fields=["owner_visitor", "-created_at"], name="search_visitor_created"),
            models.Index(fields=["owner_user", "-created_at"], name="search_user_created"),
            models.Index(fields=["question_key", "-created_at"], name="search_question_created"),
        ]
        constraints = [
            models.CheckConstraint(
                name="search_status_known", condition=Q(status__in=[s.value for s in Status])
            ),
            models.CheckConstraint(
                name="search_finished_when_terminal",
                condition=Q(status__in=sorted(TERMINAL), finished_at__isnull=False)
                | (~Q(status__in=sorted(TERMINAL)) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="search_started_when_running",
                condition=~Q(status="running") | Q(started_at__isnull=False),
            ),
            models.CheckConstraint(
                name="search_units_bounded", condition=Q(units_done__lte=models.F("units_total"))
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def asker(self) -> int | str:
        """Who waits for it, as far as turns among searches go."""
        return self.owner_user_id or self.owner_visitor

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_judged(self) -> bool:
        """Whether the attempt that has it now, or had it last, has stored its result.

        Then it is whole, whatever came of the search: judged, counted, listed.
        """
        return bool(self.summary)


class SearchEvent(models.Model):
    """One thing told, append-only: the truth that every stream replays from."""

    search = models.ForeignKey(
        Search,
        on_delete=models.CASCADE,
        related_name="events",
        verbose_name="busca",
        db_index=False,  # the unique constraint begins with it
    )
    seq = models.PositiveIntegerField("número")
    at = models.DateTimeField("momento")
    stage = models.CharField("etapa", max_length=12, choices=_STAGES)
    payload = models.JSONField("conteúdo")

    class Meta:
        verbose_name = "evento"
        ordering = ["search", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["search", "seq"], name="event_search_seq_unique")
        ]

    def __str__(self) -> str:
        return f"{self.search_id} #{self.seq}"


class Match(models.Model):
    """A notice that a search keeps, and why."""

    search = models.ForeignKey(
        Search,
        on_delete=models.CASCADE,
        related_name="matches",
        verbose_name="busca",
        db_index=False,  # the unique constraint begins with it
    )
    notice = models.ForeignKey(
        Notice, on_delete=models.CASCADE, related_name="+", verbose_name="licitação"
    )
    relevance = models.PositiveSmallIntegerField("relevância")
    terms = models.JSONField("termos", default=list)
    #: half-open character ranges of the object to mark
    spans = models.JSONField("trechos", default=list)
    #: below the floor of matching terms: shown only when asked for
    hidden = models.BooleanField("oculta", default=False)

    class Meta:
        verbose_name = "correspondência"
        constraints = [
            models.UniqueConstraint(fields=["search", "notice"], name="match_search_notice_unique")
        ]
        indexes = [models.Index(fields=["search", "hidden"], name="match_search_hidden")]

    def __str__(self) -> str:
        return f"{self.search_id}: {self.notice_id}"

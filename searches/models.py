"""What is kept: searches and what was told of them, notices, and what of the source is covered.

Floor 2.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from searches.domain.lifecycle import TERMINAL, Status
from searches.domain.planning import Endpoint


class Source(models.Model):
    """A server that speaks PNCP's API. Notices of a demonstration never mix with real ones."""

    base_url = models.CharField("endereço", max_length=300, unique=True)

    class Meta:
        verbose_name = "fonte"

    def __str__(self) -> str:
        return self.base_url


class Search(models.Model):
    """One question of one owner, from asking to its ending."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        verbose_name="usuário",
    )
    #: Key of the anonymous browser that asked; it survives a login, unlike the session's own key.
    owner_visitor = models.CharField("visitante", max_length=64, blank=True, db_index=True)
    source = models.ForeignKey(Source, on_delete=models.PROTECT, verbose_name="fonte")
    query = models.JSONField("pergunta")
    status = models.CharField(
        "estado", max_length=10, default=Status.QUEUED, choices=[(s.value, s.value) for s in Status]
    )
    stage = models.CharField("etapa", max_length=12, default="queued")
    progress = models.SmallIntegerField("progresso", default=0)
    attempt = models.PositiveSmallIntegerField("tentativa", default=0)
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
            models.Index(fields=["owner_visitor", "-created_at"], name="search_visitor_created"),
            models.Index(fields=["owner_user", "-created_at"], name="search_user_created"),
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
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


class SearchEvent(models.Model):
    """One thing told, append-only: the truth that every stream replays from."""

    search = models.ForeignKey(Search, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField("número")
    at = models.DateTimeField("momento")
    stage = models.CharField("etapa", max_length=12)
    payload = models.JSONField("conteúdo")

    class Meta:
        verbose_name = "evento"
        ordering = ["search", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["search", "seq"], name="event_search_seq_unique")
        ]

    def __str__(self) -> str:
        return f"{self.search_id} #{self.seq}"


class Notice(models.Model):
    """A procurement notice in the local store; fields as in `domain.notice.Notice`."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    control_number = models.CharField("código PNCP", max_length=60)
    object = models.TextField("objeto")
    extra = models.TextField("informação complementar", blank=True)
    body = models.CharField("órgão", max_length=500, blank=True)
    cnpj = models.CharField("CNPJ", max_length=20, blank=True)
    sphere = models.CharField("esfera", max_length=2, blank=True)
    unit_name = models.CharField("unidade", max_length=500, blank=True)
    uf = models.CharField("UF", max_length=2, blank=True)
    municipality = models.CharField("município", max_length=200, blank=True)
    ibge = models.CharField("código IBGE", max_length=7, blank=True)
    modality = models.IntegerField("modalidade (código)")
    modality_name = models.CharField("modalidade", max_length=120, blank=True)
    situation = models.IntegerField("situação (código)", default=0)
    situation_name = models.CharField("situação", max_length=120, blank=True)
    value = models.DecimalField("valor estimado", max_digits=24, decimal_places=4, null=True)
    awarded_value = models.DecimalField(
        "valor homologado", max_digits=24, decimal_places=4, null=True
    )
    published_at = models.DateTimeField("publicação")
    opens_at = models.DateTimeField("abertura", null=True)
    closes_at = models.DateTimeField("encerramento", null=True)
    updated_at = models.DateTimeField("atualização no PNCP")
    portal_url = models.CharField("página no PNCP", max_length=300, blank=True)
    origin_url = models.CharField("página de origem", max_length=2000, blank=True)
    platform = models.CharField("plataforma", max_length=200, blank=True)
    stored_at = models.DateTimeField("guardada em", auto_now=True)

    class Meta:
        verbose_name = "licitação"
        verbose_name_plural = "licitações"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "control_number"], name="notice_source_control_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["source", "uf", "modality", "published_at"], name="notice_scope_published"
            ),
            models.Index(fields=["source", "uf", "closes_at"], name="notice_scope_closes"),
        ]

    def __str__(self) -> str:
        return self.control_number


class _ListFields(models.Model):
    """What names a list of the source: see `domain.planning.ListKey`."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE)
    endpoint = models.CharField(
        "lista", max_length=12, choices=[(e.value, e.value) for e in Endpoint]
    )
    modality = models.IntegerField("modalidade", default=0)  # 0: all
    uf = models.CharField("UF", max_length=2, blank=True)  # "": the whole country

    class Meta:
        abstract = True


class PageRead(_ListFields):
    """The ledger: one page of one list that is in the store. A restart goes on after it."""

    first_day = models.DateField("primeiro dia")
    last_day = models.DateField("último dia")
    number = models.PositiveIntegerField("página")
    total_pages = models.PositiveIntegerField("páginas da lista")
    total_records = models.PositiveIntegerField("registros da lista")
    notices_count = models.PositiveSmallIntegerField("licitações na página")
    fetched_at = models.DateTimeField("lida em")

    class Meta:
        verbose_name = "página lida"
        verbose_name_plural = "páginas lidas"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "endpoint", "modality", "uf", "first_day", "last_day", "number"],
                name="page_read_unique",
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.uf or 'BR'} {self.modality} página {self.number}"


class PageLease(models.Model):
    """A page that some worker fetches at this moment; the others wait instead of asking too."""

    page = models.CharField("página", max_length=120, primary_key=True)
    holder = models.CharField("executor", max_length=120)
    expires_at = models.DateTimeField("vale até")

    class Meta:
        verbose_name = "página em leitura"
        verbose_name_plural = "páginas em leitura"

    def __str__(self) -> str:
        return self.page


class Coverage(_ListFields):
    """A day of a list that was read whole. For open notices, the day of asking."""

    day = models.DateField("dia")
    fetched_at = models.DateTimeField("lido em")

    class Meta:
        verbose_name = "dia coberto"
        verbose_name_plural = "dias cobertos"
        constraints = [
            models.UniqueConstraint(
                fields=["source", "endpoint", "modality", "uf", "day"], name="coverage_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.endpoint} {self.uf or 'BR'} {self.modality} {self.day}"


class Match(models.Model):
    """A notice that a search keeps, and why."""

    search = models.ForeignKey(Search, on_delete=models.CASCADE, related_name="matches")
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="+")
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


class ApiToken(models.Model):
    """A bearer token; only its hash is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="api_tokens",
        verbose_name="usuário",
    )
    name = models.CharField("nome", max_length=80, blank=True)
    digest = models.CharField("resumo", max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField("criado em", auto_now_add=True)
    last_used_at = models.DateTimeField("usado em", null=True, blank=True)

    class Meta:
        verbose_name = "token da API"
        verbose_name_plural = "tokens da API"

    def __str__(self) -> str:
        return self.name or f"token {self.pk}"

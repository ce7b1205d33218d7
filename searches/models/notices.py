"""What is kept of the source: its notices, and what of its lists is covered. Floor 2."""

from datetime import datetime

from django.db import models

from searches.domain import tables
from searches.domain.notice import NoticeStatus, infer_status
from searches.domain.planning import Endpoint
from searches.domain.text import web_address


class Source(models.Model):
    """A server that speaks PNCP's API. Notices of a demonstration never mix with real ones."""

    #: or the name of a demonstration, whose address changes
    base_url = models.CharField("endereço", max_length=300, unique=True)

    class Meta:
        verbose_name = "fonte"

    def __str__(self) -> str:
        return self.base_url


class Notice(models.Model):
    """A procurement notice in the local store; fields as in `domain.notice.Notice`."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, verbose_name="fonte")
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
    #: When the source's whole list of open notices had it no more, whatever its deadline here.
    gone_at = models.DateTimeField("fora das abertas desde", null=True)
    #: The same of the whole list of its day: it was deleted, or is of another day, UF or modality.
    unlisted_at = models.DateTimeField("fora da lista do dia desde", null=True)

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
            # All that `selectors.municipalities` reads, in its order: the rows are left alone.
            models.Index(fields=["source", "uf", "municipality", "ibge"], name="notice_places"),
        ]

    def __str__(self) -> str:
        return self.control_number

    def is_stopped(self, now: datetime) -> bool:
        """Say whether nobody can answer it although its deadline is ahead: revoked, suspended."""
        is_ahead = self.closes_at is not None and self.closes_at > now
        return is_ahead and self.status(now) is not NoticeStatus.RECEIVING

    def changed_since(self, moment: datetime | None) -> bool:
        """Say whether it is not what it was at a moment, or is listed no more."""
        if moment is None:
            return False
        return self.stored_at > moment or (
            self.unlisted_at is not None and self.unlisted_at > moment
        )

    @property
    def unusual_situation(self) -> str:
        """The situation's name when it is not the one of nearly all."""
        return "" if self.situation in (0, tables.PUBLISHED) else self.situation_name

    @property
    def page_url(self) -> str:
        """Where people read it: at PNCP or, without its page, at its origin; "" when nowhere."""
        return web_address(self.portal_url) or web_address(self.origin_url)

    def status(self, now: datetime) -> NoticeStatus:
        """Infer the status at a moment (see `infer_status`)."""
        awarded = self.awarded_value is not None
        return infer_status(
            situation=self.situation, closes_at=self.closes_at, awarded=awarded, now=now
        )


class _ListFields(models.Model):
    """What names a list of the source: see `domain.planning.ListKey`."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, verbose_name="fonte")
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
    #: among them
    malformed_count = models.PositiveSmallIntegerField("ilegíveis", default=0, db_default=0)
    #: The list was read to its end since: the page is no remainder of one that was cut off.
    is_whole = models.BooleanField("lista lida inteira", default=False, db_default=False)
    fetched_at = models.DateTimeField("lida em")
    #: Primary keys of what stood on it, as listed; null: written by a version that kept none.
    notice_keys = models.JSONField("licitações", null=True)

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

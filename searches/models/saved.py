"""Questions that are asked again each day, and the e-mails about them. Floor 2."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from searches import messages
from searches.domain.lifecycle import DigestState


class SavedSearch(models.Model):
    """A question that its owner keeps, asked again each day while it has a next run."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        verbose_name="usuário",
    )
    owner_visitor = models.CharField("visitante", max_length=64, blank=True, db_index=True)
    name = models.CharField("nome", max_length=120)
    #: its period is a span of days up to the day of each run
    query = models.JSONField("pergunta")
    question_key = models.CharField("chave da pergunta", max_length=64)
    #: None: paused
    next_run_at = models.DateTimeField("próxima busca", null=True, blank=True, db_index=True)
    wants_mail = models.BooleanField("quer e-mail", default=False)
    created_at = models.DateTimeField("salva em", auto_now_add=True)
    #: when its owner looked at it last: nobody pays for what no visitor reads
    seen_at = models.DateTimeField("vista em", auto_now_add=True)

    class Meta:
        verbose_name = "busca salva"
        verbose_name_plural = "buscas salvas"
        constraints = [
            models.CheckConstraint(
                name="saved_mail_needs_user",
                condition=Q(wants_mail=False) | Q(owner_user__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.name


class Digest(models.Model):
    """The e-mail about one run of a saved search: waiting, sent, not needed, or given up."""

    search = models.OneToOneField(
        "searches.Search",
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="digest",
        verbose_name="busca",
    )
    state = models.CharField(
        "estado",
        max_length=10,
        default=DigestState.WAITING,
        choices=[(s.value, messages.DIGEST_STATES[s]) for s in DigestState],
    )
    attempts = models.PositiveSmallIntegerField("tentativas", default=0)
    #: nobody looks at it before; who takes it to send moves this on
    next_try_at = models.DateTimeField("próxima tentativa", default=timezone.now)
    new_count = models.PositiveIntegerField("novas", default=0)
    sent_at = models.DateTimeField("enviado em", null=True, blank=True)

    class Meta:
        verbose_name = "aviso por e-mail"
        verbose_name_plural = "avisos por e-mail"
        indexes = [models.Index(fields=["state", "next_try_at"], name="digest_due")]
        constraints = [
            models.CheckConstraint(
                name="digest_state_known",
                condition=Q(state__in=[s.value for s in DigestState]),
            ),
            models.CheckConstraint(
                name="digest_sent_has_moment",
                condition=Q(state=DigestState.SENT, sent_at__isnull=False)
                | (~Q(state=DigestState.SENT) & Q(sent_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.search_id}: {self.get_state_display()}"

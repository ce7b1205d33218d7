"""Tables of the app: artifacts, their downloads, and bytes kept in the database. Floor 2."""

import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone

from exports.errors import Reason

OBJECT_STORAGE = "object_storage"
DATABASE = "database"


class StorageAlias(models.TextChoices):
    """Aliases in settings.STORAGES: the row remembers where its bytes are."""

    OBJECT_STORAGE = OBJECT_STORAGE, "armazenamento de objetos (S3)"
    DATABASE = DATABASE, "banco de dados"


class FallbackReason(models.TextChoices):
    """Why a file that belonged to the object storage was kept in the database."""

    REFUSED = Reason.REFUSED.value, "conexão recusada"
    TIMEOUT = Reason.TIMEOUT.value, "sem resposta no prazo"
    PERMISSION = Reason.PERMISSION.value, "sem permissão"
    BUCKET = Reason.BUCKET.value, "bucket inexistente"
    SERVER = Reason.SERVER.value, "erro do servidor"
    NOT_CONFIGURED = Reason.NOT_CONFIGURED.value, "não configurado"


class ArtifactQuerySet(models.QuerySet["Artifact"]):
    def pending(self) -> "ArtifactQuerySet":
        """Return those that fell back to the database and wait for the object storage."""
        return self.filter(
            storage=DATABASE, promoted_at=None, bytes_deleted_at=None, expires_at__gt=timezone.now()
        ).exclude(fallback_reason="")


class Artifact(models.Model):
    """One file made for somebody: where its bytes are, and what they must be."""

    id = models.UUIDField("identificador", primary_key=True, default=uuid.uuid4, editable=False)
    owner_user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="usuário",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="artifacts",
    )
    owner_visitor = models.CharField("visitante", max_length=64, blank=True)
    filename = models.CharField("nome do arquivo", max_length=200)
    content_type = models.CharField("tipo", max_length=100)
    storage = models.CharField("armazenamento", max_length=20, choices=StorageAlias.choices)
    name = models.CharField("chave", max_length=255)
    size_bytes = models.PositiveBigIntegerField("tamanho (bytes)")
    sha256 = models.CharField("SHA-256", max_length=64)
    rows = models.PositiveIntegerField("linhas")
    created_at = models.DateTimeField("criado em", default=timezone.now, db_index=True)
    expires_at = models.DateTimeField("expira em", db_index=True)
    fallback_reason = models.CharField(
        "motivo da contingência", max_length=20, blank=True, choices=FallbackReason.choices
    )
    promoted_at = models.DateTimeField("promovido em", null=True, blank=True)
    bytes_deleted_at = models.DateTimeField("conteúdo apagado em", null=True, blank=True)

    objects = ArtifactQuerySet.as_manager()

    class Meta:
        verbose_name = "arquivo exportado"
        verbose_name_plural = "arquivos exportados"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["storage", "name"], name="artifact_name_in_storage"),
            models.CheckConstraint(
                condition=models.Q(storage__in=StorageAlias.values), name="artifact_storage_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["storage", "created_at"],
                name="artifact_to_promote",
                condition=models.Q(promoted_at=None, bytes_deleted_at=None)
                & ~models.Q(fallback_reason=""),
            ),
        ]

    def __str__(self) -> str:
        return self.filename

    @property
    def ends_at(self) -> datetime:
        """Return when its bytes are offered no more: an admin may delete them before their term."""
        return min(filter(None, (self.bytes_deleted_at, self.expires_at)))

    def is_expired(self, *, now: datetime) -> bool:
        """Return whether its bytes are no longer offered."""
        return self.bytes_deleted_at is not None or self.expires_at <= now


class Download(models.Model):
    """One time somebody fetched an artifact. Append-only."""

    artifact = models.ForeignKey(
        Artifact, verbose_name="arquivo", on_delete=models.CASCADE, related_name="downloads"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="usuário",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    visitor = models.CharField("visitante", max_length=64, blank=True)
    at = models.DateTimeField("quando", default=timezone.now, db_index=True)
    address = models.GenericIPAddressField("endereço", null=True, blank=True)
    agent = models.CharField("navegador", max_length=300, blank=True)
    source = models.CharField("origem", max_length=20, choices=StorageAlias.choices)

    class Meta:
        verbose_name = "download"
        verbose_name_plural = "downloads"
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.artifact_id} {self.at:%Y-%m-%d %H:%M}"


class StoredFile(models.Model):
    """A file whose bytes are rows; its chunks are read one at a time."""

    name = models.CharField("chave", max_length=255, unique=True)
    size_bytes = models.PositiveBigIntegerField("tamanho (bytes)", default=0)
    chunk_bytes = models.PositiveIntegerField("bytes por pedaço")
    created_at = models.DateTimeField("criado em", default=timezone.now)

    class Meta:
        verbose_name = "arquivo no banco"
        verbose_name_plural = "arquivos no banco"

    def __str__(self) -> str:
        return self.name


class StoredChunk(models.Model):
    """One piece of a StoredFile; all but the last are chunk_bytes long."""

    file = models.ForeignKey(StoredFile, on_delete=models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField("posição")
    data = models.BinaryField("conteúdo")

    class Meta:
        verbose_name = "pedaço de arquivo"
        verbose_name_plural = "pedaços de arquivo"
        constraints = [
            models.UniqueConstraint(fields=["file", "position"], name="chunk_position_in_file"),
        ]

    def __str__(self) -> str:
        return f"{self.file_id}/{self.position}"

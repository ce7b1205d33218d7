"""The audit as a workbook: who made, kept and fetched which file. Floor 3."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import BinaryIO

from django.db.models import QuerySet

from exports.models import Artifact, Download
from exports.selectors import with_download_count
from exports.workbook import Column, Group, Kind, Parameters, Table, write_workbook

_ARTIFACT_COLUMNS = (
    Column("Criado em", Kind.DATETIME),
    Column("Arquivo", width=44),
    Column("Usuário", width=18),
    Column("Visitante", width=22),
    Column("Armazenamento", width=30),
    Column("Motivo da contingência", width=24),
    Column("Promovido em", Kind.DATETIME),
    Column("Tamanho (bytes)", Kind.INTEGER, width=16, total=True),
    Column("Linhas", Kind.INTEGER, total=True),
    Column("Downloads", Kind.INTEGER, total=True),
    Column("Expira em", Kind.DATETIME),
    Column("Conteúdo apagado em", Kind.DATETIME),
    Column("SHA-256", width=68),
    Column("Chave", width=60),
    Column("Identificador", width=38),
)
_DOWNLOAD_COLUMNS = (
    Column("Quando", Kind.DATETIME),
    Column("Arquivo", width=44),
    Column("Usuário", width=18),
    Column("Visitante", width=22),
    Column("Endereço", width=18),
    Column("Origem", width=30),
    Column("Navegador", width=70),
    Column("Identificador do arquivo", width=38),
)


def write_audit(
    file: BinaryIO, artifacts: "QuerySet[Artifact]", *, made_by: str, now: datetime
) -> int:
    """Write the artifacts and all their downloads; return how many rows there are."""
    chosen = artifacts.order_by("-created_at").select_related("owner_user")
    downloads = Download.objects.filter(artifact__in=artifacts.order_by().values("pk"))
    return write_workbook(
        file,
        title="Auditoria de exportações",
        sheets=[
            Table("Arquivos", _ARTIFACT_COLUMNS, _artifact_rows(with_download_count(chosen))),
            Table("Downloads", _DOWNLOAD_COLUMNS, _download_rows(downloads)),
            Parameters(
                "Parâmetros",
                [
                    Group(
                        "Auditoria",
                        [
                            ("Gerada em", now),
                            ("Gerada por", made_by),
                            ("Arquivos", chosen.count()),
                            ("Downloads", downloads.count()),
                        ],
                    )
                ],
            ),
        ],
    )


def visitor_text(key: str) -> str:
    """Return enough of a visitor's key to tell two apart; it opens nothing (sessions have it)."""
    return f"visitante {key[:8]}…" if key else ""


def _artifact_rows(artifacts: "QuerySet[Artifact]") -> Iterator[Sequence[object]]:
    for artifact in artifacts.iterator(chunk_size=2000):
        yield (
            artifact.created_at,
            artifact.filename,
            artifact.owner_user.get_username() if artifact.owner_user else None,
            visitor_text(artifact.owner_visitor),
            artifact.get_storage_display(),
            artifact.get_fallback_reason_display() if artifact.fallback_reason else None,
            artifact.promoted_at,
            artifact.size_bytes,
            artifact.rows,
            getattr(artifact, "download_count", None),
            artifact.expires_at,
            artifact.bytes_deleted_at,
            artifact.sha256,
            artifact.name,
            artifact.pk,
        )


def _download_rows(downloads: "QuerySet[Download]") -> Iterator[Sequence[object]]:
    joined = downloads.order_by("-at").select_related("artifact", "user")
    for download in joined.iterator(chunk_size=2000):
        yield (
            download.at,
            download.artifact.filename,
            download.user.get_username() if download.user else None,
            visitor_text(download.visitor),
            download.address,
            download.get_source_display(),
            download.agent,
            download.artifact_id,
        )

"""Every read of artifacts and downloads that is more than one row. Floor 3."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from exports.models import Artifact, Download, FallbackReason, StorageAlias


@dataclass(frozen=True, slots=True)
class Tally:
    """How many artifacts share something, and how large they are together."""

    label: str
    artifact_count: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """Downloads of one day on Brasília's calendar."""

    day: date
    download_count: int


@dataclass(frozen=True, slots=True)
class AuditFigures:
    """The audit at a glance."""

    by_storage: Sequence[Tally]
    fallbacks: Sequence[Tally]
    downloads_by_day: Sequence[DayCount]
    pending_count: int  # wait for the object storage

    @property
    def download_count(self) -> int:
        return sum(day.download_count for day in self.downloads_by_day)


def audit_figures(*, now: datetime, days: int = 30) -> AuditFigures:
    """Return exports by storage, fallbacks by reason, and downloads of the last days."""
    return AuditFigures(
        by_storage=_tallies(Artifact.objects.all(), "storage", dict(StorageAlias.choices)),
        fallbacks=_tallies(
            Artifact.objects.exclude(fallback_reason=""),
            "fallback_reason",
            dict(FallbackReason.choices),
        ),
        downloads_by_day=_downloads_by_day(now=now, days=days),
        pending_count=Artifact.objects.pending().count(),
    )


def _tallies(artifacts: "QuerySet[Artifact]", field: str, labels: dict[str, str]) -> list[Tally]:
    found = (
        artifacts.order_by().values_list(field).annotate(count=Count("pk"), size=Sum("size_bytes"))
    )
    return sorted(
        (Tally(labels.get(value, value), count, size) for value, count, size in found),
        key=lambda tally: (-tally.artifact_count, tally.label),
    )


def _downloads_by_day(*, now: datetime, days: int) -> list[DayCount]:
    today = timezone.localdate(now)
    first = today - timedelta(days=days - 1)
    since = timezone.make_aware(datetime.combine(first, datetime.min.time()))
    counted = dict(
        Download.objects.filter(at__gte=since)
        .order_by()
        .annotate(day=TruncDate("at"))
        .values_list("day")
        .annotate(count=Count("pk"))
    )
    every_day = (first + timedelta(days=number) for number in range(days))
    return [DayCount(day=day, download_count=counted.get(day, 0)) for day in every_day]


def with_download_count(artifacts: "QuerySet[Artifact]") -> "QuerySet[Artifact]":
    """Add `download_count` to each artifact.

    By a subquery, which leaves every question about the artifacts alone what it was.
    """
    of_one = Download.objects.filter(artifact=OuterRef("pk")).order_by().values("artifact")
    counted = Subquery(of_one.values(count=Count("pk")))
    return artifacts.annotate(download_count=Coalesce(counted, 0))

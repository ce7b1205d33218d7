"""Figures for Prometheus, counted in the database so that they hold for all processes."""

from django.apps import apps
from django.db.models import Count
from prometheus_client import Gauge

_searches = Gauge("bidiq_searches", "Searches by state", ["status"])
_artifacts = Gauge("bidiq_artifacts", "Excel files by storage", ["storage"])
_notices = Gauge("bidiq_notices", "Notices in the local store")
_downloads = Gauge("bidiq_downloads", "Downloads by source", ["source"])


def collect() -> None:
    """Bring the gauges up to the database."""
    for gauge, model, field in (
        (_searches, "searches.Search", "status"),
        (_artifacts, "exports.Artifact", "storage"),
        (_downloads, "exports.Download", "source"),
    ):
        rows = apps.get_model(model).objects.values_list(field).annotate(Count("pk"))
        for value, count in rows.order_by(field):
            gauge.labels(value).set(count)
    _notices.set(apps.get_model("searches.Notice").objects.count())

"""Figures for Prometheus, counted in the database so that they hold for all processes."""

import threading

from django.apps import apps
from django.db.models import Count
from prometheus_client import Gauge, generate_latest

from searches.database import AWAY

_searches = Gauge("bidiq_searches", "Searches by state", ["status"])
_artifacts = Gauge("bidiq_artifacts", "Excel files by storage", ["storage"])
_notices = Gauge("bidiq_notices", "Notices in the local store")
_downloads = Gauge("bidiq_downloads", "Downloads by source", ["source"])
_database_up = Gauge("bidiq_database_up", "Whether the database answered: without it no figures")

_lock = threading.Lock()


def exposition() -> bytes:
    """Return the figures as the database has them now, in Prometheus' text format."""
    with _lock:  # who scrapes meanwhile must not find the gauges half filled
        try:
            _collect()
        except AWAY:  # an outage is what one wants to see, not a hole in the curve
            for gauge in (_searches, _artifacts, _downloads):
                gauge.clear()
            _notices.set(float("nan"))
            _database_up.set(0)
        else:
            _database_up.set(1)
        return generate_latest()


def _collect() -> None:
    for gauge, model, field in (
        (_searches, "searches.Search", "status"),
        (_artifacts, "exports.Artifact", "storage"),
        (_downloads, "exports.Download", "source"),
    ):
        rows = apps.get_model(model).objects.values_list(field).annotate(Count("pk"))
        gauge.clear()  # a state that no row has any more keeps its last figure else
        for value, count in rows.order_by(field):
            gauge.labels(value).set(count)
    _notices.set(apps.get_model("searches.Notice").objects.count())

"""The audit at a glance, for the pages of the admin. Floor 6."""

from typing import Any

from django import template
from django.utils import timezone

from exports.chart import bars
from exports.selectors import audit_figures as figures_at

register = template.Library()

#: Of the chart of downloads, in its own units.
CHART_WIDTH, CHART_HEIGHT = 600, 90


@register.inclusion_tag("admin/exports/_figures.html")
def audit_figures() -> dict[str, Any]:
    """Show exports by storage, fallbacks, and downloads by day."""
    figures = figures_at(now=timezone.now())
    points = [(f"{day.day:%d/%m/%Y}", day.download_count) for day in figures.downloads_by_day]
    return {
        "figures": figures,
        "bars": bars(points, width=CHART_WIDTH, height=CHART_HEIGHT),
        "chart_width": str(CHART_WIDTH),
        "chart_height": str(CHART_HEIGHT),
    }

"""The app that turns a table of rows into a file somebody may fetch."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "exports"
    verbose_name = "exportações"

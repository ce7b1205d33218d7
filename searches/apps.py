"""The app that asks, watches and finds."""

from django.apps import AppConfig


class SearchesConfig(AppConfig):
    name = "searches"
    verbose_name = "buscas"

"""The project as an app, so that its checks and template tags are found."""

from django.apps import AppConfig


class BidiqConfig(AppConfig):
    name = "bidiq"

    def ready(self) -> None:
        from bidiq import checks  # noqa: F401  (registers the checks)

"""`manage.py createsuperuser`: Django's own, which also works before the first start."""

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from bidiq.migrating import migrate


class Command(createsuperuser.Command):
    # They would be said to be missing, and are made.
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> str | None:
        migrate()
        return super().handle(*args, **options)

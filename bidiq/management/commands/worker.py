"""`manage.py worker`: runs searches from the queue, any number of processes on any machines."""

import asyncio
import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bidiq import telemetry
from bidiq.arguments import not_negative
from bidiq.logs import without_credentials
from bidiq.migrating import migrate
from searches import messages


class Command(BaseCommand):
    help = "Executa as buscas da fila (PostgreSQL); SIGTERM termina ou devolve as que estão aqui."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--espera",
            type=not_negative,
            metavar="S",
            help="segundos que uma busca tem para terminar depois do SIGTERM (padrão: 10)",
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        # Before the system checks: they would say the same in more words.
        if not settings.BIDIQ_ON_POSTGRESQL:
            raise CommandError(
                "O worker precisa do PostgreSQL: defina DATABASE_URL=postgres://… "
                "(com SQLite as buscas rodam no próprio site)."
            )
        if settings.BIDIQ_RUNNER != "worker":
            raise CommandError("BIDIQ_RUNNER=inline: as buscas rodam no próprio site, não aqui.")
        return super().execute(*args, **options)

    def handle(self, *, espera: float | None, **options: Any) -> None:
        telemetry.start()
        migrate()
        source = messages.source_text(
            without_credentials(settings.PNCP_BASE_URL), is_demo=settings.BIDIQ_DEMO
        )
        self.stdout.write(
            f"worker: até {settings.BIDIQ_SEARCHES_AT_ONCE} buscas ao mesmo tempo; fonte: {source}"
        )
        self.stdout.flush()
        asyncio.run(_work(espera))


async def _work(grace_seconds: float | None) -> None:
    from searches import crew  # needs procrastinate, which is installed on PostgreSQL only

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if grace_seconds is None:
        grace_seconds = crew.GRACE_SECONDS
    await crew.run_worker(stop, grace_seconds=grace_seconds)

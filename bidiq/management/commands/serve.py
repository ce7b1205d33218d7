"""`manage.py serve`: migrate, say how every part runs, and serve the site with daphne."""

import errno
import os
import socket
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bidiq import checks
from bidiq.arguments import port_number
from bidiq.logs import without_credentials
from bidiq.migrating import migrate
from searches import messages


class Command(BaseCommand):
    help = "Migra o banco e serve o site."
    requires_system_checks = ()  # ours are said first, in one line each

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="endereço (padrão: 127.0.0.1)")
        parser.add_argument("--port", default="8000", help="de 1 a 65535 (padrão: 8000)")
        parser.add_argument("--demo", action="store_true", help="com o simulador do PNCP")

    def handle(self, *, host: str, port: Any, demo: bool, **options: Any) -> None:
        checks.stop_on_errors()
        port = _port(str(port))
        _require_free(host, port)
        if demo:
            _begin_anew_as_demo(host, port)
        if not settings.BIDIQ_PUBLIC_URL_GIVEN:  # before anything reads it
            settings.BIDIQ_PUBLIC_URL = f"http://127.0.0.1:{port}"
        migrate()
        self.check()  # after what can end the start in one line
        self._say_modes(host, port)
        from bidiq.server import run

        run(host=host, port=port)

    def _say_modes(self, host: str, port: int) -> None:
        parts = {
            "banco": "PostgreSQL" if settings.BIDIQ_ON_POSTGRESQL else "SQLite",
            "progresso": "Redis" if settings.REDIS_URL else "em memória",
            "buscas": "neste processo" if settings.BIDIQ_RUNNER == "inline" else "nos workers",
            "arquivos": "S3" if settings.AWS_STORAGE_BUCKET_NAME else "no banco",
            "fonte": messages.source_text(
                without_credentials(settings.PNCP_BASE_URL), is_demo=settings.BIDIQ_DEMO
            ),
        }
        modes = " · ".join(f"{part}: {mode}" for part, mode in parts.items())
        self.stdout.write(modes)
        shown = f"[{host}]" if ":" in host else host
        self.stdout.write(self.style.SUCCESS(f"bidiq em http://{shown}:{port}"))
        self.stdout.flush()


def _begin_anew_as_demo(host: str, port: int) -> None:
    """Become `serve` with the settings of a demonstration, and no source but its simulator."""
    given = os.environ.items()
    kept = {name: value for name, value in given if not name.startswith("PNCP_BASE_URL")}
    command = [sys.executable, sys.argv[0], "serve", "--host", host, "--port", str(port)]
    os.execve(sys.executable, command, {**kept, "BIDIQ_DEMO": "1"})  # noqa: S606  (our own)


def _port(text: str) -> int:
    number = port_number(text, least=1)
    if number is None:
        raise CommandError(f"{text!r} não é uma porta: use --port (no make, PORT=) de 1 a 65535.")
    return number


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET  # a name is one of IPv4 to daphne
    try:
        address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES):
            why = f"A porta {port} em {host} não pode ser usada: {error.strerror}."
            message = f"{why} Use outra: --port (no make, PORT=)."
        else:
            message = f"{host!r} não é um endereço desta máquina: use --host 127.0.0.1 ou outro."
        raise CommandError(message) from None

"""`manage.py serve`: migrate, say how every part runs, and serve the site with daphne."""

import argparse
import errno
import os
import signal
import socket
import subprocess
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from bidiq import checks, tied
from bidiq.logs import without_credentials
from bidiq.migrating import migrate


class Command(BaseCommand):
    help = "Migra o banco e serve o site."
    requires_system_checks = ()  # ours are said first, in one line each

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", default="8000")
        parser.add_argument("--demo", action="store_true", help="com o simulador do PNCP")
        parser.add_argument(tied.OPTION, action="store_true", help=argparse.SUPPRESS)

    def handle(self, *, host: str, port: Any, demo: bool, **options: Any) -> None:
        if options.get("tied"):
            tied.end_with_parent()
        checks.stop_on_errors()
        port = _port(str(port))
        _require_free(host, port)
        if demo and not settings.BIDIQ_DEMO:
            self._serve_demo(host, port)
            return
        if not settings.BIDIQ_PUBLIC_URL_GIVEN:  # before anything reads it
            settings.BIDIQ_PUBLIC_URL = f"http://127.0.0.1:{port}"
        migrate()
        self.check()  # after what can end the start in one line
        self._say_modes(host, port)
        from bidiq.server import run

        run(host=host, port=port)

    def _serve_demo(self, host: str, port: int) -> None:
        """Run the simulator and the site as children of this process; both end with it, killed or
        not."""
        source_port = _free_port()
        manage = [sys.executable, sys.argv[0]]
        environment = {
            **os.environ,
            "BIDIQ_DEMO": "1",
            "PNCP_BASE_URL": f"http://127.0.0.1:{source_port}",
        }
        source = ["pncp_simulator", "--port", str(source_port), "--latency-ms", "150"]
        simulator = subprocess.Popen(  # noqa: S603  (our own command)
            [*manage, *source, tied.OPTION],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        site = subprocess.Popen(  # noqa: S603
            [*manage, "serve", "--host", host, "--port", str(port), tied.OPTION],
            env=environment,
            stdin=subprocess.PIPE,
        )
        signal.signal(signal.SIGTERM, lambda *_: site.terminate())
        try:
            site.wait()
        except KeyboardInterrupt:
            site.wait()
        finally:
            simulator.terminate()
            simulator.wait()
        if site.returncode > 0:
            raise SystemExit(site.returncode)

    def _say_modes(self, host: str, port: int) -> None:
        parts = {
            "banco": "PostgreSQL" if settings.BIDIQ_ON_POSTGRESQL else "SQLite",
            "progresso": "Redis" if settings.REDIS_URL else "em memória",
            "buscas": "neste processo" if settings.BIDIQ_RUNNER == "inline" else "nos workers",
            "arquivos": "S3" if settings.AWS_STORAGE_BUCKET_NAME else "no banco",
            "fonte": "simulador do PNCP (demonstração)"
            if settings.BIDIQ_DEMO
            else without_credentials(settings.PNCP_BASE_URL),
        }
        modes = " · ".join(f"{part}: {mode}" for part, mode in parts.items())
        self.stdout.write(modes)
        shown = f"[{host}]" if ":" in host else host
        self.stdout.write(self.style.SUCCESS(f"bidiq em http://{shown}:{port}"))
        self.stdout.flush()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 65535):
        raise CommandError(f"{text!r} não é uma porta: use PORT= de 1 a 65535.")
    return int(text)


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET  # a name is one of IPv4 to daphne
    try:
        address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES):
            message = f"A porta {port} em {host} não pode ser usada: {error.strerror}. Use PORT=."
        else:
            message = f"{host!r} não é um endereço desta máquina: use --host 127.0.0.1 ou outro."
        raise CommandError(message) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""`manage.py pncp_simulator`: the PNCP stand-in as a server of its own. Floor 6."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from bidiq.arguments import not_negative, port_number
from searches.domain.brazil import BRASILIA
from searches.pncp.faults import HELP, BadSpec, Faults
from searches.pncp.sample import Sample
from searches.pncp.simulator import Simulator
from searches.pncp.simulator_records import BadData, FileRecords

DEFAULT_PORT = 8900


class Command(BaseCommand):
    """Run the simulator until it is stopped."""

    help = "Servidor que responde como a API de consulta do PNCP, para demonstração e testes."
    # It touches no database.
    requires_system_checks: list[str] = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Add the grammar of --faults below the options."""
        kwargs.setdefault("epilog", HELP)
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument("--host", default="127.0.0.1", help="endereço (padrão: 127.0.0.1)")
        parser.add_argument(
            "--port", type=_port, default=DEFAULT_PORT, help=f"0: livre (padrão: {DEFAULT_PORT})"
        )
        parser.add_argument(
            "--data", type=Path, metavar="F", help="registros .jsonl ou .jsonl.gz; sem ele, gerados"
        )
        parser.add_argument(
            "--latency-ms", type=not_negative, default=0.0, metavar="N", help="por resposta"
        )
        parser.add_argument(
            "--rate-per-minute", type=not_negative, default=0.0, metavar="N", help="0: sem limite"
        )
        parser.add_argument("--faults", default="", metavar="FALHAS", help="veja abaixo")
        parser.add_argument("--seed", type=int, default=1, help="dos dados gerados e das falhas")
        parser.add_argument(
            "--now", type=_moment, metavar="ISO", help="para o relógio neste momento (Brasília)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Serve; a bad option is one line and exit status 2, a taken port 1."""
        try:
            faults = Faults.read(options["faults"], seed=options["seed"])
            path: Path | None = options["data"]
            records = Sample(options["seed"]) if path is None else FileRecords.read(path)
        except BadSpec as error:
            raise CommandError(f"--faults: {error}", returncode=2) from error
        except BadData as error:
            raise CommandError(f"--data {options['data']}: {error}", returncode=2) from error
        moment: datetime | None = options["now"]
        clock: Callable[[], datetime] = (
            (lambda: datetime.now(UTC)) if moment is None else (lambda: moment)
        )
        simulator = Simulator(
            records,
            clock=clock,
            latency_seconds=options["latency_ms"] / 1000,
            rate_per_minute=options["rate_per_minute"],
            faults=faults,
        )
        what = f"dados gerados, semente {options['seed']}"
        if isinstance(records, FileRecords):
            what = f"{len(records.records)} registros de {path}"
        try:
            asyncio.run(self._serve(simulator, options["host"], options["port"], what))
        except OSError as error:
            raise CommandError(
                f"{options['host']}:{options['port']} não está disponível ({error.strerror})"
            ) from error

    async def _serve(self, simulator: Simulator, host: str, port: int, what: str) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stopped.set)
        async with simulator.serving(host=host, port=port) as base_url:
            self.stdout.write(f"Simulador do PNCP em {base_url} ({what})")
            self.stdout.flush()
            await stopped.wait()


def _port(text: str) -> int:
    number = port_number(text, least=0)
    if number is None:
        raise argparse.ArgumentTypeError("de 0 a 65535")
    return number


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("um momento, como 2026-11-24T10:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=BRASILIA)

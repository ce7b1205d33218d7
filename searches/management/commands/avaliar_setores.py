"""Measure the sectors on labelled objects: `manage.py avaliar_setores FILE`. Floor 6."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from searches.domain.evaluation import BadLabels, Evaluation, Miss, evaluate, read_labels
from searches.domain.sectors import SECTOR_IDS

_ALL = "todos"


class Command(BaseCommand):
    """Precision, recall and F1 of each sector; exit status 2 for a bad file."""

    help = "Mede precisão, revocação e F1 de cada setor em um arquivo de objetos rotulados."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "arquivo",
            metavar="ARQUIVO",
            help="tabela separada por tabulações: objeto, setores (com vírgulas), incerto",
        )
        parser.add_argument(
            "--sem-incertos", action="store_true", help="ignora as linhas marcadas como incertas"
        )
        parser.add_argument(
            "--erros",
            nargs="?",
            const=_ALL,
            choices=(_ALL, *SECTOR_IDS),
            metavar="SETOR",
            help="lista os objetos em que o resultado difere do rótulo",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["arquivo"])
        try:
            rows = read_labels(path.read_text(encoding="utf-8-sig").splitlines())
            if options["sem_incertos"]:
                rows = [row for row in rows if not row.uncertain]
            if not rows:
                raise BadLabels("nenhum objeto rotulado")
        except UnicodeDecodeError as error:
            raise CommandError(f"{path}: o arquivo não é texto UTF-8", returncode=2) from error
        except OSError as error:
            raise CommandError(f"{path}: {_reason(error)}", returncode=2) from error
        except BadLabels as error:
            raise CommandError(f"{path}: {error}", returncode=2) from error
        evaluation = evaluate(rows)
        try:
            self._print(evaluation, objects=len(rows), errors_of=options["erros"])
        except BrokenPipeError:  # `| head`
            sys.stderr.close()

    def _print(self, evaluation: Evaluation, *, objects: int, errors_of: str | None) -> None:
        columns = f"{'precisão':>9}{'revocação':>11}{'F1':>7}{'objetos':>9}"
        self.stdout.write(f"{'setor':<26}{columns}")
        for name, one in evaluation.figures.items():
            self.stdout.write(_line(name, one.precision, one.recall, one.f1, one.support))
        micro = evaluation.micro
        self.stdout.write(_line("micro", micro.precision, micro.recall, micro.f1, micro.support))
        means = [evaluation.macro(measure) for measure in ("precision", "recall", "f1")]
        self.stdout.write(_line("macro", means[0], means[1], means[2], micro.support))
        self.stdout.write(f"{objects} objetos, {len(evaluation.judged)} setores com casos")
        if errors_of:
            names = SECTOR_IDS if errors_of == _ALL else (errors_of,)
            for name in names:
                for miss in evaluation.misses[name]:
                    self.stdout.write(_describe(name, miss))


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "o arquivo não existe"
    if isinstance(error, IsADirectoryError):
        return "é um diretório, não um arquivo"
    return "o arquivo não pôde ser lido"


def _line(name: str, precision: float, recall: float, f1: float, support: int) -> str:
    return f"{name:<26}{precision:>9.3f}{recall:>11.3f}{f1:>7.3f}{support:>9}"


def _describe(name: str, miss: Miss) -> str:
    kind = "a mais" if miss.is_false_positive else "faltou"
    why = ", ".join(miss.result.terms) or "nenhum termo"
    if miss.result.excluded_by:
        why += f" (excluído por: {miss.result.excluded_by})"
    doubt = " ?" if miss.row.uncertain else ""
    return f"{name}\t{kind}{doubt}\t{why}\t{' '.join(miss.row.text.split())}"

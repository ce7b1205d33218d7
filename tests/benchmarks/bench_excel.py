"""The workbook beside its peer: openpyxl with a style on each cell, as most projects write one.

Each run is a process of its own, so that its peak of memory is its own too.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

from exports.workbook import (
    Chart,
    Column,
    Figure,
    Figures,
    Kind,
    Sheet,
    Table,
    Urgent,
    write_workbook,
)

ROOT = Path(__file__).resolve().parent.parent.parent
SIZES = (1_000, 10_000, 100_000)
#: The peer holds every cell: at 100,000 rows it takes over a gigabyte and most of a minute.
REPEATS = {1_000: 5, 10_000: 3, 100_000: 1}

COLUMNS = (
    Column("Código PNCP", width=28),
    Column("Objeto", width=60, wrap=True),
    Column("Órgão", width=36),
    Column("CNPJ", width=17),
    Column("UF", width=6),
    Column("Município", width=20),
    Column("Modalidade", width=22),
    Column("Situação", width=22),
    Column("Valor estimado", Kind.MONEY, total=True),
    Column("Publicação", Kind.DATE),
    Column("Abertura", Kind.DATETIME),
    Column("Encerramento", Kind.DATETIME),
    Column(
        "Dias restantes",
        Kind.INTEGER,
        urgent=Urgent(red_days=2, amber_days=7),
    ),
    Column("Termos", width=24),
    Column("Relevância", Kind.INTEGER),
    Column("Link PNCP", Kind.LINK),
    Column("Link origem", Kind.LINK),
)


def rows(count: int) -> Iterator[tuple[object, ...]]:
    """Yield notices as a real result has them: 17 columns, long accented texts, two links."""
    start = datetime(2026, 1, 1, 8, 30)
    for number in range(count):
        moment = start + timedelta(minutes=number % 90_000)
        yield (
            f"{number:014d}-1-{number:06d}/2026",
            "Registro de preços para aquisição de uniformes escolares e materiais para a rede "
            f"municipal de ensino, conforme edital nº {number} e seus anexos & condições",
            f"Prefeitura Municipal de São João nº {number % 500}",
            f"{number:014d}",
            ("SP", "RJ", "MG", "BA")[number % 4],
            "Campinas",
            "Pregão Eletrônico",
            "Divulgada no PNCP",
            Decimal(number * 100 + 12345) / 100,
            moment.date(),
            moment,
            moment + timedelta(days=8),
            number % 40,
            "uniforme, camiseta",
            number % 100,
            f"https://pncp.gov.br/app/editais/{number:014d}/2026/{number}",
            f"https://www.licitacoes.gov.br/edital?id={number}",
        )


def write_ours(file: BinaryIO, count: int) -> None:
    figure = Figure("Por UF", (COLUMNS[4], Column("Total", Kind.INTEGER)), [("SP", 1)], Chart.BAR)
    sheets: list[Sheet] = [Table("Licitações", COLUMNS, rows(count)), Figures("Resumo", [figure])]
    write_workbook(file, title="Licitações", sheets=sheets)


def write_peer(file: BinaryIO, count: int) -> None:
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Border, Font, Side

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append([column.title for column in COLUMNS])
    font = Font(name="Calibri", size=10)
    border = Border(bottom=Side(style="thin", color="E0E0E0"))
    alignment = Alignment(vertical="top", wrap_text=True)
    formats = {8: "[$R$-416] #,##0.00", 9: "dd/mm/yyyy"}
    formats |= dict.fromkeys((10, 11), "dd/mm/yyyy hh:mm")
    for row, values in enumerate(rows(count), start=2):
        for column, value in enumerate(values):
            cell = sheet.cell(row=row, column=column + 1)
            cell.value = value  # type: ignore[assignment]
            cell.font, cell.border, cell.alignment = font, border, alignment
            if column in formats:
                cell.number_format = formats[column]
            elif column >= 15:
                cell.hyperlink = str(value)
    book.save(file)


def peak_megabytes() -> float:
    """The most memory this process has had, from the kernel."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024


def run_here(which: str, count: int) -> None:
    """Write one workbook and print the seconds and the megabytes above idle that it took."""
    write = {"ours": write_ours, "peer": write_peer}[which]
    with tempfile.TemporaryFile() as file:
        write(file, 1)  # imports are not what is measured
    idle = peak_megabytes()
    with tempfile.TemporaryFile() as file:
        started = time.perf_counter()
        write(file, count)
        seconds = time.perf_counter() - started
    print(f"{seconds:.3f} {peak_megabytes() - idle:.1f}")


def run_apart(which: str, count: int) -> tuple[float, float]:
    """Return the best seconds and the worst megabytes of a few processes."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_excel", "--one", which, str(count)]
    results = []
    for _ in range(REPEATS.get(count, 1)):
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        results.append(tuple(map(float, run.stdout.split())))
    return min(seconds for seconds, _ in results), max(megabytes for _, megabytes in results)


def main() -> None:
    """Print the table."""
    print("Excel: 17 columns, two of them links; peer: openpyxl with a style on each cell")
    print(f"{'rows':>8}  {'ours':>9}  {'peer':>9}  {'ratio':>6}  {'ours':>9}  {'peer':>9}")
    for count in SIZES:
        seconds, megabytes = run_apart("ours", count)
        peer_seconds, peer_megabytes = run_apart("peer", count)
        print(
            f"{count:>8,}  {seconds:>7.2f} s  {peer_seconds:>7.2f} s  "
            f"{peer_seconds / seconds:>5.1f}x  {megabytes:>6.1f} MB  {peer_megabytes:>6.1f} MB"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("WHICH", "ROWS"))
    arguments = parser.parse_args()
    if arguments.one:
        run_here(arguments.one[0], int(arguments.one[1]))
    else:
        main()

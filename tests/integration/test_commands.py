"""The main job in a terminal, as a real process: rows, exit status, one-line errors."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from searches.domain.brazil import BRASILIA
from tests import servers
from tests.integration.conftest import record
from tests.processes import ROOT, environment, free_port, migrated, simulator

FOOD, OTHER = "Aquisição de gêneros alimentícios", "Contratação de seguro de vida"


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(SECRET_KEY="test", COLUMNS="100", **variables),
        capture_output=True,
        text=True,
        timeout=90,
    )


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return {"DATABASE_URL": migrated(tmp_path / "terminal.sqlite3")}


def rows_of(path: Path) -> list[tuple[object, ...]]:
    with contextlib.closing(load_workbook(path, read_only=True)) as book:
        sheet = book["Licitações"]
        rows = [row for row in sheet.iter_rows(min_row=2, values_only=True) if row[1]]
    return [row for row in rows if "-1-" in str(row[0])]  # the last one has the totals


def test_it_writes_the_rows_that_were_found(tmp_path: Path, variables: dict[str, str]) -> None:
    records = [record(n, object=FOOD if n % 2 else OTHER) for n in range(1, 121)]
    output = tmp_path / "f.xlsx"
    with simulator(records) as (_, url):
        done = manage(
            "buscar", "--ufs", "SP", "--setor", "alimentos", "--de", "2026-08-01",
            "--ate", "2026-08-20", "--saida", str(output), PNCP_BASE_URL=url, **variables,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "60 encontradas em 120 lidas" in done.stdout
    assert "100%" in done.stdout
    found = {row[0] for row in rows_of(output)}
    assert found == {
        entry["numeroControlePNCP"] for entry in records if entry["objetoCompra"] == FOOD
    }
    with contextlib.closing(load_workbook(output, rich_text=True)) as book:
        blocks = book["Licitações"]["B2"].value
    assert [str(block) for block in blocks if block.font.b] == ["gêneros alimentícios"]


def test_a_demonstration_in_the_terminal_has_its_source_and_says_what_it_is(
    variables: dict[str, str],
) -> None:
    asked = ("buscar", "--ufs", "SP", "--setor", "alimentos", "--dias", "5", "--modalidades", "6")
    done = manage(*asked, BIDIQ_DEMO="1", **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Dados de demonstração")
    assert re.search(r"[1-9]\d* encontradas em", done.stdout)


def test_a_partial_result_is_written_and_said_by_the_exit_status(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    output = tmp_path / "f.xlsx"
    records = [record(n, uf=uf) for uf in ("SP", "MG") for n in range(1, 10)]
    with simulator(records, faults="down:uf=MG") as (_, url):
        done = manage(
            "buscar", "--ufs", "SP,MG", "--termos", "gêneros alimentícios,", "--de", "2026-08-01",
            "--ate", "2026-08-20", "--saida", str(output), PNCP_BASE_URL=url, **variables,
        )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "Minas Gerais não foi lida: o PNCP não respondeu" in done.stderr
    assert len(rows_of(output)) == 9


def test_a_source_that_is_down_is_an_error_in_one_sentence(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    output = tmp_path / "f.xlsx"
    url = f"http://127.0.0.1:{free_port()}"
    done = manage(
        "buscar", "--ufs", "SP", "--setor", "alimentos", "--saida", str(output),
        PNCP_BASE_URL=url, **variables,
    )  # fmt: skip
    assert done.returncode == 1
    assert "PNCP não respondeu" in done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists()


def test_a_place_that_cannot_be_written_is_said_before_the_search(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    asked = ("buscar", "--ufs", "SP", "--setor", "alimentos", "--saida")
    with simulator([record(1)]) as (source, url):
        place = str(tmp_path / f"{'x' * 300}.xlsx")
        done = manage(*asked, place, PNCP_BASE_URL=url, **variables)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1, done.stderr
        assert f"{place} não pôde ser escrito" in done.stderr
        assert not source.requests


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_and_a_device_stays_one(variables: dict[str, str]) -> None:
    with simulator([record(1)]) as (_, url):
        done = manage(
            "buscar", "--ufs", "SP", "--setor", "alimentos", "--saida", "/dev/full",
            PNCP_BASE_URL=url, **variables,
        )  # fmt: skip
    assert done.returncode == 1
    assert "CommandError: /dev/full não pôde ser escrito" in done.stderr
    assert "Traceback" not in done.stderr
    assert Path("/dev/full").is_char_device()


def test_one_is_said_as_one_and_nothing_is_left_beside_the_file(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    output = tmp_path / "made" / "f.xlsx"
    output.parent.mkdir()
    output.write_bytes(b"older")
    asked = ("buscar", "--ufs", "SP", "--setor", "alimentos", "--de", "2026-08-01",
             "--ate", "2026-08-20", "--saida", str(output))  # fmt: skip
    with simulator([record(1, object=FOOD)], faults="down") as (_, url):
        failed = manage(*asked, PNCP_BASE_URL=url, **variables)
        assert failed.returncode == 1
        assert output.read_bytes() == b"older"
        assert os.listdir(output.parent) == ["f.xlsx"]
    with simulator([record(1, object=FOOD)]) as (_, url):
        done = manage(*asked, PNCP_BASE_URL=url, **variables)
    assert "1 encontrada em 1 lida\n" in done.stdout
    assert len(rows_of(output)) == 1
    assert os.listdir(output.parent) == ["f.xlsx"]


@pytest.fixture
def ctrl_c_heard() -> Iterator[None]:
    """What a shell starts with `&` ignores Ctrl-C, and all that it starts in turn does too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def stopped(number: int, *arguments: str, **variables: str) -> tuple[int, str]:
    """Stop a command by a signal while it reads; return its exit status and what it said."""
    records = [record(n) for n in range(1, 3000)]
    with simulator(records, latency_seconds=0.5) as (source, url):
        given = environment(SECRET_KEY="test", PNCP_BASE_URL=url, PNCP_CONCURRENCY="1", **variables)
        with subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as reading:  # fmt: skip
            try:
                deadline = time.monotonic() + 60
                while len(source.requests) < 2 and time.monotonic() < deadline:
                    time.sleep(0.05)  # nobody tells when the source is asked
                reading.send_signal(number)
                _, errors = reading.communicate(timeout=10)
            finally:
                reading.kill()
        assert len(source.requests) < 20
    return reading.returncode, errors


def only_value(path: Path, query: str) -> object:
    with contextlib.closing(sqlite3.connect(path)) as database:
        (value,) = database.execute(query).fetchone()
    return value


@pytest.mark.usefixtures("ctrl_c_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_cancel_the_search(
    tmp_path: Path, variables: dict[str, str], number: int
) -> None:
    output = tmp_path / "made" / "f.xlsx"
    output.parent.mkdir()
    status, errors = stopped(
        number, "buscar", "--ufs", "SP", "--setor", "alimentos", "--de", "2026-08-01",
        "--ate", "2026-08-20", "--saida", str(output), **variables,
    )  # fmt: skip
    assert status == 1
    assert errors.strip().endswith("Busca cancelada.")
    assert "Traceback" not in errors
    assert os.listdir(output.parent) == []
    database = tmp_path / "terminal.sqlite3"
    assert only_value(database, "SELECT status FROM searches_search") == "cancelled"


@pytest.mark.usefixtures("ctrl_c_heard")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_give_back_what_was_being_read_ahead(
    tmp_path: Path, variables: dict[str, str], number: int
) -> None:
    status, errors = stopped(number, "sincronizar", "--dias", "90", "--ufs", "SP", **variables)
    assert status == 1
    assert errors == "CommandError: Leitura interrompida. O que foi lido está guardado.\n"
    database = tmp_path / "terminal.sqlite3"
    assert only_value(database, "SELECT count(*) FROM searches_pagelease") == 0


#: A table that takes no claims: run_search raises, with the search as it was.
TAKES_NO_CLAIM = """
CREATE TRIGGER full BEFORE UPDATE OF worker ON searches_search
BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END
"""


def test_a_search_that_was_left_is_said_and_does_not_hang(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "terminal.sqlite3")) as database:
        database.execute(TAKES_NO_CLAIM)
    done = manage("buscar", "--ufs", "SP", "--setor", "alimentos", **variables)
    assert done.returncode == 1
    assert done.stderr.strip().endswith(
        "A busca parou antes do fim. O que foi lido está guardado: repita-a."
    )


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("buscar --ufs XX --setor alimentos", "não é uma sigla de estado"),
        ("buscar --ufs SP", "Escolha um setor"),
        ("buscar --ufs SP --setor alimentos --dias 0", "--dias"),
        ("buscar --ufs SP --setor alimentos --saida /nowhere/f.xlsx", "não existe"),
        ("sincronizar --ufs XX", "não é sigla"),
        ("sincronizar --dias 367", "use de 1 a 366"),
        ("sincronizar --modalidades 6,²", "--modalidades: ² não é código"),
        ("serve --host 203.0.113.1", "use --host"),  # an address of examples, nobody's
        ("serve --host x..y", "use --host"),
        ("serve --port x", "use --port"),
    ],
)
def test_bad_arguments_are_said_in_one_line(
    variables: dict[str, str], command: str, text: str
) -> None:
    done = manage(*command.split(), **variables)
    assert done.returncode == 1
    assert text in done.stderr
    assert "Traceback" not in done.stderr


def test_what_was_synchronised_is_not_fetched_by_a_search(variables: dict[str, str]) -> None:
    with simulator() as (source, url):
        done = manage("sincronizar", "--dias", "3", PNCP_BASE_URL=url, **variables)
        assert done.returncode == 0, done.stderr
        asked = len(source.requests)
        assert asked > 4
        assert all("uf" not in request.params for request in source.requests)
        assert re.search(r"^BR: [1-9][0-9.]* lidas ", done.stdout, re.MULTILINE)
        done = manage(
            "buscar", "--ufs", "SP,RJ,AC", "--setor", "alimentos", "--dias", "3",
            PNCP_BASE_URL=url, **variables,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert len(source.requests) == asked
        assert not done.stdout.startswith("0 encontradas")


def test_a_country_with_a_notice_of_nowhere_is_synchronised_by_states(
    variables: dict[str, str],
) -> None:
    day = (datetime.now(BRASILIA) - timedelta(days=1)).date().isoformat()
    records = [record(n, day=day, uf="SP" if n % 2 else "AC") for n in range(1, 21)]
    records[0]["unidadeOrgao"] = None
    with simulator(records) as (source, url):
        ask = ("--dias", "3", "--modalidades", "6")
        done = manage("sincronizar", *ask, PNCP_BASE_URL=url, **variables)
        assert done.returncode == 0, done.stderr
        assert "BR: 1 registro ilegível: lendo por estado." in done.stdout
        asked = len(source.requests)
        done = manage(
            "buscar", "--ufs", "SP,RJ,AC", "--setor", "alimentos", *ask,
            PNCP_BASE_URL=url, **variables,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert len(source.requests) == asked
        assert "19 encontradas" in done.stdout


def test_what_could_not_be_synchronised_is_said_as_the_end_of_the_sentence(
    variables: dict[str, str],
) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = manage("sincronizar", PNCP_BASE_URL=url, **variables)
    assert done.returncode == 1
    assert "O país não foi lido: o PNCP não respondeu" in done.stderr
    done = manage("sincronizar", "--ufs", "AC", PNCP_BASE_URL=url, **variables)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("Acre não foi lida: o PNCP não respondeu à página 1")


@pytest.mark.parametrize(
    "arguments",
    [
        ["createsuperuser", "--noinput", "--username", "root", "--email", "root@bidiq.example"],
        ["manter_exportacoes"],
    ],
)
def test_it_works_before_the_first_start(tmp_path: Path, arguments: list[str]) -> None:
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path / 'new.sqlite3'}"}
    done = manage(*arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    if arguments[0] == "createsuperuser":
        assert manage("create_api_token", "root", **variables).returncode == 0


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("sqlite:///{}/missing/x.db", "unable to open"),
        ("sqlite:///{}/foreign", "not a database"),
        ("postgres://u:secret@127.0.0.1:{port}/d?foo=bar", "foo"),
        ("postgres://u:secret@127.0.0.1:{port}/d?connect_timeout=abc", "connect_timeout"),
        ("postgres://u:secret@127.0.0.1:{port}/d?isolation_level=abc", "refused"),
        ("postgres://u:secret@127.0.0.1:{port}/d", "refused"),
    ],
)
def test_a_database_that_cannot_be_opened_is_said_in_one_line(
    tmp_path: Path, address: str, why: str
) -> None:
    (tmp_path / "foreign").write_text("a file of somebody else's\n" * 100)
    address = address.format(tmp_path, port=free_port())
    done = manage("serve", "--port", str(free_port()), DATABASE_URL=address, REDIS_URL="")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "DATABASE_URL" in done.stderr
    assert why in done.stderr
    assert "secret" not in done.stderr
    assert os.listdir(tmp_path) == ["foreign"]


def test_a_database_without_a_place_for_tables_is_said_in_one_line() -> None:
    with servers.postgresql() as database:
        address = f"{database.url}?options=-c%20search_path%3Dnosuch"
        done = manage("serve", "--port", str(free_port()), DATABASE_URL=address)
    assert done.returncode == 1
    assert done.stderr == (
        "CommandError: bidiq: DATABASE_URL: o banco de dados não pôde ser aberto: "
        "no schema has been selected to create in\n"
    )


def test_a_taken_port_is_said_in_one_line(variables: dict[str, str]) -> None:
    with simulator([]) as (_, url):
        done = manage("serve", "--port", url.rpartition(":")[2], **variables)
    assert done.returncode == 1
    assert done.stderr.strip().count("\n") == 0
    assert "porta" in done.stderr

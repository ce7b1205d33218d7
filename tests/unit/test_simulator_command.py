"""`manage.py pncp_simulator` as a process."""

import asyncio
import gzip
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest
from django.core.management import CommandError, call_command

from searches.pncp.simulator_records import FileRecords
from tests.unit.pncp_support import SHARED, record, records

ROOT = Path(__file__).resolve().parents[2]
PACKED = gzip.compress(b"\n".join(orjson.dumps(record) for record in records(3)), mtime=0)


@asynccontextmanager
async def process(*options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "pncp_simulator",
        *options,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def first_line(started: asyncio.subprocess.Process) -> str:
    assert started.stdout is not None
    return (await asyncio.wait_for(started.stdout.readline(), timeout=60)).decode()


async def failure(*options: str) -> tuple[int | None, str]:
    async with process(*options) as started:
        _, errors = await asyncio.wait_for(started.communicate(), timeout=60)
        return started.returncode, errors.decode()


async def test_it_says_its_address_serves_a_file_and_stops_at_once(tmp_path):
    path = tmp_path / "f.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n".join(orjson.dumps(record) for record in records(3))))
    options = (
        "--port",
        "0",
        "--data",
        str(path),
        "--now",
        "2026-11-24",
        "--faults",
        "timeout:page=2",
    )
    async with process(*options) as started:
        line = await first_line(started)
        match = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert match is not None
        assert "3 registros" in line
        url = f"{match[0]}/v1/contratacoes/proposta?dataFinal=20271124&pagina="
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}1") as response:
                assert (await response.json())["totalRegistros"] == 3
            held = asyncio.create_task(session.get(f"{url}2"))
            await asyncio.sleep(0.2)
            started.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(started.wait(), timeout=10) == 0
            with pytest.raises(aiohttp.ClientError):
                await held


async def test_it_serves_the_real_records():
    path = SHARED / "contratacoes.jsonl.gz"
    if not path.exists():
        pytest.skip("the real records (shared/pncp) are not beside the repository")
    async with process("--port", "0", "--data", str(path)) as started:
        assert "973 registros" in await first_line(started)


async def test_a_taken_port_is_one_line_and_status_1():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        status, errors = await failure("--port", port)
    assert status == 1
    assert port in errors
    assert errors.count("\n") == 1


async def test_a_bad_file_is_one_line_and_status_2(tmp_path):
    path = tmp_path / "f.jsonl"
    path.write_bytes(b'{"numeroControlePNCP": "x"}\n{oops')
    status, errors = await failure("--data", str(path))
    assert (status, errors.count("\n")) == (2, 1)
    assert "linha 2" in errors


def test_a_file_is_read_packed_or_not_in_the_order_of_publication(tmp_path):
    days = ["2026-11-18T09:00:00", "2026-11-17T09:00:00"]
    lines = [orjson.dumps(record(dataPublicacaoPncp=day)) for day in days]
    plain, packed = tmp_path / "f.jsonl", tmp_path / "f.jsonl.gz"
    plain.write_bytes(b"\n\n".join(lines) + b"\n")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, packed):
        read = FileRecords.read(path).records
        assert [entry["dataPublicacaoPncp"] for entry in read] == days[::-1]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "No such file"),
        (b"", "nenhum registro"),
        (b"[1]", "linha 1"),
        (b"\x1f\x8bnot gzip", "f.jsonl"),
        (PACKED[:12] + b"\xff" * 8 + PACKED[20:], "f.jsonl"),
    ],
)
def test_a_bad_file_is_said_with_its_reason(tmp_path, content, expected):
    path = tmp_path / "f.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=expected) as caught:
        call_command("pncp_simulator", data=path)
    assert caught.value.returncode == 2


@pytest.mark.parametrize(
    ("spec", "said"),
    [("500:cor=azul", "cor=azul"), ("down:uf=ZZ", "down: 'ZZ' não é sigla de estado")],
)
def test_a_bad_specification_is_said_with_its_reason(spec, said):
    with pytest.raises(CommandError, match=said) as caught:
        call_command("pncp_simulator", faults=spec)
    assert caught.value.returncode == 2


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--port=x", "--port: de 0 a 65535"),
        ("--port=-1", "--port: de 0 a 65535"),
        ("--now=xx", "--now: um momento, como 20"),
    ],
)
def test_a_bad_option_is_said_in_portuguese(option, said):
    with pytest.raises(CommandError, match=said):
        call_command("pncp_simulator", option)


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "muito"])
@pytest.mark.parametrize("option", [("pncp_simulator", "--latency-ms"), ("worker", "--espera")])
def test_seconds_are_a_number_from_0_on(option, text):
    command, name = option
    with pytest.raises(CommandError, match=f"{name}: um número a partir de 0"):
        call_command(command, f"{name}={text}")


async def test_the_help_explains_the_faults():
    async with process("--help") as started:
        output, _ = await asyncio.wait_for(started.communicate(), timeout=60)
    assert "429:every=10;retry_after=2" in output.decode()

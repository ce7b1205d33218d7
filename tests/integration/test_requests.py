"""Requests over a real server, byte by byte: no body without an end, each one logged as itself."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from bidiq.server import MOST_BODY_BYTES
from tests import processes

FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Process]:
    with processes.site(tmp_path_factory.mktemp("bodies")) as served:
        yield served


def head(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *headers, "", ""]).encode()


def chunks(count: int, *, size: int = 65536) -> Iterator[bytes]:
    for _ in range(count):
        yield b"%x\r\n" % size + b"x" * size + b"\r\n"


def answer_to(site: processes.Process, *pieces: bytes) -> bytes:
    """Send pieces and return all that comes until the site ends the connection."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
        for piece in pieces:
            client.sendall(piece)
        said = b""
        while piece := client.recv(65536):
            said += piece
    return said


def assert_refused(said: bytes, *, kind: bytes) -> bytes:
    assert said.startswith(b"HTTP/1.1 413 "), said
    headers, _, body = said.partition(b"\r\n\r\n")
    assert b"Connection: close" in headers
    assert b"Content-Type: " + kind in headers
    assert f"Content-Length: {len(body)}".encode() in headers
    return body


def test_a_length_that_is_too_large_is_refused_before_anything_is_sent(
    site: processes.Process,
) -> None:
    long = f"Content-Length: {MOST_BODY_BYTES + 1}"
    body = assert_refused(answer_to(site, head("/buscas/", FORM, long)), kind=b"text/plain")
    assert body.decode() == "O corpo do pedido passa de 4 MB."
    said = answer_to(site, head("/api/buscar", long, "Expect: 100-continue"))
    error = json.loads(assert_refused(said, kind=b"application/json"))["error"]
    assert error == {"code": "request.too_large", "message": "O corpo do pedido passa de 4 MB."}
    # Nobody is let on to the socket by another way.
    upgrade = ("Upgrade: websocket", "Connection: Upgrade")
    assert_refused(answer_to(site, head("/ws/nothing/", long, *upgrade)), kind=b"text/plain")


def test_who_sends_all_the_same_gets_the_answer_and_nothing_is_stored(
    site: processes.Process,
) -> None:
    size = 16 * MOST_BODY_BYTES
    sent = [head("/buscas/", FORM, f"Content-Length: {size}"), *[b"x" * 2**20] * (size // 2**20)]
    sent.append(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")  # hears no other request
    assert_refused(answer_to(site, *sent), kind=b"text/plain")


def test_a_body_in_pieces_is_refused_once_it_is_too_large(site: processes.Process) -> None:
    assert site.popen is not None
    start = head("/api/buscar", "Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
        client.sendall(start)
        for chunk in chunks(MOST_BODY_BYTES // 65536 + 1):
            client.sendall(chunk)
        said = client.recv(65536)  # without its end
        files = Path(f"/proc/{site.popen.pid}/fd").iterdir()
        kept = [os.readlink(file) for file in files if file.is_symlink()]
        assert not [name for name in kept if name.startswith("/tmp/") and "(deleted)" in name]
    assert_refused(said, kind=b"application/json")
    whole = [start, *chunks(2, size=MOST_BODY_BYTES), b"0\r\n\r\n"]  # its end in the same breath
    assert_refused(answer_to(site, *whole), kind=b"application/json")


def test_what_is_only_somewhat_too_large_is_for_django_to_refuse(site: processes.Process) -> None:
    headers = {"Authorization": f"Bearer {processes.make_user_token(site)}"}
    body = "x" * (MOST_BODY_BYTES - len('""'))
    status, _, answer = site.request("POST", "/api/buscar", body=body, headers=headers)
    assert (status, json.loads(answer)["error"]["message"]) == (413, "O corpo passa de 1 MB.")


def test_a_whole_url_may_be_asked_for_as_proxies_do(site: processes.Process) -> None:
    def get(target: str, host: str = "localhost") -> bytes:
        lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: close", "", ""]
        return answer_to(site, "\r\n".join(lines).encode())

    assert get("http://localhost/api/ufs?a=1").startswith(b"HTTP/1.1 200 ")
    assert get("HTTP://localhost").startswith(b"HTTP/1.1 200 ")
    assert get("http://localhost/api/ufs", host="evil.example").startswith(b"HTTP/1.1 200 ")
    assert get("http://evil.example/api/ufs").startswith(b"HTTP/1.1 400 ")
    assert get("ftp://localhost/api/ufs").startswith(b"HTTP/1.1 404 ")
    long = f"Content-Length: {MOST_BODY_BYTES + 1}"
    said = answer_to(site, head("http://localhost/api/buscar", long))
    assert_refused(said, kind=b"application/json")


def test_every_status_is_said_by_its_name(site: processes.Process) -> None:
    token = processes.make_user_token(site, "bob")
    bearer = f"Authorization: Bearer {token}"
    long = ("Content-Type: application/json", "Content-Length: 2", "Connection: close")
    said = answer_to(site, head("/api/buscar", bearer, *long), b"{}")
    assert said.startswith(b"HTTP/1.1 422 Unprocessable Entity\r\n"), said


def test_what_is_said_of_a_request_has_no_other_ones_search(site: processes.Process) -> None:
    """Also of one that comes in the same breath as the one before."""
    search_id = str(uuid4())
    get = "GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n"
    pair = get.format(f"/buscas/{search_id}/", "") + get.format(
        "/nothing-here", "Connection: close\r\n"
    )
    assert answer_to(site, pair.encode()).count(b"HTTP/1.1 404") == 2
    assert f"[{search_id}] Not Found: /buscas/" in site.log
    assert "[-] Not Found: /nothing-here" in site.log

"""The environment: absent is fine, wrong stops the start with one line that names the variable."""

import errno
import os
import re
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from bidiq import env, redis_url
from bidiq.management.commands import serve
from tests.processes import ROOT, environment, free_port


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "talvez"),
        ("DATABASE_URL", "mysql://x/y"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_URL", "http://x"),
        ("PNCP_BASE_URL", "ftp://x"),
        ("PNCP_BASE_URL", "http://x:port"),
        ("PNCP_RATE_PER_MINUTE", "rápido"),
        ("PNCP_RATE_PER_MINUTE", "0"),
        ("PNCP_RATE_PER_MINUTE", "nan"),
        ("PNCP_CONCURRENCY", "1.5"),
        ("PNCP_TIMEOUT_SECONDS", "-1"),
        ("BIDIQ_RUNNER", "celery"),
        ("BIDIQ_SIGNED_URL_SECONDS", "x"),
        ("BIDIQ_EXPORT_RETENTION_DAYS", "-1"),
        ("BIDIQ_SEARCHES_PER_MINUTE", "0"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("SECRET_KEY_FILE", "/nowhere/at/all"),
        ("SECRET_KEY_FILE", "/dev/null"),
        ("DATABASE_URL", "sqlite://"),
        ("REDIS_URL", "unix://"),
        ("REDIS_URL", "redis://localhost/first"),
        ("REDIS_URL", "redis://localhost/0?protocol=9"),
        ("PNCP_BASE_URL", "http://x/consulta?y=1"),
        ("PNCP_BASE_URL", "http://x/#y"),
        ("ALLOWED_HOSTS", "localhost,http://x"),
        ("CSRF_TRUSTED_ORIGINS", "example.com"),
        ("AWS_STORAGE_BUCKET_NAME", "A b!"),
        ("AWS_STORAGE_BUCKET_NAME", "ab"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "xx"),
        ("PNCP_CONCURRENCY", "４"),
        ("PNCP_TIMEOUT_SECONDS", "６０"),
        ("BIDIQ_DATABASE_POOL_SIZE", "abc"),
        ("DATABASE_URL", "sqlite:////tmp/x.sqlite3?foo=bar"),
        ("PNCP_BASE_URL", "http://a b/c"),
        ("PNCP_BASE_URL", "http://a/b c"),
        ("DEFAULT_FROM_EMAIL", "not an address"),
        ("DEFAULT_FROM_EMAIL", "Prefeitura, SP <x@y>"),
    ],
)
def test_a_bad_value_stops_the_start_with_one_line(name, value):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment(**{name: value}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert name in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("url", ["https://pncp.gov.br/api/consulta", "http://PNCP.gov.br:80/x/"])
def test_what_the_real_source_says_is_no_demonstration(url):
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment(BIDIQ_DEMO="1", PNCP_BASE_URL=url),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "BIDIQ_DEMO" in done.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://h/0?nonsense=1", "not nonsense"),
        ("redis://h/0?db=1&encoding=foo&retry=x", "not encoding, retry"),
        ("redis://h/0?protocol=9", "not protocol"),
        ("redis://h?db=x", "db"),
        ("redis://h?db=", "db"),
        ("redis://h?db=1&db=2", "once"),
        ("redis://h/0#1", "without #"),
        ("redis://h?socket_timeout=nan", "socket_timeout"),
        ("redis://h?socket_connect_timeout=0", "socket_connect_timeout"),
        ("redis://h?socket_keepalive=off", "socket_keepalive"),
        ("redis://h?max_connections=0", "max_connections"),
        ("redis://h?client_name=a%20b", "client_name"),
        ("redis://h?ssl_cert_reqs=none", "scheme"),
        ("rediss://h?ssl_cert_reqs=bogus", "ssl_cert_reqs"),
        ("rediss://h?ssl_ca_certs=/nowhere", "certificates"),
        ("rediss://h?ssl_certfile=/dev/null", "certificates"),
        ("rediss://h?ssl_keyfile=/dev/null", "ssl_certfile"),
    ],
)
def test_an_option_that_redis_could_not_be_used_with_is_named(url, said):
    with pytest.raises(env.BadEnvironment, match=rf"REDIS_URL is not usable: .*{said}") as stopped:
        redis_url.checked(url)
    assert "\n" not in str(stopped.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://a:b@h:1/2?client_name=site&health_check_interval=0&max_connections=50",
        "redis://h?db=2&username=a&password=b&socket_timeout=0.5&socket_connect_timeout=2",
        "redis://h?socket_keepalive=True",
        "rediss://h/0?ssl_cert_reqs=none&ssl_check_hostname=false",
        "unix:///run/redis.sock?db=1",
    ],
)
def test_the_options_of_redis_that_make_sense_are_taken_as_they_are(url):
    assert redis_url.checked(url) == url


def test_a_secret_may_come_from_a_file(tmp_path: Path, monkeypatch):
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("SECRET_KEY", raising=False)
    assert env.text("SECRET_KEY") == "s3cret"


@pytest.fixture
def kept_key(tmp_path: Path) -> Path:
    """Where the key of a machine of its own is kept."""
    return tmp_path / "var" / "secret_key"


def no_hard_links(source, target):
    raise OSError(errno.EOPNOTSUPP, "no hard links here")


@pytest.mark.parametrize("link", [os.link, no_hard_links])
def test_a_key_is_made_once(kept_key, monkeypatch, link):
    monkeypatch.setattr(os, "link", link)
    key = env.kept_key(kept_key)
    assert env.kept_key(kept_key) == key
    assert kept_key.stat().st_mode & 0o777 == 0o600


def test_two_first_starts_at_once_agree_on_one_key(kept_key, monkeypatch):
    made, others = secrets.token_urlsafe, []

    def while_another_starts(length: int) -> str:
        monkeypatch.setattr(secrets, "token_urlsafe", made)
        others.append(env.kept_key(kept_key))
        return made(length)

    monkeypatch.setattr(secrets, "token_urlsafe", while_another_starts)
    key = env.kept_key(kept_key)
    assert len(key) >= 50
    assert [key, key] == [*others, env.kept_key(kept_key)]
    assert kept_key.stat().st_mode & 0o777 == 0o600
    assert list(kept_key.parent.iterdir()) == [kept_key]


def test_an_empty_key_is_said_and_not_replaced_at_each_start(kept_key):
    kept_key.parent.mkdir()
    kept_key.touch()
    with pytest.raises(env.BadEnvironment, match=f"{kept_key} is not usable.*delete it"):
        env.kept_key(kept_key)


def test_absent_means_the_default(monkeypatch):
    monkeypatch.setenv("EMPTY", "  ")
    assert env.text("EMPTY", "x") == "x"
    assert env.boolean("EMPTY", True) is True
    assert env.integer("EMPTY", 3, minimum=1, maximum=5) == 3
    assert env.words("EMPTY", ("a",)) == ["a"]
    assert env.url("EMPTY", "http://a/", schemes=("http",)) == "http://a"


@pytest.fixture
def served(monkeypatch, settings):
    """The site is not served: what it would be served with, and where its mails' links lead."""
    starts = []

    def run(**options) -> None:
        starts.append((options, settings.BIDIQ_PUBLIC_URL))

    monkeypatch.setitem(sys.modules, "bidiq.server", SimpleNamespace(run=run))
    monkeypatch.setattr(serve, "migrate", lambda: None)
    return starts


@pytest.mark.parametrize("given", ["", "https://bidiq.example"])
def test_links_in_mails_lead_to_the_port_that_is_served(served, settings, given):
    settings.BIDIQ_PUBLIC_URL, settings.BIDIQ_PUBLIC_URL_GIVEN = given, bool(given)
    port = free_port()
    call_command("serve", port=port)
    assert served[0][1] == (given or f"http://127.0.0.1:{port}")


def test_an_address_may_be_of_ipv6(served, settings, capsys):
    settings.BIDIQ_PUBLIC_URL_GIVEN = True
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
            port = listener.getsockname()[1]
            with pytest.raises(CommandError, match=r"A porta .* --port"):
                call_command("serve", host="::1", port=port)
    except OSError:
        pytest.skip("no IPv6 on this machine")
    call_command("serve", host="::1", port=port)
    assert served[0][0] == {"host": "::1", "port": port}
    assert f"bidiq em http://[::1]:{port}\n" in capsys.readouterr().out


def test_the_example_names_every_variable():
    settings = (ROOT / "bidiq" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', settings))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert {"DEBUG", "SECRET_KEY", "PNCP_RATE_PER_MINUTE"} <= read
    assert not read - set(re.findall(r"^#?([A-Z0-9_]+)=", example, re.MULTILINE))

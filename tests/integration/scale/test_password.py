"""A database that asks for a password, of which no character is special: as compose.yaml has it."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest
from psycopg import sql

from tests import processes, servers
from tests.integration.scale.cluster import Cluster, until

PASSWORD = "a/b#c+d@e:f%20?h&i'j k"


def said_by_compose(name: str) -> str:
    """Return what compose.yaml gives the site as a variable."""
    compose = (processes.ROOT / "compose.yaml").read_text(encoding="utf-8")
    found = re.search(rf"^    {name}: (.+)$", compose, re.MULTILINE)
    assert found is not None, name
    return re.sub(r"\$\{POSTGRES_PASSWORD[^}]*\}", lambda _: PASSWORD, found[1])


@pytest.mark.timeout(120)
def test_any_password_opens_the_database_to_sites_and_workers(
    installation: Callable[[], AbstractContextManager[Cluster]], postgresql: servers.PostgreSQL
) -> None:
    with installation() as cluster:
        with psycopg.connect(cluster.database_url, autocommit=True) as connection:
            role = "CREATE ROLE bidiq LOGIN SUPERUSER PASSWORD {}"
            connection.execute(sql.SQL(role).format(PASSWORD))
            rules = postgresql.directory / "data" / "pg_hba.conf"
            rules.write_text(f"host all bidiq all scram-sha-256\n{rules.read_text()}")
            connection.execute("SELECT pg_reload_conf()")
        place = cluster.database_url.rpartition("@")[2]
        url = said_by_compose("DATABASE_URL").replace("postgres:5432/bidiq", place)
        until(lambda: is_refused(f"postgres://bidiq:wrong@{place}"))
        variables = {"DATABASE_URL": url, "PGPASSWORD": said_by_compose("PGPASSWORD")}
        web = cluster.web(**variables)
        cluster.worker(**variables)
        assert cluster.ended(cluster.ask(web)) == "complete"  # by pool and queue
        users = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database()"
        assert ("bidiq",) in cluster.rows(users)


def is_refused(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error)
    return False

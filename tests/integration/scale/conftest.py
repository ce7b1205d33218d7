"""Servers for the tests of many processes; one of each for the whole folder."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from tests import servers
from tests.integration.scale.cluster import Cluster, Template, cluster


@pytest.fixture(scope="session")
def postgresql() -> Iterator[servers.PostgreSQL]:
    with servers.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[servers.Valkey]:
    with servers.valkey() as server:
        yield server


@pytest.fixture(scope="session")
def template(postgresql: servers.PostgreSQL) -> Template:
    return Template(postgresql).make()


@pytest.fixture
def installation(
    tmp_path: Path, template: Template
) -> Callable[..., AbstractContextManager[Cluster]]:
    """Make a cluster with a database of its own."""
    return partial(cluster, tmp_path, template)

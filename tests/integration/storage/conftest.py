"""Settings, storages and artifacts for the tests of the exports app."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any, BinaryIO

import pytest
from django.conf import settings as live_settings

from bidiq.logs import Seldom
from exports.breaker import Breaker
from exports.models import Artifact
from exports.services import places, store_artifact
from tests import servers

CONTENT = bytes(range(256)) * 5000  # 1.28 MB: several pieces
BASE = "<title>{% block title %}{% endblock %}</title><main>{% block main %}{% endblock %}</main>"

MakeArtifact = Callable[..., Artifact]
UseObjectStorage = Callable[..., None]


@pytest.fixture(autouse=True)
def _site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own doors and a bare base template: no other app takes part. No shared breaker."""
    settings.ROOT_URLCONF = "tests.integration.storage.urls"
    templates: list[Any] = deepcopy(live_settings.TEMPLATES)
    templates[0].pop("APP_DIRS")
    templates[0]["OPTIONS"]["loaders"] = [
        ("django.template.loaders.locmem.Loader", {"base.html": BASE}),
        "django.template.loaders.filesystem.Loader",
        "django.template.loaders.app_directories.Loader",
    ]
    settings.TEMPLATES = templates
    monkeypatch.setattr(places, "breaker", Breaker(pause_seconds=0.5))
    monkeypatch.setattr(places, "uploads", Breaker(errors=1, pause_seconds=0))
    monkeypatch.setattr("exports.services.storing._may_warn", Seldom())


# For a module, not the session: after its uploads were cut off rclone keeps a core busy.
@pytest.fixture(scope="module")
def _shared_store() -> Iterator[servers.ObjectStore]:
    with servers.object_store() as store:
        yield store


@pytest.fixture
def store(_shared_store: servers.ObjectStore) -> Iterator[servers.ObjectStore]:
    """An S3 server that checks signatures; the test may take it down."""
    _shared_store.start()
    number = len(list((_shared_store.directory / "data").iterdir()))
    _shared_store.bucket = f"excel-reports-{number}"  # a bucket of its own for each test
    yield _shared_store
    _shared_store.start()


@pytest.fixture
def use_object_storage(settings: Any, store: servers.ObjectStore) -> UseObjectStorage:
    """Configure the site to keep files on the server, with options of the test's own."""

    def use(backend: str = "exports.storage.ObjectStorage", **options: Any) -> None:
        defaults = {
            "bucket_name": store.bucket,
            "endpoint_url": store.url,
            "public_endpoint_url": None,
            "region_name": store.region,
            "access_key": store.access_key,
            "secret_key": store.secret_key,
            "querystring_expire": 3600,
        }
        settings.STORAGES = {
            **settings.STORAGES,
            "object_storage": {"BACKEND": backend, "OPTIONS": {**defaults, **options}},
        }

    use()
    return use


@pytest.fixture
def make_artifact(db: None) -> MakeArtifact:
    """Store a small file through the service, as the other apps do."""

    def make(content: bytes = CONTENT, **changes: Any) -> Artifact:
        def write(file: BinaryIO) -> int:
            file.write(content)
            return 3

        arguments: dict[str, Any] = {
            "owner_user": None,
            "owner_visitor": "visitor-1",
            "key": "20261124T030000_3f1c.xlsx",
            "filename": "licitacoes_vestuario_2026-11-24.xlsx",
            "content_type": "application/vnd.test",
            "write": write,
            "retention_days": 30,
            **changes,
        }
        return store_artifact(**arguments)

    return make

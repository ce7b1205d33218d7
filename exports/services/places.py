"""The two storages as configured, names in them, and checksums. Floor 3."""

import hashlib
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import IO

from django.core.files.storage import storages
from django.db.models import Exists, OuterRef
from django.utils import timezone

from exports.breaker import Breaker
from exports.errors import Reason, StorageUnavailable
from exports.models import DATABASE, OBJECT_STORAGE, Artifact, StoredFile
from exports.storage import PIECE_BYTES, DatabaseStorage, ObjectStorage

logger = logging.getLogger("exports")
#: Guards reads of the object storage in this process.
breaker = Breaker()
#: Guards uploads: one that hangs has taken long already, and the database takes the next ones.
uploads = Breaker(errors=1, pause_seconds=30)


def database() -> DatabaseStorage:
    """Return the storage that is always there."""
    storage = storages[DATABASE]
    assert isinstance(storage, DatabaseStorage)  # noqa: S101  (settings are ours)
    return storage


def object_storage() -> ObjectStorage | None:
    """Return the object storage, or None when none is configured."""
    if OBJECT_STORAGE not in storages.backends:
        return None
    storage = storages[OBJECT_STORAGE]
    assert isinstance(storage, ObjectStorage)  # noqa: S101
    return storage


def required_object_storage() -> ObjectStorage:
    """Return the object storage; raises StorageUnavailable when the settings no longer have it."""
    storage = object_storage()
    if storage is None:
        raise StorageUnavailable(reason=Reason.NOT_CONFIGURED)
    return storage


def free_name(alias: str, key: str) -> str:
    """Return the key, or one like it that no row of that storage has; rows outlive their bytes."""
    name, storage = key, storages[alias]
    while Artifact.objects.filter(storage=alias, name=name).exists():
        root, dot, extension = key.rpartition(".")
        name = storage.get_alternative_name(root if dot else key, dot + extension if dot else "")
    return name


def pieces(artifact: Artifact) -> Iterator[bytes]:
    """Yield the bytes of an artifact from where its row says they are.

    Raises FileNotFoundError or StorageUnavailable.
    """
    if artifact.storage == OBJECT_STORAGE:
        yield from required_object_storage().read_pieces(artifact.name)
        return
    with database().open(artifact.name) as file:
        yield from file_pieces(file)


def file_pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield an open file from its beginning."""
    file.seek(0)
    while piece := file.read(PIECE_BYTES):
        yield piece


def measure(content: Iterator[bytes]) -> tuple[int, str]:
    """Return how many bytes there are, and their SHA-256 in hexadecimal."""
    digest, size_bytes = hashlib.sha256(), 0
    for piece in content:
        digest.update(piece)
        size_bytes += len(piece)
    return size_bytes, digest.hexdigest()


def drop_orphans() -> None:
    """Drop bytes in the database that no row points to: a promotion was cut off at its last step.

    Young ones stay: their row may be about to be written.
    """
    referred = Artifact.objects.filter(storage=DATABASE, name=OuterRef("name"))
    old = timezone.now() - timedelta(hours=1)
    for name in StoredFile.objects.filter(~Exists(referred), created_at__lt=old).values_list(
        "name", flat=True
    ):
        database().delete(name)

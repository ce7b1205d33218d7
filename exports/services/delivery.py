"""An artifact goes to somebody: a signed address or bytes, and always a Download row. Floor 3."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.utils import timezone

from bidiq.connections import release_connections
from exports.errors import ArtifactExpired, ArtifactMissing, Reason, StorageUnavailable
from exports.models import DATABASE, OBJECT_STORAGE, Artifact, Download
from exports.services import places
from exports.storage import ObjectStorage

#: What is fetched in pieces is one download when it takes no longer.
PIECES_WITHIN = timedelta(hours=1)
#: So many ask the object storage at once, and who comes then waits so long to be one of them:
#: without end each click on a storage that hangs would be another thread.
_MOST_ASKING, _WAIT_SECONDS = 8, 1.0
_asking = threading.BoundedSemaphore(_MOST_ASKING)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an artifact reaches its visitor."""

    artifact: Artifact
    #: To redirect to; None means that the caller streams the bytes. Never stored, never logged.
    signed_url: str | None = field(default=None, repr=False)


def deliver(
    artifact: Artifact,
    *,
    user: User | AnonymousUser | None,
    visitor: str,
    address: str | None,
    agent: str,
    counts: bool = True,
    is_later_piece: bool = False,
    method: Literal["get_object", "head_object"] = "get_object",
) -> Delivery:
    """Prepare the file for somebody whom the caller has let in, and note it in the audit.

    1. Refuse what has expired.  2. See that the bytes are there.  3. Write the Download row
    (unless `counts` is false: a HEAD; or it is a later piece of what they fetch).  4. Sign.

    Raises ArtifactExpired, ArtifactMissing, or StorageUnavailable with seconds to wait.
    """
    if artifact.is_expired(now=timezone.now()):
        raise ArtifactExpired
    try:
        try:
            signed_url = _reach(artifact, method=method)
        except FileNotFoundError:
            held = (artifact.storage, artifact.name)
            artifact.refresh_from_db()
            if (artifact.storage, artifact.name) == held:
                raise
            signed_url = _reach(artifact, method=method)  # promoted since the caller read the row
    except FileNotFoundError as error:
        places.logger.error("the bytes of artifact %s are missing", artifact.pk)
        raise ArtifactMissing from error
    if counts:
        row = Download(
            artifact=artifact,
            user=user if isinstance(user, User) else None,
            visitor=visitor[:64],
            address=address,
            agent=agent[:300],
            source=artifact.storage,
        )
        with transaction.atomic():
            if not (is_later_piece and _has_begun(row)):
                row.save()
    return Delivery(artifact=artifact, signed_url=signed_url)


def _has_begun(row: Download) -> bool:
    """Return whether they have a row of the same file from lately: of its first piece.

    Pieces that are asked for side by side look one after another.
    """
    Artifact.objects.select_for_update(no_key=True).get(pk=row.artifact_id)
    same = {
        name: getattr(row, name) for name in ("artifact", "user", "visitor", "address", "agent")
    }
    return Download.objects.filter(**same, at__gt=row.at - PIECES_WITHIN).exists()


def _reach(artifact: Artifact, *, method: Literal["get_object", "head_object"]) -> str | None:
    """Return a signed address for an object, None for bytes of the database; see them first."""
    if artifact.storage == DATABASE:
        if places.database().size(artifact.name) != artifact.size_bytes:
            raise FileNotFoundError(artifact.name)
        return None
    storage = places.required_object_storage()
    release_connections()
    with _one_of_few():
        size_bytes = _asked_size(storage, artifact.name)
    if size_bytes != artifact.size_bytes:
        raise FileNotFoundError(artifact.name)
    return storage.signed_url(
        artifact.name,
        filename=artifact.filename,
        content_type=artifact.content_type,
        expires_seconds=settings.BIDIQ_SIGNED_URL_SECONDS,
        method=method,
    )


@contextmanager
def _one_of_few() -> Iterator[None]:
    """Be one of the few who ask; raises StorageUnavailable when those who are hang."""
    if not _asking.acquire(timeout=_WAIT_SECONDS):
        raise StorageUnavailable(
            "Others wait for the object storage.", reason=Reason.TIMEOUT, retry_after_seconds=5
        )
    try:
        yield
    finally:
        _asking.release()


def _asked_size(storage: ObjectStorage, name: str) -> int:
    """Return the size of an object; raises FileNotFoundError, or StorageUnavailable."""
    places.breaker.admit()
    try:
        size_bytes = storage.stat(name)
    except StorageUnavailable as error:
        places.breaker.failed(error.reason)
        raise
    except FileNotFoundError:
        places.breaker.succeeded()
        storage.check()  # the answer is the same when the whole bucket is away: that may pass
        raise
    places.breaker.succeeded()
    return size_bytes


def read_piece(artifact: Artifact, *, start: int, length: int) -> bytes:
    """Return up to `length` bytes of an artifact of the database, a storage's piece at most; empty
    at its end.

    Raises ArtifactMissing, or StorageUnavailable. An artifact that was promoted while a slow client
    reads it is read on from the object storage.
    """
    try:
        return places.database().read(artifact.name, start=start, length=length)
    except FileNotFoundError:
        artifact = Artifact.objects.get(pk=artifact.pk)
    if artifact.storage != OBJECT_STORAGE or artifact.bytes_deleted_at is not None:
        raise ArtifactMissing
    try:
        moved = next(places.required_object_storage().read_pieces(artifact.name, start=start), b"")
    except FileNotFoundError as error:
        raise ArtifactMissing from error
    return moved[:length]

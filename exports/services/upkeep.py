"""Files move to the object storage when it is back, and go when their time is over. Floor 3."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, cast

from django.db.models.functions import Now
from django.utils import timezone

from exports.errors import ArtifactExpired, ArtifactMissing, Reason, StorageUnavailable
from exports.models import DATABASE, OBJECT_STORAGE, Artifact
from exports.services import places
from exports.services.storing import put_object

#: Faults of the storage as a whole, which every other file would meet too.
_WHOLE = {Reason.REFUSED, Reason.TIMEOUT, Reason.BUCKET, Reason.NOT_CONFIGURED}
#: A storage that refuses more than these in a round would refuse them all.
_MOST_REFUSED = 10


@dataclass(frozen=True, slots=True)
class Upkeep:
    """What one round did."""

    done_count: int = 0
    waiting_count: int = 0  # left for the next round: the storage did not answer, or refused them
    missing_count: int = 0  # rows whose bytes are gone or wrong; each is in the log


def promote_pending(*, limit: int = 100) -> Upkeep:
    """Move files that fell back to the database into the object storage, oldest first.

    Stops at the first sign that the storage is still down; a file that it refuses is passed over.
    Any number of processes may do it.
    """
    storage = places.object_storage()
    if storage is None:
        return Upkeep()
    done = missing = 0
    refusals = _Refusals()
    pending = list(Artifact.objects.pending().order_by("created_at")[:limit])
    try:
        if pending:
            storage.check(makes_bucket=True)  # what is wrong here is no single file's fault
        for artifact in pending:
            with refusals.passed_over(artifact):
                try:
                    done += promote(artifact)
                except ArtifactMissing:
                    missing += 1
    except StorageUnavailable as error:
        places.logger.info("promotion waits: object storage %s", error.reason.value)
    waiting = max(0, Artifact.objects.pending().count() - missing)
    return Upkeep(done_count=done, waiting_count=waiting, missing_count=missing)


class _Refusals:
    """Leaves files that the storage refuses to the next round, so many in one; raises the rest."""

    def __init__(self) -> None:
        self._count = 0

    @contextmanager
    def passed_over(self, artifact: Artifact) -> Iterator[None]:
        try:
            yield
        except StorageUnavailable as error:
            self._count += 1
            if error.reason in _WHOLE or self._count > _MOST_REFUSED:
                raise
            why = error.reason.value
            places.logger.info("artifact %s waits: object storage %s", artifact.pk, why)


def promote(artifact: Artifact) -> bool:
    """Move one artifact to the object storage; False when another process was faster.

    1. Upload (or find the object of a promotion that was cut off).
    2. Read it back: size and checksum must be those of the row.
    3. Switch the row, only if it still points to the database.
    4. Drop the bytes in the database.
    Cut off at any point, the row points to one good copy.

    Raises StorageUnavailable, or ArtifactMissing when the bytes in the database are gone or wrong.
    """
    storage = places.required_object_storage()
    kept_name = artifact.name
    if artifact.storage != DATABASE or artifact.bytes_deleted_at is not None:
        return False
    storage.check(makes_bucket=True)
    try:
        if not _is_whole(artifact):
            raise FileNotFoundError(kept_name)
        name = _find_object(artifact)
        if name is None:
            with places.database().open(kept_name) as file:
                name = put_object(storage, artifact, kept_name, cast(BinaryIO, file))
            if not _is_same(artifact, name):
                # Left there: another process may be writing it at this moment, and rely on it. The
                # next round writes over it.
                raise StorageUnavailable("The object is not what was sent.", reason=Reason.SERVER)
    except FileNotFoundError:
        artifact.refresh_from_db()
        if artifact.storage != DATABASE or artifact.bytes_deleted_at is not None:
            return False  # another process has moved it, and dropped these bytes
        places.logger.error("the bytes of artifact %s are missing or wrong", artifact.pk)
        raise ArtifactMissing from None
    moved = Artifact.objects.filter(
        pk=artifact.pk, storage=DATABASE, name=kept_name, bytes_deleted_at=None
    ).update(storage=OBJECT_STORAGE, name=name, promoted_at=Now())
    if not moved:
        artifact.refresh_from_db()
        if (artifact.storage, artifact.name) != (OBJECT_STORAGE, name):
            storage.delete(name)
        return False
    places.breaker.succeeded()
    artifact.refresh_from_db()
    places.database().delete(kept_name)
    return True


def _find_object(artifact: Artifact) -> str | None:
    """Return the name of a good object that no row has yet: a promotion was cut off after it."""
    name = artifact.name
    if Artifact.objects.filter(storage=OBJECT_STORAGE, name=name).exists():
        return None
    return name if _is_same(artifact, name) else None


def _is_same(artifact: Artifact, name: str) -> bool:
    try:
        content = places.required_object_storage().read_pieces(name)
        return places.measure(content) == (artifact.size_bytes, artifact.sha256)
    except FileNotFoundError:
        return False


def expire_due(*, now: datetime | None = None, limit: int = 500) -> Upkeep:
    """Delete the bytes of every artifact past its retention; the row stays for the audit.

    Bytes first, then the row's mark: cut off between, the next round does it again. Objects wait
    for it at the first sign that their storage is down; one that it refuses to delete waits alone.
    """
    moment = now or timezone.now()
    done = 0
    refusals = _Refusals()
    due = Artifact.objects.filter(expires_at__lte=moment, bytes_deleted_at=None)
    # Apart, each with its own limit: objects that wait must not stand before the others.
    for artifact in due.exclude(storage=OBJECT_STORAGE).order_by("expires_at")[:limit]:
        expire(artifact, now=moment)
        done += 1
    objects = due.filter(storage=OBJECT_STORAGE)
    try:
        for artifact in objects.order_by("expires_at")[:limit]:
            with refusals.passed_over(artifact):
                expire(artifact, now=moment)
                done += 1
    except StorageUnavailable as error:
        places.logger.info("retention waits: object storage %s", error.reason.value)
    places.drop_orphans()
    return Upkeep(done_count=done, waiting_count=objects.count())


def expire(artifact: Artifact, *, now: datetime) -> None:
    """Delete the bytes of one artifact now, whatever its retention. Raises StorageUnavailable."""
    if artifact.bytes_deleted_at is not None:
        return
    if artifact.storage == OBJECT_STORAGE:
        places.required_object_storage().delete(artifact.name)
    else:
        places.database().delete(artifact.name)
    Artifact.objects.filter(pk=artifact.pk, storage=artifact.storage, name=artifact.name).update(
        bytes_deleted_at=now
    )


def verify(artifact: Artifact) -> bool:
    """Read the whole file and return whether its size and checksum are those of the row.

    Missing bytes are False too. Raises ArtifactExpired and StorageUnavailable.
    """
    if artifact.bytes_deleted_at is not None:
        raise ArtifactExpired
    is_good = _is_whole(artifact)
    if not is_good:
        places.logger.error("the bytes of artifact %s are missing or wrong", artifact.pk)
    return is_good


def _is_whole(artifact: Artifact) -> bool:
    try:
        return places.measure(places.pieces(artifact)) == (artifact.size_bytes, artifact.sha256)
    except FileNotFoundError:
        return False

"""A file is made and kept: in the object storage if there is one, or in the database. Floor 3."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, Literal

from django.conf import settings
from django.contrib.auth.models import User
from django.db import Error, transaction
from django.db.models import Q
from django.db.models.functions import Now

from bidiq.connections import release_connections
from bidiq.logs import Seldom
from exports.errors import ArtifactNotMade, ArtifactTooLarge, Reason, StorageUnavailable
from exports.models import DATABASE, OBJECT_STORAGE, Artifact
from exports.services import places
from exports.storage import ObjectStorage, write_whole

TRIES = 2
#: Another try of these would only make the owner wait longer for the same answer.
_FINAL = {Reason.PERMISSION, Reason.TIMEOUT, Reason.BUCKET}
#: The next file would meet these too, and wait as long for it.
_AWAY = {Reason.TIMEOUT, Reason.REFUSED}

_may_warn = Seldom()


@dataclass(frozen=True, slots=True)
class StorageHealth:
    """How the storage does, for /readyz and the page."""

    mode: Literal["object_storage", "database"]
    state: str  # "ok", or a Reason
    #: Files in the database that wait for the object storage; None when that could not be asked.
    pending_count: int | None


def store_artifact(
    *,
    owner_user: User | None,
    owner_visitor: str,
    key: str,
    filename: str,
    content_type: str,
    write: Callable[[BinaryIO], int],
    retention_days: int,
) -> Artifact:
    """Make a file and keep it; the row is written last, so that no row ever lies.

    1. `write` fills a temporary file and returns how many rows it has.
    2. The object storage gets it, if one is configured, under `key` or a name like it.
    3. If it cannot, or could not a moment ago, the database gets it and the row says why;
       `promote_pending` moves it later.

    Raises ArtifactNotMade when the temporary file meets an OSError, ArtifactTooLarge when the
    database is its place and would have to take more than BIDIQ_DATABASE_FILE_LIMIT_BYTES,
    StorageUnavailable when it is too large to fall back, and whatever else `write` raises.
    """
    file, rows = _written(write)
    with file:
        size_bytes, sha256 = places.measure(places.file_pieces(file))
        now = Now()  # of the database: the clocks of those who make files are not equal
        artifact = Artifact(
            owner_user=owner_user,
            owner_visitor=owner_visitor,
            filename=filename,
            content_type=content_type,
            size_bytes=size_bytes,
            sha256=sha256,
            rows=rows,
            created_at=now,
            expires_at=now + timedelta(days=retention_days),
        )
        storage = places.object_storage()
        if storage is not None:
            try:
                artifact.name = _save_object(storage, artifact, key, file)
            except StorageUnavailable as error:
                if not _fits_in_database(artifact):
                    raise  # for its own place it is not too large: another time it may be kept
                artifact.fallback_reason = error.reason.value
                _warn(error.reason.value)
            else:
                artifact.storage = OBJECT_STORAGE
                _insert(artifact)
                return artifact
        _save_in_database(artifact, key, file)
    return artifact


def _written(write: Callable[[BinaryIO], int]) -> tuple[BinaryIO, int]:
    """Return a temporary file that `write` has filled, and its rows. Raises ArtifactNotMade."""
    try:
        with ExitStack() as stack:
            file = stack.enter_context(tempfile.TemporaryFile())
            rows = write(file)
            file.flush()  # what does not fit is known here, not at some later seek
            stack.pop_all()
    except OSError as error:  # of closing too: it tries once more to write what did not fit
        raise ArtifactNotMade(str(error)) from error
    return file, rows


def _save_object(storage: ObjectStorage, artifact: Artifact, key: str, file: BinaryIO) -> str:
    if _fits_in_database(artifact):
        places.uploads.admit()  # a larger one has no other place to go to
    for is_last in (number == TRIES for number in range(1, TRIES + 1)):
        try:
            name = put_object(storage, artifact, key, file)
        except StorageUnavailable as error:
            if is_last or error.reason in _FINAL:
                raise
        else:
            places.breaker.succeeded()
            return name
    raise AssertionError("unreachable")


def put_object(storage: ObjectStorage, artifact: Artifact, key: str, file: BinaryIO) -> str:
    """Upload the bytes of an artifact and return the name they got; raises StorageUnavailable."""
    wanted = places.free_name(OBJECT_STORAGE, key)
    release_connections()
    try:
        name = write_whole(storage, wanted, file, content_type=artifact.content_type)
        arrived_bytes = _arrived_bytes(storage, name)
    except StorageUnavailable as error:
        if error.reason in _AWAY:
            places.uploads.failed(error.reason)
        raise
    places.uploads.succeeded()
    if arrived_bytes != artifact.size_bytes:
        raise StorageUnavailable("The object is not what was sent.", reason=Reason.SERVER)
    return name


def _arrived_bytes(storage: ObjectStorage, name: str) -> int:
    try:
        return storage.size(name)
    except FileNotFoundError:
        return -1


def _fits_in_database(artifact: Artifact) -> bool:
    return artifact.size_bytes <= int(settings.BIDIQ_DATABASE_FILE_LIMIT_BYTES)


def _save_in_database(artifact: Artifact, key: str, file: BinaryIO) -> None:
    if not _fits_in_database(artifact):
        limit_bytes = settings.BIDIQ_DATABASE_FILE_LIMIT_BYTES
        raise ArtifactTooLarge(f"{artifact.size_bytes} bytes; the database takes {limit_bytes}.")
    artifact.storage = DATABASE
    with transaction.atomic():
        artifact.name = write_whole(
            places.database(),
            places.free_name(DATABASE, key),
            file,
            content_type=artifact.content_type,
        )
        _insert(artifact)


def _insert(artifact: Artifact) -> None:
    artifact.save(force_insert=True)
    artifact.refresh_from_db(fields=["created_at", "expires_at"])  # the database's own


def _warn(reason: str) -> None:
    if _may_warn():
        places.logger.warning(
            "object storage unavailable (%s): files are kept in the database and promoted later",
            reason,
        )


def warn_if_down() -> None:
    """Say that the object storage takes no files, also when none comes."""
    state = storage_health().state
    if state != "ok":
        _warn(state)


def storage_health(*, asks_database: bool = True) -> StorageHealth:
    """Ask the storage how it does; takes a few seconds at most. Never raises.

    An object storage that answers closes the breaker. It is as well as its last write, though: one
    that took no file is in the state that the file's row remembers, until it takes one again. A
    database that is away, or not asked, tells nothing of that.
    """
    storage = places.object_storage()
    if storage is None:
        return StorageHealth(mode="database", state="ok", pending_count=0)
    try:
        storage.check()
    except StorageUnavailable as error:
        state = error.reason.value
    else:
        state = "ok"
        places.breaker.succeeded()
    pending_count = None
    if asks_database:
        try:
            if state == Reason.BUCKET and not _has_objects():
                state = "ok"  # the first file makes it
            if state == "ok":
                state = _refusal() or "ok"
            pending_count = Artifact.objects.pending().count()
        except Error as error:
            places.logger.info("nothing is known of files that wait: %s", error)
    return StorageHealth(mode="object_storage", state=state, pending_count=pending_count)


def _has_objects() -> bool:
    return Artifact.objects.filter(storage=OBJECT_STORAGE, bytes_deleted_at=None).exists()


def _refusal() -> str:
    """Return why the object storage did not take the last file, or nothing when it did.

    Read from the rows, which have their times of the database: it was often another process that
    met it, on a machine with another clock.
    """
    refused = Artifact.objects.pending().order_by("-created_at").first()
    if refused is None:
        return ""
    later = Q(created_at__gt=refused.created_at) | Q(promoted_at__gt=refused.created_at)
    took_one = Artifact.objects.filter(later, storage=OBJECT_STORAGE).exists()
    return "" if took_one else refused.fallback_reason

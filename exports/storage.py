"""Where bytes are kept: rows of the database, or an S3-compatible server. Floor 1.

Both speak Django's Storage API. Nothing of botocore passes this border: its errors become
exports.errors with a reason. Options of the settings are given to ObjectStorage as they are.
"""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, Literal

from boto3.s3.transfer import TransferConfig
from botocore import exceptions as boto
from botocore.config import Config
from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import IntegrityError, transaction
from django.utils.deconstruct import deconstructible
from django.utils.http import content_disposition_header
from storages.backends.s3 import S3Storage

from exports.errors import Reason, StorageUnavailable

if TYPE_CHECKING:
    from exports.models import StoredFile

CHUNK_BYTES = 512 * 1024

_NO_PERMISSION = {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AuthFailure"}
_OWN_BUCKET = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


@deconstructible
class DatabaseStorage(Storage):
    """Keep files as rows of pieces, so that reading never holds more than one piece."""

    def __init__(self, *, chunk_bytes: int = CHUNK_BYTES) -> None:
        self.chunk_bytes = chunk_bytes

    def _save(self, name: str, content: File[bytes]) -> str:
        from exports.models import StoredChunk, StoredFile  # models load after the settings

        while True:
            try:
                with transaction.atomic():
                    stored = StoredFile.objects.create(name=name, chunk_bytes=self.chunk_bytes)
                    content.seek(0)
                    position = size_bytes = 0
                    while piece := content.read(self.chunk_bytes):
                        StoredChunk.objects.create(file=stored, position=position, data=piece)
                        position += 1
                        size_bytes += len(piece)
                    stored.size_bytes = size_bytes
                    stored.save(update_fields=["size_bytes"])
                return name
            except IntegrityError:
                if not self.exists(name):
                    raise
                name = self.get_available_name(name)  # somebody was faster

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError("files in the database are written by save() and read with 'rb'")
        raw = _StoredReader(self._row(name))
        return File(io.BufferedReader(raw, buffer_size=64 * 1024), name=name)

    def _row(self, name: str) -> "StoredFile":
        from exports.models import StoredFile

        try:
            return StoredFile.objects.get(name=name)
        except StoredFile.DoesNotExist:
            raise FileNotFoundError(name) from None

    def delete(self, name: str) -> None:
        """Delete the file; one that is not there is fine."""
        from exports.models import StoredChunk, StoredFile

        # Not the cascade: it would read every piece into memory first.
        with transaction.atomic():
            StoredChunk.objects.filter(file__name=name).delete()
            StoredFile.objects.filter(name=name).delete()

    def exists(self, name: str) -> bool:
        """Return whether a whole file has that name."""
        from exports.models import StoredFile

        return StoredFile.objects.filter(name=name).exists()

    def size(self, name: str) -> int:
        """Return the number of bytes. Raises FileNotFoundError."""
        return self._row(name).size_bytes

    def url(self, name: str | None) -> str:
        """Raise NotImplementedError: these bytes are served by a view that checks its visitor."""
        raise NotImplementedError("a file in the database has no public address")

    def read(self, name: str, *, start: int, length: int) -> bytes:
        """Return up to `length` bytes from `start`, never past the end of one piece.

        An empty answer means the end of the file. Raises FileNotFoundError.
        """
        return _read_piece(self._row(name), start=start, length=length)


def _read_piece(stored: "StoredFile", *, start: int, length: int) -> bytes:
    if start >= stored.size_bytes or length <= 0:
        return b""
    position, offset = divmod(start, stored.chunk_bytes)
    data = stored.chunks.filter(position=position).values_list("data", flat=True).first()
    if data is None:
        raise FileNotFoundError(stored.name)
    return bytes(memoryview(data)[offset : offset + length])


class _StoredReader(io.RawIOBase):
    """A seekable file over the pieces; keeps the last one read."""

    def __init__(self, stored: "StoredFile") -> None:
        self._stored = stored
        self._at = 0
        self._held: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._stored.size_bytes}
        self._at = max(0, base[whence] + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        size = self._stored.chunk_bytes
        position, offset = divmod(self._at, size)
        if position != self._held[0]:
            start = position * size
            self._held = (position, _read_piece(self._stored, start=start, length=size))
        piece = self._held[1][offset : offset + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


@deconstructible
class ObjectStorage(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """Keep files in one private bucket of an S3-compatible server.

    Every method raises StorageUnavailable with its reason, or FileNotFoundError. The bucket is made
    on first use. Questions (exists, stat, check) give up within seconds; transfers are patient.
    """

    def __init__(
        self,
        *,
        public_endpoint_url: str | None = None,
        connect_timeout_seconds: float = 3,
        read_timeout_seconds: float = 15,
        quick_timeout_seconds: float = 3,
        **settings: Any,
    ) -> None:
        self.public_endpoint_url = public_endpoint_url
        patient = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            retries={"total_max_attempts": 2, "mode": "standard"},
            # The newer default adds trailing checksums that many S3-compatible servers refuse.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        quick = min(quick_timeout_seconds, connect_timeout_seconds)
        self._quick_config = patient.merge(
            Config(connect_timeout=quick, read_timeout=quick_timeout_seconds)
        )
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        super().__init__(
            **{
                "file_overwrite": False,
                "default_acl": None,
                "location": "",
                "client_config": patient,
                # Threads would outlive a failed upload; our files are small.
                "transfer_config": TransferConfig(use_threads=False),
                **settings,
            }
        )

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {**state, "_clients": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({**state, "_clients": {}, "_lock": threading.Lock()})

    @property
    def connection(self) -> Any:
        """One resource for all threads: making one costs tens of milliseconds a request.

        boto3 asks not to share the *state* of a resource; only fresh Object()s are made from it.
        """
        return self._made_once("resource", "", self.client_config)

    def _made_once(self, kind: str, endpoint_url: str, config: Config) -> Any:
        key = f"{kind} {endpoint_url} {id(config)}"
        with self._lock:
            if key not in self._clients:
                make = getattr(self._create_session(), kind)
                self._clients[key] = make(
                    "s3",
                    region_name=self.region_name,
                    endpoint_url=endpoint_url or self.endpoint_url,
                    config=config,
                    verify=self.verify,
                )
            return self._clients[key]

    @property
    def _quick_client(self) -> Any:
        return self._made_once("client", "", self._quick_config)

    def _save(self, name: str, content: File[bytes]) -> str:
        with translated():
            try:
                return str(super()._save(name, content))
            except boto.ClientError as error:
                if _error_code(error) != "NoSuchBucket":
                    raise
                self._make_bucket()
                return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        with translated():
            opened: File[bytes] = super()._open(name, mode)
            return opened

    def delete(self, name: str) -> None:
        """Delete the object; one that is not there is fine, and so is a missing bucket."""
        with translated():
            try:
                super().delete(name)
            except boto.ClientError as error:
                if _error_code(error) != "NoSuchBucket":
                    raise

    def exists(self, name: str) -> bool:
        """Return whether an object has that name."""
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        """Return the number of bytes. Raises FileNotFoundError."""
        return self.stat(name)

    def stat(self, name: str) -> int:
        """Return the number of bytes, asking with a short timeout. Raises FileNotFoundError."""
        with translated():
            answer = self._quick_client.head_object(Bucket=self.bucket_name, Key=name)
            return int(answer["ContentLength"])

    def check(self) -> None:
        """Return when the bucket answers, making it if it is missing; raise otherwise."""
        with translated():
            try:
                self._quick_client.head_bucket(Bucket=self.bucket_name)
            except boto.ClientError as error:
                if _status(error) != 404:
                    raise
                self._make_bucket()

    def read_pieces(self, name: str, *, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `start` on, in pieces. Raises FileNotFoundError."""
        with translated():
            client = self.connection.meta.client
            asked = {"Range": f"bytes={start}-"} if start else {}
            body = client.get_object(Bucket=self.bucket_name, Key=name, **asked)["Body"]
            try:
                yield from body.iter_chunks(CHUNK_BYTES)
            finally:
                body.close()

    def signed_url(
        self,
        name: str,
        *,
        filename: str,
        content_type: str,
        expires_seconds: int,
        method: Literal["get_object", "head_object"] = "get_object",
    ) -> str:
        """Return an address that gives the object to whoever holds it, for that long.

        File name and type are part of the signature, and so is the host: browsers that reach the
        server under another name than we do need public_endpoint_url. Never store or log it.
        """
        disposition = content_disposition_header(as_attachment=True, filename=filename)
        with translated():
            client = self._made_once("client", self.public_endpoint_url or "", self.client_config)
            return str(
                client.generate_presigned_url(
                    method,
                    Params={
                        "Bucket": self.bucket_name,
                        "Key": name,
                        "ResponseContentDisposition": disposition,
                        "ResponseContentType": content_type,
                    },
                    ExpiresIn=expires_seconds,
                )
            )

    def _make_bucket(self) -> None:
        client = self.connection.meta.client
        region = client.meta.region_name
        # AWS refuses its first region by name; other servers ignore the constraint.
        place = (
            {"CreateBucketConfiguration": {"LocationConstraint": region}}
            if region and region != "us-east-1" and not self.endpoint_url
            else {}
        )
        try:
            client.create_bucket(Bucket=self.bucket_name, **place)
        except boto.ClientError as error:
            code = _error_code(error)
            if code == "BucketAlreadyOwnedByYou" or (code in _OWN_BUCKET and self._is_ours(client)):
                return
            if _reason(error) is Reason.PERMISSION:
                raise
            raise StorageUnavailable(reason=Reason.BUCKET) from error

    def _is_ours(self, client: Any) -> bool:
        try:
            client.head_bucket(Bucket=self.bucket_name)
        except boto.ClientError:
            return False
        return True


def write_whole(storage: Storage, name: str, file: IO[bytes], *, content_type: str) -> str:
    """Save an open file under the name, or one like it when it is taken; return the name it got."""
    content = File(file, name=name)
    # django-storages reads the type of the object from this attribute.
    content.content_type = content_type  # type: ignore[attr-defined]
    return storage.save(name, content)


@contextmanager
def translated() -> Iterator[None]:
    """Turn botocore's errors into StorageUnavailable with a reason, or FileNotFoundError."""
    try:
        yield
    except boto.ClientError as error:
        if _status(error) == 404 and _error_code(error) != "NoSuchBucket":
            raise FileNotFoundError(error.operation_name) from error
        raise StorageUnavailable(reason=_reason(error)) from error
    except (boto.ConnectTimeoutError, boto.ReadTimeoutError) as error:
        raise StorageUnavailable(reason=Reason.TIMEOUT) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError) as error:
        raise StorageUnavailable(reason=Reason.PERMISSION) from error
    except (boto.HTTPClientError, boto.ConnectionError) as error:
        raise StorageUnavailable(reason=Reason.REFUSED) from error
    except boto.BotoCoreError as error:
        raise StorageUnavailable(reason=Reason.SERVER) from error


def _error_code(error: boto.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: boto.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _reason(error: boto.ClientError) -> Reason:
    if _error_code(error) == "NoSuchBucket":
        return Reason.BUCKET
    if _error_code(error) in _NO_PERMISSION or _status(error) in {401, 403}:
        return Reason.PERMISSION
    return Reason.SERVER

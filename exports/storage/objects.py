"""Files kept on an S3-compatible server. Floor 1.

Nothing of botocore passes this border: its errors become exports.errors with a reason.
"""

import logging
import threading
from collections.abc import Iterator
from typing import Any, Literal

from boto3.s3.transfer import TransferConfig
from botocore import exceptions as boto
from botocore.config import Config
from django.core.files.base import File
from django.utils.deconstruct import deconstructible
from storages.backends.s3 import S3Storage

from exports.errors import Reason, StorageUnavailable
from exports.headers import attachment
from exports.storage.border import error_code, error_reason, status, translated
from exports.storage.database import PIECE_BYTES

logger = logging.getLogger("exports")


@deconstructible
class ObjectStorage(S3Storage):  # type: ignore[misc]  # django-storages has no types
    """Keep files in one private bucket of an S3-compatible server.

    Every method raises StorageUnavailable with its reason, or FileNotFoundError. The bucket is made
    by the first write. Questions (exists, stat, check) give up within seconds; transfers are
    patient. Writes are tried once: who writes knows which faults are worth another try.
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
            retries={"total_max_attempts": 1, "mode": "standard"},
            # The newer default adds trailing checksums that many S3-compatible servers refuse.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        quick = min(quick_timeout_seconds, connect_timeout_seconds)
        self._reading_config = patient.merge(
            Config(retries={"total_max_attempts": 2, "mode": "standard"})
        )
        self._quick_config = self._reading_config.merge(
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

    def _save(self, name: str, content: "File[bytes]") -> str:
        with translated():
            try:
                return str(super()._save(name, content))
            except boto.ClientError as error:
                if error_code(error) != "NoSuchBucket":
                    raise
                self._make_bucket()
                return str(super()._save(name, content))

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        with translated():
            opened: File[bytes] = super()._open(name, mode)
            return opened

    def delete(self, name: str) -> None:
        """Delete the object; one that is not there is fine, and so is a missing bucket."""
        with translated():
            try:
                super().delete(name)
            except boto.ClientError as error:
                if error_code(error) != "NoSuchBucket":
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

    def check(self, *, makes_bucket: bool = False) -> None:
        """Return when the bucket answers, or, if asked for, was missing and is made."""
        with translated():
            try:
                self._quick_client.head_bucket(Bucket=self.bucket_name)
            except boto.ClientError as error:
                if status(error) != 404:
                    raise
                if not makes_bucket:
                    raise StorageUnavailable(reason=Reason.BUCKET) from error
                self._make_bucket()

    def read_pieces(self, name: str, *, start: int = 0) -> Iterator[bytes]:
        """Yield the bytes from `start` on, in pieces. Raises FileNotFoundError."""
        with translated():
            client = self._made_once("client", "", self._reading_config)
            asked = {"Range": f"bytes={start}-"} if start else {}
            body = client.get_object(Bucket=self.bucket_name, Key=name, **asked)["Body"]
            try:
                yield from body.iter_chunks(PIECE_BYTES)
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
        disposition = attachment(filename)
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
            logger.warning("the bucket %s was missing and was made", self.bucket_name)
        except boto.ClientError as error:
            code = error_code(error)
            if code == "BucketAlreadyOwnedByYou" or (
                code == "BucketAlreadyExists" and self._is_ours(client)
            ):
                return
            if error_reason(error) is Reason.PERMISSION:
                raise
            raise StorageUnavailable(reason=Reason.BUCKET) from error

    def _is_ours(self, client: Any) -> bool:
        try:
            client.head_bucket(Bucket=self.bucket_name)
        except boto.ClientError:
            return False
        return True

"""What can go wrong with an artifact. Floor 0: standard library only.

ArtifactError
├─ ArtifactNotMade       artifact.not_made  no temporary file could be made or written
├─ ArtifactTooLarge      artifact.large     too large for where it would have to go
├─ StorageUnavailable    artifact.storage   the object storage does not answer; says why
├─ ArtifactMissing       artifact.missing   the row is there, the bytes are not
└─ ArtifactExpired       artifact.expired   past its retention; the audit row stays
"""

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why the object storage could not be used. Kept in the database as a code."""

    REFUSED = "refused"  # nothing listens there, the name does not resolve, or it hung up
    TIMEOUT = "timeout"  # connected (or tried to) and nothing came in time
    PERMISSION = "permission"  # wrong key, wrong signature, or not allowed
    BUCKET = "bucket"  # the bucket is missing and cannot be made
    SERVER = "server"  # it answered with an error of its own, or with something else
    NOT_CONFIGURED = "not_configured"  # a row points to it, the settings no longer do


class ArtifactError(Exception):
    """The file could not be handled."""

    code: ClassVar[str] = "artifact"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class ArtifactNotMade(ArtifactError):
    """There is no room, or no place, for the temporary file that becomes the artifact."""

    code = "artifact.not_made"


class ArtifactTooLarge(ArtifactError):
    """The file is larger than the place it would have to go to takes."""

    code = "artifact.large"


class StorageUnavailable(ArtifactError):
    """The object storage cannot be used now."""

    code = "artifact.storage"

    def __init__(
        self, message: str | None = None, *, reason: Reason, retry_after_seconds: int = 30
    ) -> None:
        super().__init__(f"{message or type(self).__doc__} ({reason})")
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class ArtifactMissing(ArtifactError):
    """The bytes of the file are gone although its row says they are there."""

    code = "artifact.missing"


class ArtifactExpired(ArtifactError):
    """The file is past its retention and its bytes were deleted."""

    code = "artifact.expired"

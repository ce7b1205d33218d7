"""Object storages that fail where it hurts; everything else about them is real."""

import threading
from typing import Any

from django.core.files.base import ContentFile

from exports.errors import Reason, StorageUnavailable
from exports.storage import ObjectStorage


class Cut(BaseException):
    """The process was killed here."""


class FailsOnce(ObjectStorage):
    """The first upload meets a server error."""

    failed = False

    def _save(self, name: str, content: Any) -> str:
        if not self.failed:
            self.failed = True
            raise StorageUnavailable(reason=Reason.SERVER)
        return super()._save(name, content)


class TakesNothing(ObjectStorage):
    """Answers every question and refuses every upload."""

    def _save(self, name: str, content: Any) -> str:
        raise StorageUnavailable(reason=Reason.SERVER)


class RefusesSome(ObjectStorage):
    """Neither takes nor deletes what is named `refused`; one of many is no sign of the others."""

    def _save(self, name: str, content: Any) -> str:
        _refuse(name, Reason.SERVER)  # as EntityTooLarge comes out
        return super()._save(name, content)

    def delete(self, name: str) -> None:
        _refuse(name, Reason.PERMISSION)  # as an object lock comes out
        super().delete(name)


def _refuse(name: str, reason: Reason) -> None:
    if name.startswith("refused"):
        raise StorageUnavailable(reason=reason)


class Hangs(ObjectStorage):
    """Every question waits for `go_on`, and then for nothing."""

    asked = threading.Semaphore(0)
    go_on = threading.Event()

    def stat(self, name: str) -> int:
        self.asked.release()
        self.go_on.wait(30)
        raise StorageUnavailable(reason=Reason.TIMEOUT)


class CutsShort(ObjectStorage):
    """Half of each upload arrives, and nobody says so."""

    def _save(self, name: str, content: Any) -> str:
        whole = content.read()
        return super()._save(name, ContentFile(whole[: len(whole) // 2]))


class ChangesBytes(ObjectStorage):
    """Each upload arrives whole in length and wrong in content."""

    def _save(self, name: str, content: Any) -> str:
        return super()._save(name, ContentFile(content.read()[::-1]))


class CutBeforeUpload(ObjectStorage):
    def _save(self, name: str, content: Any) -> str:
        raise Cut


class CutAfterUpload(ObjectStorage):
    def _save(self, name: str, content: Any) -> str:
        super()._save(name, content)
        raise Cut


class CutAtReadingBack(ObjectStorage):
    def read_pieces(self, name: str, *, start: int = 0) -> Any:
        if self.exists(name):
            raise Cut
        return super().read_pieces(name, start=start)

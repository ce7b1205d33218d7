"""Files kept as rows of the database, in pieces. Floor 1."""

import io
from typing import TYPE_CHECKING, Any

from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import IntegrityError, transaction
from django.utils.deconstruct import deconstructible

if TYPE_CHECKING:
    from exports.models import StoredFile

#: What a storage reads and writes at once: nobody holds a whole file.
PIECE_BYTES = 512 * 1024


@deconstructible
class DatabaseStorage(Storage):
    """Keep files as rows of pieces, so that reading never holds more than one piece."""

    def __init__(self, *, chunk_bytes: int = PIECE_BYTES) -> None:
        self.chunk_bytes = chunk_bytes

    def _save(self, name: str, content: "File[bytes]") -> str:
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

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
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

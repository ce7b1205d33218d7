"""Where bytes are kept: rows of the database, or an S3-compatible server. Floor 1.

Both speak Django's Storage API; settings.STORAGES names them `database` and `object_storage`.
"""

from typing import IO

from django.core.files.base import File
from django.core.files.storage import Storage

from exports.storage.database import PIECE_BYTES, DatabaseStorage
from exports.storage.objects import ObjectStorage

__all__ = ["PIECE_BYTES", "DatabaseStorage", "ObjectStorage", "write_whole"]


def write_whole(storage: Storage, name: str, file: IO[bytes], *, content_type: str) -> str:
    """Save an open file under the name, or one like it when it is taken; return the name it got."""
    content = File(file, name=name)
    # django-storages reads the type of the object from this attribute.
    content.content_type = content_type  # type: ignore[attr-defined]
    return storage.save(name, content)

"""HTTP headers of a file: its name, its tag, and the range asked for. Floor 0: pure functions."""

import re
import unicodedata
from urllib.parse import quote

_RANGE = re.compile(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*\Z", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r'(?:W/)?"[^"]*"')


class Unsatisfiable(Exception):
    """The range starts past the end of the file."""


def attachment(filename: str) -> str:
    """Return a Content-Disposition that saves under this name, in old browsers without accents."""
    clean = "".join(letter for letter in filename if letter.isprintable()).replace("/", "-")
    folded = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode("ascii")
    plain = re.sub(r'["\\%;]', "_", folded).strip() or "arquivo"
    header = f'attachment; filename="{plain}"'
    return header if plain == clean else f"{header}; filename*=UTF-8''{quote(clean, safe='')}"


def names_tag(header: str, *, etag: str) -> bool:
    """Return whether an If-None-Match header names the tag (weak comparison)."""
    if header.strip() == "*":
        return True
    return any(tag.removeprefix("W/") == etag for tag in _TAG.findall(header))


def parse_range(header: str, *, size_bytes: int) -> tuple[int, int] | None:
    """Return (start, stop) of the one range asked for, stop excluded; None means the whole file.

    Nonsense and several ranges at once also mean the whole file, as RFC 9110 allows.
    Raises Unsatisfiable.
    """
    match = _RANGE.match(header.strip())
    if match is None or match.group(1) == match.group(2) == "":
        return None
    if len(header) > 100:  # int() of endless digits is slow
        return None
    first, last = match.groups()
    if not first:  # the last N bytes
        count = min(int(last), size_bytes)
        if count == 0:
            raise Unsatisfiable
        return size_bytes - count, size_bytes
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size_bytes:
        raise Unsatisfiable
    return start, min(int(last) + 1, size_bytes) if last else size_bytes

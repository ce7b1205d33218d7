"""Typed readers of the environment. A bad value stops the start with one line that names it.

Every variable can also be given as NAME_FILE, the path of a file that holds it (a mounted secret).
"""

import os
import re
import secrets
import shutil
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import urlsplit


class BadEnvironment(SystemExit):
    """A variable has a value that cannot be used; the process ends with this one line."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"bidiq: {name} is not usable: expected {expected}")


def text(name: str, default: str = "") -> str:
    """Return NAME, or what the file of NAME_FILE holds, or the default when neither is set."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return default
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise BadEnvironment(f"{name}_FILE", "a readable text file") from None
    if not value:  # a part that was configured must not silently count as absent
        raise BadEnvironment(f"{name}_FILE", "a file that is not empty")
    return value


def kept_key(path: Path) -> str:
    """Return the key kept in a file, made on first use; two processes may start at once.

    Raises BadEnvironment when the file is empty: of two that replaced it each would have its own.
    """
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        # Whole before it has its name, which only the first one gets.
        with NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:  # the owner's
            file.write(secrets.token_urlsafe(50))
            file.flush()
            os.fsync(file.fileno())
            try:
                os.link(file.name, path)
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links: there the later one of two wins
                shutil.copy(file.name, path)
    key = path.read_text(encoding="ascii").strip()
    if not key:
        raise BadEnvironment(str(path), "a key in this file; delete it, and a new one is made")
    return key


def boolean(name: str, default: bool) -> bool:
    """Return true for 1, true, yes, on, sim and false for their opposites; refuse the rest."""
    value = text(name).lower()
    if not value:
        return default
    if value in {"1", "true", "yes", "on", "sim"}:
        return True
    if value in {"0", "false", "no", "off", "nao", "não"}:
        return False
    raise BadEnvironment(name, "true or false")


def integer(name: str, default: int, *, minimum: int, maximum: int) -> int:
    """Return a whole number between the bounds, both included."""
    value = text(name)
    if not value:
        return default
    expected = f"a whole number from {minimum} to {maximum}"
    try:
        number = int(value if re.fullmatch(r"[+-]?[0-9]+", value) else "")
    except ValueError:
        raise BadEnvironment(name, expected) from None
    if not minimum <= number <= maximum:
        raise BadEnvironment(name, expected)
    return number


def number(name: str, default: float, *, minimum: float, maximum: float) -> float:
    """Return a number between the bounds, both included."""
    value = text(name)
    if not value:
        return default
    expected = f"a number from {minimum:g} to {maximum:g}"
    try:
        parsed = float(value if value.isascii() and "_" not in value else "")
    except ValueError:
        raise BadEnvironment(name, expected) from None
    if not minimum <= parsed <= maximum:  # also refuses nan
        raise BadEnvironment(name, expected)
    return parsed


def choice(name: str, default: str, options: tuple[str, ...]) -> str:
    """Return one of the options."""
    value = text(name, default).lower()
    if value not in options:
        raise BadEnvironment(name, " or ".join(options))
    return value


def matching(name: str, pattern: str, *, expected: str) -> str:
    """Return a text that the whole pattern fits, or "" when there is none."""
    value = text(name)
    if value and not re.fullmatch(pattern, value, re.ASCII):
        raise BadEnvironment(name, expected)
    return value


def words(
    name: str, default: tuple[str, ...] = (), *, pattern: str = ".+", expected: str = "words"
) -> list[str]:
    """Return a comma-separated list without blanks; each of its words fits the pattern."""
    found = [piece.strip() for piece in text(name).split(",") if piece.strip()]
    if not all(re.fullmatch(pattern, word) for word in found):
        raise BadEnvironment(name, f"a list, with commas, of {expected}")
    return found or list(default)


def url(name: str, default: str = "", *, schemes: tuple[str, ...]) -> str:
    """Return a URL of one of the schemes, without a trailing slash."""
    value = text(name, default)
    if not value:
        return ""
    expected = "a URL that starts with " + " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(value)
        _ = parts.port  # a property that raises for a bad port
    except ValueError:
        raise BadEnvironment(name, expected) from None
    if parts.scheme in {"sqlite", "unix"}:
        is_usable = bool(parts.path)
    else:
        is_usable = bool(parts.hostname) and not re.search(r"\s", value)
    if parts.scheme not in schemes or not is_usable:
        raise BadEnvironment(name, expected)
    if parts.scheme in {"http", "https"} and (parts.query or parts.fragment):
        raise BadEnvironment(name, f"{expected}, without ? and #")  # a path is put after it
    return value.rstrip("/") if parts.scheme in {"http", "https"} else value

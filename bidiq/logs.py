"""Log lines that carry the search's id, as text or as JSON. Standard library only."""

import json
import logging
import re
import threading
import time
from contextvars import ContextVar
from datetime import UTC, datetime
from urllib.parse import urlsplit

#: The search that the running task works on; set by the pipeline and the doors, read by every log
#: line.
search_id: ContextVar[str] = ContextVar("search_id", default="")

_SIGNED = re.compile(r"(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s\"']+", re.IGNORECASE)
#: Links of mails: who has one needs no more, and one to confirm an address has it in it. Django
#: logs the path of every request that it refuses.
_LINKS = re.compile(
    r"(/(?:contas/email|contas/senha/nova/[^\s/\"'\\]+|salvas/sem-email)/)[^\s/\"'\\]+"
)


class Seldom:
    """Says yes at most once in a while, so that a fault does not flood the log.

    Safe between threads.
    """

    def __init__(self, *, seconds: float = 60) -> None:
        self._seconds = seconds
        self._last: float | None = None
        self._lock = threading.Lock()

    def __call__(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if self._last is not None and now - self._last < self._seconds:
                return False
            self._last = now
            return True


def without_secrets(text: str) -> str:
    """Return the text with the parts of signed URLs and of links in mails that let a reader use
    them taken out."""
    return _LINKS.sub(r"\1***", _SIGNED.sub(r"\1***", text))


def without_credentials(url: str) -> str:
    """Return a URL without the user and password that it may carry."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class SearchIdFilter(logging.Filter):
    """Add `search_id` to every record ("-" outside a search)."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "search_id"):
            record.search_id = search_id.get() or "-"
        return True


class ClientFaultFilter(logging.Filter):
    """Leave the traceback out of what Django says of a request that it refused: strangers' nonsense
    must not fill the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


class TextFormatter(logging.Formatter):
    """One readable line: moment, level, logger, search, message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(search_id)s] %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "search_id": getattr(record, "search_id", "-"),
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return without_secrets(json.dumps(entry, ensure_ascii=False))

"""Python values as Excel takes them: clean text, serial dates, numbers of 15 digits. Floor 1."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

BRASILIA = ZoneInfo("America/Sao_Paulo")
#: What one cell holds, in UTF-16 units as Excel counts.
MAX_TEXT = 32_767
#: Excel refuses to open a file with a longer address in it.
MAX_URL = 2_079


@dataclass(frozen=True, slots=True)
class Marked:
    """A text with some of its pieces marked: (piece, whether it is marked), in order."""

    pieces: Sequence[tuple[str, bool]]

    def __str__(self) -> str:
        return "".join(piece for piece, _ in self.pieces)

    def __len__(self) -> int:
        return sum(len(piece) for piece, _ in self.pieces)


_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FIFTEEN_DIGITS = Context(prec=15, rounding=ROUND_HALF_EVEN)
_LARGEST = Decimal("9.99999999999999E+307")
_EPOCH = datetime(1899, 12, 30)
#: Excel believes in 29 February 1900, so earlier serial numbers mean other days.
_FIRST_DAY = date(1900, 3, 1)
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,4})?(?:/[A-Za-z0-9._~/?&=+,-]*)?\Z").match
_BARE_HOST = re.compile(r"[\w-]+(\.[\w-]+)+(:\d+)?([/?#].*)?\Z")
_ESCAPE_LOOKALIKE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


def clean_text(value: object) -> str:
    """Return visible text: no control characters but tab and line feed, cut at MAX_TEXT."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Sim" if value else "Não"
    if isinstance(value, list | tuple | set | frozenset):
        text = ", ".join(clean_text(item) for item in value)
    elif isinstance(value, datetime):
        text = f"{in_brasilia(value):%d/%m/%Y %H:%M}"
    elif isinstance(value, date):
        text = f"{value:%d/%m/%Y}"
    else:
        text = str(value)
    text = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    if len(text) * 2 <= MAX_TEXT:
        return text
    return text.encode("utf-16-le")[: MAX_TEXT * 2].decode("utf-16-le", "ignore")


def literal(text: str) -> str:
    """Return a text as the file has to say it: of _x0041_ Excel would read A."""
    return _ESCAPE_LOOKALIKE.sub("_x005F_", text)


def in_brasilia(value: datetime) -> datetime:
    """Return the same moment as a naive datetime on Brasília's clock; naive ones are there yet."""
    return value if value.tzinfo is None else value.astimezone(BRASILIA).replace(tzinfo=None)


def serial_date(value: object) -> int | None:
    """Return Excel's number of a day; None when it has none (before March 1900, or no date)."""
    if isinstance(value, datetime):
        value = in_brasilia(value).date()
    if not isinstance(value, date) or value < _FIRST_DAY:
        return None
    return value.toordinal() - 693_594  # the ordinal of _EPOCH


def serial_datetime(value: object) -> float | None:
    """Return Excel's number of a moment on Brasília's clock; None when it has none."""
    if not isinstance(value, datetime):
        return serial_date(value)
    moment = in_brasilia(value)
    if moment.date() < _FIRST_DAY:
        return None
    gap = moment - _EPOCH
    return gap.days + round(gap.seconds + gap.microseconds / 1e6) / 86_400


def to_decimal(value: object) -> Decimal | None:
    """Return a finite number exactly, or None for what is not one (text, nan, booleans)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = Decimal(repr(value))
    elif isinstance(value, int):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite() or abs(value) > _LARGEST:
        return None
    return value


def number_text(value: object) -> str | None:
    """Return a number as Excel keeps it, rounded half to even at 15 significant digits.

    None means that it is not a number, or an integer with so many digits that it must be an
    identifier, which text keeps whole.
    """
    number = to_decimal(value)
    if number is None:
        return None
    if len(number.as_tuple().digits) > 15:
        if isinstance(value, int):
            return None
        number = _FIFTEEN_DIGITS.plus(number)
    return str(number)


def web_address(value: object) -> str | None:
    """Return an address that Excel opens, with a scheme; None for text that is no address."""
    if isinstance(value, str) and len(value) < 500 and _PLAIN_URL(value):
        return value  # nearly all of them
    text = _CONTROLS.sub("", str(value)).strip() if value is not None else ""
    if not text:
        return None
    if "://" not in text:
        if not _BARE_HOST.match(text):
            return None
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname)
        _ = parts.port  # raises for nonsense
    except ValueError:
        return None
    if parts.scheme.lower() not in {"http", "https"} or not has_host:
        return None
    # One bad character and Excel calls the whole file corrupt.
    safe = quote(text, safe="%/:=&?~#+!$,;'@()*[]")
    return safe if len(safe) <= MAX_URL else None

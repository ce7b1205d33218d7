"""The JSON that a client sends, read with more patience than Python's own reader has. Floor 6."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any


class NoObject(ValueError):
    """It is JSON, and something else."""


def read_object(body: bytes) -> dict[str, Any]:
    """Return the object that a body is. Raises ValueError when it is none."""
    try:
        # Not orjson: it refuses numbers that are valid JSON and only too large for us.
        data = json.loads(body, parse_float=_decimal, parse_int=_number)
        json.dumps(data, ensure_ascii=False, default=str).encode()  # no half characters
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(data, dict):
        raise NoObject
    return data


def _number(text: str) -> int | Decimal:
    return int(text) if len(text) < 100 else Decimal(text)


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent beyond what Decimal holds
        return Decimal("Infinity")

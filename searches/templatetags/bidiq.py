"""Filters of the templates: how numbers, money, moments and files are written. Floor 6."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import template

from searches import wording

register = template.Library()


@register.filter
def whole(number: Any) -> str:
    """Write a whole number with Portuguese thousands: 1.463."""
    return wording.whole(int(number or 0))


@register.filter
def money(value: Decimal | None) -> str:
    """Write money: R$ 1.234.567,89; what is not known is said in words."""
    return wording.money(value)


@register.filter
def size(size_bytes: int) -> str:
    """Write the size of a file: 184 kB."""
    return wording.size(size_bytes)


@register.filter
def moment(at: datetime) -> str:
    """Write a moment of Brasília: 24/11/2026 às 14:05."""
    return wording.moment(at)


@register.filter
def day(at: datetime) -> str:
    """Write a day of Brasília: 24/11/2026."""
    return wording.day(at)

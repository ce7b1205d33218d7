"""What templates say: how numbers and moments are written. Floor 6."""

from datetime import datetime
from typing import Any

from django import template
from django.conf import settings

from searches import wording

register = template.Library()


@register.filter
def whole(number: Any) -> str:
    """Write a whole number with Portuguese thousands: 1.463."""
    return wording.whole(int(number or 0))


@register.filter
def moment(at: datetime) -> str:
    """Write a moment of Brasília: 24/11/2026 às 14:05."""
    return wording.moment(at)


@register.filter
def day(at: datetime) -> str:
    """Write a day of Brasília: 24/11/2026."""
    return wording.day(at)


@register.simple_tag
def link_life() -> str:
    """Say how long a link in a mail is good: 3 dias."""
    return wording.counted(settings.PASSWORD_RESET_TIMEOUT // 86400, "dia", "dias")

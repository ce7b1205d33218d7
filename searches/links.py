"""Links for mails. Floor 3."""

from django.conf import settings
from django.urls import reverse


def public_link(name: str, *arguments: object) -> str:
    """Return the address of a page for a mail: never made of what a client sent."""
    return f"{settings.BIDIQ_PUBLIC_URL}{reverse(name, args=arguments)}"

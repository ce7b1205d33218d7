"""Ids in addresses: UUIDs in either case, as RFC 9562 wants them read. Floor 6."""

from django.urls import register_converter
from django.urls.converters import UUIDConverter


class IdConverter(UUIDConverter):
    """Django's own knows small letters only; macOS's `uuidgen` writes large ones."""

    regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


register_converter(IdConverter, "id")

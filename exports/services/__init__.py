"""Every write to artifacts, downloads and their bytes. Floor 3; the door of the app for callers.

Only whose they are is written by the callers too, with rows of their own: when a search ends, a
visitor logs in, a user leaves.
"""

from exports.services.delivery import Delivery, deliver, read_piece
from exports.services.storing import (
    StorageHealth,
    storage_health,
    store_artifact,
    warn_if_down,
)
from exports.services.upkeep import Upkeep, expire_due, promote_pending, verify

__all__ = [
    "Delivery",
    "StorageHealth",
    "Upkeep",
    "deliver",
    "expire_due",
    "promote_pending",
    "read_piece",
    "storage_health",
    "store_artifact",
    "verify",
    "warn_if_down",
]

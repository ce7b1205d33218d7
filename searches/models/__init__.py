"""What is kept. Floor 2."""

from searches.models.accounts import AddressRequest, ApiToken, LoginAttempt
from searches.models.notices import Coverage, Notice, PageLease, PageRead, Source
from searches.models.saved import Digest, SavedSearch
from searches.models.searches import Match, Search, SearchEvent

__all__ = [
    "AddressRequest",
    "ApiToken",
    "Coverage",
    "Digest",
    "LoginAttempt",
    "Match",
    "Notice",
    "PageLease",
    "PageRead",
    "SavedSearch",
    "Search",
    "SearchEvent",
    "Source",
]

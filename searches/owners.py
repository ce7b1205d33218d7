"""Owner: who asked, a user or an anonymous browser. Strangers see nothing. Floor 2."""

import secrets
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

VISITOR_KEY = "visitor"


@dataclass(frozen=True, slots=True)
class Owner:
    """A user, a visitor, or a user with the key that its browser had before the login."""

    user_id: int | None = None
    visitor: str = ""

    @property
    def is_nobody(self) -> bool:
        return self.user_id is None and not self.visitor

    def mine(self) -> Q:
        """Return the condition that a row is this owner's."""
        condition = Q(pk__in=[])
        if self.user_id is not None:
            condition |= Q(owner_user_id=self.user_id)
        if self.visitor:
            condition |= Q(owner_visitor=self.visitor)
        return condition

    @property
    def columns(self) -> dict[str, Any]:
        """Return how a row says that it is this owner's: a user's, or else a visitor's.

        Not both: who logs out has left what is its own behind.
        """
        visitor = self.visitor if self.user_id is None else ""
        return {"owner_user_id": self.user_id, "owner_visitor": visitor}


def owner_of(*, user: Any, session: Any) -> Owner:
    """Return the owner behind a request or a socket; nobody when there is no session yet."""
    user_id = user.pk if user is not None and user.is_authenticated else None
    visitor = session.get(VISITOR_KEY, "") if session is not None else ""
    return Owner(user_id=user_id, visitor=visitor)


def make_visitor(session: Any) -> None:
    """Give the session a visitor key if it has none. The key survives a login."""
    if not session.get(VISITOR_KEY):
        session[VISITOR_KEY] = secrets.token_urlsafe(24)

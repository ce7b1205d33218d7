"""Sessions in the database, as Django's, that say what kept them from being saved. Floor 2."""

from typing import Any

from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from searches.database import AWAY, in_a_line, logger

#: The day on which the session of somebody who looked was saved last.
RENEWED_KEY = "renewed_on"


class SessionStore(DatabaseStore):
    """Django takes every failure of an update for a session that was deleted meanwhile, a 400."""

    #: What the session held when it was renewed; None: it was not.
    _looked_at: dict[str, Any] | None = None

    def renew(self, today: str) -> None:
        """Let it live from today on, when nobody did today; saved after the view."""
        if self.get(RENEWED_KEY) != today:
            if not self.modified:
                self._looked_at = dict(self.items())
            self[RENEWED_KEY] = today

    def save(self, must_create: bool = False) -> None:
        """Save it. A database that cannot be written raises what it said, unless all that there
        is to save is that somebody looked: that can wait, the page need not."""
        try:
            super().save(must_create)
        except UpdateError as error:
            away = error.__context__
            if not isinstance(away, AWAY):
                raise
            before = self._looked_at
            if before is None or dict(self.items()) != {**before, RENEWED_KEY: self[RENEWED_KEY]}:
                raise away from None
            logger.info("a session was not renewed: %s", in_a_line(away))

"""Leases on pages of the source, between processes: their async side. Floor 5.

Within one process `lists` joins equal requests by itself. Also beside a site that runs its
searches itself there may be another process: a search in a terminal, a second site.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async

from bidiq.detached import detached
from searches.database import AWAY, patiently
from searches.liveness import worker_name
from searches.services import leases

logger = logging.getLogger(__name__)

#: How often a lease is renewed, and how often one who waits looks again.
RENEWAL_SECONDS = 5.0
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.1, 1.0


class PageLeases:
    """The leases of this process; one task renews all of them."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._keeper: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def leased(self, page: str) -> AsyncIterator[bool]:
        """Yield whether the page is ours to fetch while the block runs."""
        if not await self._take(page):
            yield False
            return
        self._held.add(page)
        if self._keeper is None:
            self._keeper = detached(self._keep(), "leases")
        try:
            yield True
        finally:
            self._held.discard(page)
            # Shielded: a search that is stopped must still let go of its pages.
            await asyncio.shield(self._release(page))

    async def over(self, page: str) -> None:
        """Wait until whoever fetches a page has done it, failed or gone."""
        pause_seconds = FIRST_LOOK_SECONDS
        while await patiently(leases.is_taken, page):
            await asyncio.sleep(pause_seconds)
            pause_seconds = min(pause_seconds * 1.5, LAST_LOOK_SECONDS)

    async def _take(self, page: str) -> bool:
        """Take a page's lease; a caller that is cancelled meanwhile leaves none behind."""
        try:
            return await patiently(leases.take, page, holder=worker_name())
        except asyncio.CancelledError:
            # The lease's thread is not stopped by that. This runs on the same one, so after it.
            await asyncio.shield(self._release(page))
            raise

    async def _release(self, page: str) -> None:
        try:
            await database_sync_to_async(leases.release)(page, holder=worker_name())
        except AWAY as error:  # it runs out by itself
            logger.info("a lease was not released: %s", error)

    async def _keep(self) -> None:
        while self._held:
            await asyncio.sleep(RENEWAL_SECONDS)
            try:
                await database_sync_to_async(leases.renew)(list(self._held), holder=worker_name())
            except AWAY as error:
                logger.info("leases were not renewed: %s", error)
            except Exception:  # without a keeper the pages would go to others while they are read
                logger.exception("leases were not renewed")
        self._keeper = None


_page_leases: WeakKeyDictionary[asyncio.AbstractEventLoop, PageLeases] = WeakKeyDictionary()


def page_leases() -> PageLeases:
    """Return the running loop's leases."""
    return _page_leases.setdefault(asyncio.get_running_loop(), PageLeases())

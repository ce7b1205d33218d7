"""The inline runner: searches on this process's own loop. Floor 5.

For one process with SQLite. Searches whose process died are taken up again from what was stored.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, nullcontext
from urllib.parse import urlsplit
from uuid import UUID
from weakref import WeakKeyDictionary

from channels.db import database_sync_to_async
from django.conf import settings

from bidiq.detached import detached
from bidiq.logs import without_credentials
from searches import live, selectors
from searches.database import AWAY
from searches.domain.lifecycle import SILENCE_SECONDS, most_for_one
from searches.fair_gate import FairGate
from searches.liveness import is_dead, worker_name
from searches.models import Search
from searches.pipeline import run_search
from searches.pncp.client import PncpClient
from searches.pncp.demo import simulated
from searches.pncp.redis_limiter import make_limiter
from searches.services import searches as services
from searches.upkeep import keep_up, shared_chores

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 2.0
#: A waiting search this old was not started by whoever created it (a restart in between).
FORGOTTEN_SECONDS = 5.0


@asynccontextmanager
async def open_client() -> AsyncIterator[PncpClient]:
    """Open the client of the configured source; one for each process.

    With Redis all processes share one budget of requests towards the source. A demonstration that
    is given no source brings its own.
    """
    given = settings.PNCP_BASE_URL
    async with nullcontext(given) if given else simulated() as base_url:
        limiter = make_limiter(
            settings.REDIS_URL,
            settings.PNCP_RATE_PER_MINUTE,
            name=urlsplit(without_credentials(base_url)).netloc,
        )
        try:
            async with PncpClient(
                base_url=base_url,
                limiter=limiter,
                timeout_seconds=settings.PNCP_TIMEOUT_SECONDS,
                concurrency=settings.PNCP_CONCURRENCY,
            ) as client:
                yield client
        finally:
            await limiter.aclose()


async def give_back_abandoned(
    *, trusts_silence: bool, besides: Collection[UUID] = ()
) -> list[UUID]:
    """Return searches of dead or silent workers to the queue; return those that wait again.

    Without trust in silence only workers count that are known to be dead. `besides`: searches that
    run here, whatever their silence says: a laptop that wakes up has not died.
    """
    returned = []
    for search in await database_sync_to_async(selectors.running)():
        if not (is_dead(search.worker) or (trusts_silence and search.is_silent)):
            continue
        if search.pk in besides:
            continue
        logger.warning(
            "the search lost its worker %s", search.worker, extra={"search_id": str(search.pk)}
        )
        payloads = await database_sync_to_async(services.give_back)(search)
        await live.publish(search.pk, payloads)
        if payloads:
            returned.append(search.pk)
    return returned


class Watch:
    """Looks for searches of the dead and the silent, and minds outages of the database.

    After one everybody looks silent: who lives is given time to say so.
    """

    def __init__(self) -> None:
        self._database_back_at = time.monotonic()

    async def give_back_abandoned(self, *, besides: Collection[UUID] = ()) -> list[UUID]:
        """Return such searches to the queue; return those that wait again."""
        seconds_up = time.monotonic() - self._database_back_at
        try:
            return await give_back_abandoned(
                trusts_silence=seconds_up > SILENCE_SECONDS, besides=besides
            )
        except AWAY:
            self._database_back_at = time.monotonic()
            raise


class InlineRunner:
    """Runs searches as tasks of the running loop, so many at a time; owners take turns."""

    def __init__(self) -> None:
        places = settings.BIDIQ_SEARCHES_AT_ONCE
        self._gate = FairGate(places, most_for_one=most_for_one(places))
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._watch = Watch()
        self._keeper: asyncio.Task[None] | None = None
        self._client: PncpClient  # there while `_ready` is set
        self._ready = asyncio.Event()
        self._is_stopped = False

    def start(self) -> None:
        """Begin to look after searches; the first time takes up what a dead process left."""
        if self._keeper is None and not self._is_stopped:
            self._keeper = detached(self._keep(), "runner")

    async def stop(self) -> None:
        """Give every search back and close the client; nothing is taken any more."""
        self._is_stopped = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None

    def wake(self, search_id: UUID) -> None:
        """Run a search that was just created, without waiting for it.

        One that comes while the server stops waits in the database for the next start.
        """
        self.start()
        if self._keeper is not None and search_id not in self._tasks:
            task = detached(self._run(search_id), f"search-{search_id}")
            self._tasks[search_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(search_id, None))

    async def _run(self, search_id: UUID) -> None:
        await self._ready.wait()
        try:
            asker = await database_sync_to_async(selectors.asker_of)(search_id)
            with self._gate.wish(search_id, asker=asker):
                async with self._gate.place(search_id):
                    await run_search(search_id, worker=worker_name(), client=self._client)
        except Exception:  # nobody waits for this task: said here or nowhere
            logger.exception("search %s was left", search_id)

    async def _keep(self) -> None:
        while True:
            try:
                await self._look_after()
            except Exception:  # no socket for the client, say: nobody waits for this task either
                logger.exception("the searches are not looked after, beginning again")
            await asyncio.sleep(SWEEP_SECONDS)

    async def _look_after(self) -> None:
        async with open_client() as self._client:
            self._ready.set()
            upkeep = asyncio.create_task(keep_up(shared_chores()), name="upkeep")
            try:
                while True:
                    try:
                        await self._sweep()
                    except Exception as error:  # the database is away: look again
                        logger.warning("the sweep failed, looking again: %s", error)
                    await asyncio.sleep(SWEEP_SECONDS)
            finally:
                self._ready.clear()
                tasks = [upkeep, *self._tasks.values()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _sweep(self) -> None:
        for search_id in await self._watch.give_back_abandoned(besides=self._tasks):
            self.wake(search_id)
        for search_id in await database_sync_to_async(selectors.waiting)(
            older_than_seconds=FORGOTTEN_SECONDS
        ):
            self.wake(search_id)


_runners: WeakKeyDictionary[asyncio.AbstractEventLoop, InlineRunner] = WeakKeyDictionary()


def inline_runner() -> InlineRunner:
    """Return the running loop's runner."""
    return _runners.setdefault(asyncio.get_running_loop(), InlineRunner())


def start(search: Search) -> None:
    """See to it that a created search runs: on this loop, or, with workers, by their queue."""
    if settings.BIDIQ_RUNNER == "inline":
        inline_runner().wake(search.pk)

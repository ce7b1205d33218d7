"""A worker process: takes searches from the queue and runs many at once. Floor 5.

Three things live side by side on one loop: the delivery (procrastinate), the crew that runs what
was delivered, and the upkeep. PostgreSQL may go away under all of them.
"""

import asyncio
import logging
from typing import cast
from uuid import UUID

from channels.db import database_sync_to_async
from django.conf import settings

from searches import runner, tasks
from searches.liveness import worker_name
from searches.pipeline import run_search
from searches.pncp.client import PncpClient
from searches.services import queue
from searches.upkeep import Chore, keep_up, shared_chores

logger = logging.getLogger(__name__)

#: How long searches may go on after SIGTERM before they are given back.
GRACE_SECONDS = 10.0
#: Between attempts to reach the queue again.
REST_SECONDS = 0.5
#: Deliveries that have not ended this long after they were told to are told again.
END_SECONDS = 3.0


class Crew:
    """Runs searches as tasks of its own: a delivery that breaks off does not stop them."""

    def __init__(self, client: PncpClient) -> None:
        self._client = client
        self._gate = asyncio.Semaphore(settings.BIDIQ_SEARCHES_AT_ONCE)
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    async def run(self, search_id: UUID) -> None:
        """Run a search and return when it is over here."""
        task = self._tasks.get(search_id)
        if task is None:
            task = asyncio.create_task(self._work(search_id), name=f"search-{search_id}")
            self._tasks[search_id] = task
            task.add_done_callback(lambda _: self._tasks.pop(search_id, None))
        await asyncio.shield(task)

    async def _work(self, search_id: UUID) -> None:
        async with self._gate:
            try:
                await run_search(search_id, worker=worker_name(), client=self._client)
            except Exception:  # the database is away for good: others find the search silent
                logger.exception("search %s was left", search_id)

    async def finish(self, *, grace_seconds: float) -> None:
        """Let searches end for a while, then have the others given back."""
        if self._tasks:
            logger.info("finishing %d searches", len(self._tasks))
            await asyncio.wait(self._tasks.values(), timeout=grace_seconds)
        left = list(self._tasks.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if left:
            logger.info("%d searches were given back", len(left))


def _chores() -> list[Chore]:
    """Return what workers do for each other: searches of the dead, jobs that were lost."""
    return [
        Chore(1.0, runner.Watch().give_back_abandoned),
        Chore(3.0, database_sync_to_async(queue.defer_lost)),
        Chore(60.0, _drop_stalled_jobs),
    ]


async def _drop_stalled_jobs() -> None:
    """Drop jobs of queue workers that are gone."""
    async with tasks.open_queue() as opened:
        await tasks.drop_stalled(opened)


async def run_worker(stop: asyncio.Event, *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Work until told to stop; then take nothing more, finish or give back, and return.

    1. Deliveries stop at once. 2. Running searches get the grace, or until `stop` is set a
    second time. 3. What still runs goes back into the queue.
    """
    async with runner.open_client() as client:
        crew = Crew(client)
        upkeep = asyncio.create_task(keep_up(_chores() + shared_chores()), name="upkeep")
        delivery = asyncio.create_task(_deliver(crew), name="delivery")
        try:
            await stop.wait()
        finally:
            stop.clear()
            hurry = asyncio.create_task(stop.wait())
            await _ended(delivery, again_after_seconds=END_SECONDS)
            finishing = asyncio.create_task(crew.finish(grace_seconds=grace_seconds))
            await asyncio.wait({finishing, hurry}, return_when=asyncio.FIRST_COMPLETED)
            if not finishing.done():
                await _ended(finishing)
                await crew.finish(grace_seconds=0)
            await _ended(hurry)
            await _ended(upkeep)


async def _ended(
    task: "asyncio.Task[None] | asyncio.Task[bool]", *, again_after_seconds: float | None = None
) -> None:
    """Cancel a task and wait for its end; if asked to, again and again."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=again_after_seconds)
    await asyncio.gather(task, return_exceptions=True)


async def _deliver(crew: Crew) -> None:
    """Hand jobs to the crew as they come, and find the queue again whenever it was away.

    Ends when it is told to, also when that is lost on the way: cancelled while PostgreSQL is away,
    procrastinate raises the connector's error in place of CancelledError.
    """
    delivery = cast("asyncio.Task[None]", asyncio.current_task())
    while not delivery.cancelling():
        try:
            async with tasks.open_queue() as opened:
                await tasks.drop_stalled(opened)
                await opened.run_worker_async(
                    name=worker_name(),
                    queues=[queue.QUEUE],
                    concurrency=settings.BIDIQ_SEARCHES_AT_ONCE,
                    additional_context={"crew": crew},
                    install_signal_handlers=False,
                    # Jobs end here at once, searches do not: they are the crew's.
                    shutdown_graceful_timeout=0.05,
                    delete_jobs="always",  # the search's row is what tells how it went
                    fetch_job_polling_interval=2.0,
                    update_heartbeat_interval=5.0,
                    stalled_worker_timeout=tasks.STALLED_SECONDS,
                )
        except Exception as error:  # the worker's loop: whatever happened, it must come back
            logger.warning("the queue is away, looking for it: %s", error)
        await asyncio.sleep(REST_SECONDS)

"""What every worker does now and then; any number of them may do it at once. Floor 5."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable

from channels.db import database_sync_to_async

from exports.services import expire_due, promote_pending
from searches import runner, tasks
from searches.domain.lifecycle import SILENCE_SECONDS
from searches.services import leases, notices, queue

logger = logging.getLogger(__name__)

Chore = Callable[[], Awaitable[object]]


class Upkeep:
    """Searches of dead workers, lost jobs, files that wait, old rows."""

    def __init__(self) -> None:
        self._database_back_at = time.monotonic()

    async def run(self) -> None:
        """Do all chores, each at its pace, until cancelled."""
        chores: list[tuple[float, Chore]] = [
            (2.0, self.give_back_abandoned),
            (3.0, database_sync_to_async(queue.defer_lost)),
            (60.0, self.drop_stalled_jobs),
            # Aside: a slow storage must not keep the others waiting.
            (30.0, database_sync_to_async(promote_pending, thread_sensitive=False)),
            (300.0, database_sync_to_async(expire_due, thread_sensitive=False)),
            (3600.0, database_sync_to_async(notices.forget_stale, thread_sensitive=False)),
            (3600.0, database_sync_to_async(leases.forget_expired)),
        ]
        async with asyncio.TaskGroup() as group:
            for seconds, chore in chores:
                group.create_task(self._every(seconds, chore))

    async def _every(self, seconds: float, chore: Chore) -> None:
        while True:
            # Workers that started together should not do everything at the same moment.
            await asyncio.sleep(seconds * random.uniform(0.8, 1.2))  # noqa: S311
            try:
                await chore()
            except Exception as error:  # the worker's loop: the next round may do better
                self._database_back_at = time.monotonic()
                logger.warning("a chore of the worker failed: %s", error)

    async def give_back_abandoned(self) -> None:
        """Return searches of dead and silent workers to the queue.

        After the database was away everybody looks silent: who lives is given time to say so.
        """
        seconds_up = time.monotonic() - self._database_back_at
        await runner.give_back_abandoned(trusts_silence=seconds_up > SILENCE_SECONDS)

    async def drop_stalled_jobs(self) -> None:
        """Drop jobs of queue workers that are gone."""
        async with tasks.open_queue() as opened:
            await tasks.drop_stalled(opened)

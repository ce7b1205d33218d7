"""What every process that runs searches does now and then, side by side with others. Floor 5."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from channels.db import database_sync_to_async
from django.contrib.sessions.backends.db import SessionStore

from exports.services import expire_due, promote_pending
from searches import addresses, digests, live
from searches.services import leases, logins, notices, saved
from searches.services import searches as services

logger = logging.getLogger(__name__)

FIRST_ROUND_SECONDS = 5.0


class Chore(NamedTuple):
    """Something to do again and again, which any number of processes may do at once."""

    seconds: float
    do: Callable[[], Awaitable[object]]


def shared_chores() -> list[Chore]:
    """Return the chores of workers and of sites that run searches themselves."""
    # Aside, each on a thread of its own: a slow storage must not keep the others waiting.
    return [
        Chore(30.0, database_sync_to_async(saved.run_due, thread_sensitive=False)),
        Chore(30.0, database_sync_to_async(digests.send_due, thread_sensitive=False)),
        Chore(30.0, database_sync_to_async(promote_pending, thread_sensitive=False)),
        Chore(60.0, give_up_unserved),
        Chore(300.0, database_sync_to_async(expire_due, thread_sensitive=False)),
        Chore(3600.0, database_sync_to_async(leases.forget_expired, thread_sensitive=False)),
        Chore(3600.0, database_sync_to_async(notices.forget_stale, thread_sensitive=False)),
        Chore(3600.0, database_sync_to_async(addresses.forget_old, thread_sensitive=False)),
        Chore(3600.0, database_sync_to_async(logins.forget_old, thread_sensitive=False)),
        Chore(3600.0, database_sync_to_async(SessionStore.clear_expired, thread_sensitive=False)),
    ]


async def give_up_unserved() -> None:
    """End searches of a source that nobody serves any more, and tell who watches them."""
    give_up = database_sync_to_async(services.give_up_unserved, thread_sensitive=False)
    for search_id, payloads in (await give_up()).items():
        await live.publish(search_id, payloads)


async def keep_up(chores: Iterable[Chore]) -> None:
    """Do all chores, each at its pace, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for chore in chores:
            group.create_task(_again_and_again(chore))


async def _again_and_again(chore: Chore) -> None:
    # Soon after the start, for what has waited since the last process ended; and not all at the
    # same moment, when several start together.
    pause_seconds = min(chore.seconds, FIRST_ROUND_SECONDS) * random.uniform(0.2, 1)  # noqa: S311
    while True:
        await asyncio.sleep(pause_seconds)
        pause_seconds = chore.seconds * random.uniform(0.8, 1.2)  # noqa: S311
        try:
            await chore.do()
        except Exception as error:  # the process's border: the next round may do better
            logger.warning("a chore failed: %s", error)

"""What every process that runs searches does now and then, side by side with others. Floor 5."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from channels.db import database_sync_to_async
from django.contrib.sessions.backends.db import SessionStore

from exports.services import expire_due, promote_pending, warn_if_down
from searches import addresses, digests, live
from searches.services import leases, logins, notices, saved
from searches.services import searches as services

logger = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_ROUND_SECONDS = 5.0
#: One for each of the shared chores, and none of the loop's: a storage or a mail server that hangs
#: must keep neither the others nor the searches waiting.
_threads = ThreadPoolExecutor(max_workers=12, thread_name_prefix="chore")


class Chore(NamedTuple):
    """Something to do again and again, which any number of processes may do at once."""

    seconds: float
    do: Callable[[], Awaitable[object]]


def _aside(function: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    call: Callable[[], Awaitable[T]] = database_sync_to_async(
        function, thread_sensitive=False, executor=_threads
    )
    return call


def shared_chores() -> list[Chore]:
    """Return the chores of workers and of sites that run searches themselves."""
    return [
        Chore(30.0, _aside(saved.run_due)),
        Chore(30.0, _aside(digests.send_due)),
        Chore(30.0, _aside(promote_pending)),
        Chore(300.0, _aside(expire_due)),
        Chore(60.0, give_up_unserved),
        Chore(3600.0, _aside(leases.forget_expired)),
        Chore(3600.0, _aside(notices.forget_stale)),
        Chore(3600.0, _aside(addresses.forget_old)),
        Chore(3600.0, _aside(logins.forget_old)),
        Chore(3600.0, _aside(SessionStore.clear_expired)),
        # Who watches the log learns of a part that is down also on a quiet night. More often than
        # the minute in which they say it once.
        Chore(20.0, _aside(live.warn_if_down)),
        Chore(20.0, _aside(warn_if_down)),
    ]


async def give_up_unserved() -> None:
    """End searches of a source that nobody serves any more, and tell who watches them."""
    for search_id, payloads in (await _aside(services.give_up_unserved)()).items():
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

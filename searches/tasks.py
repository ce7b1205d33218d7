"""The queue of searches: procrastinate on PostgreSQL. Floor 3.

Only imported where the jobs are (workers on PostgreSQL): procrastinate is not installed else.
A job only delivers a search; what becomes of the search is in its own row.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from procrastinate import App, JobContext, PsycopgConnector, exceptions, jobs
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker
from procrastinate.contrib.django.utils import connector_params

from searches import selectors
from searches.domain.lifecycle import SILENCE_SECONDS

QUEUE = "searches"
#: A waiting search this old without a job lost it (or has just been taken: a second delivery
#: is harmless).
LOST_SECONDS = 5.0
#: A queue's worker without a sign for this long is gone, with the jobs it had taken.
STALLED_SECONDS = 30.0


class Crew(Protocol):
    """Whoever runs searches in a worker process."""

    async def run(self, search_id: UUID) -> None:
        """Run a search and return when it is over here."""


@app.task(name="searches.run_search", queue=QUEUE, pass_context=True)
async def run_search(context: JobContext, search_id: str) -> None:
    """Have the process's crew run a search; one that somebody else has is left alone."""
    crew: Crew = context.additional_context["crew"]
    await crew.run(UUID(search_id))


def defer_search(search_id: UUID) -> bool:
    """Put a search into the queue, within the caller's transaction if there is one.

    Promises: no job without its search and no search without its job, whichever way the
    transaction goes. Returns False when a job of that search waits already.
    """
    try:
        with transaction.atomic():  # a savepoint: the second job must not end the transaction
            run_search.configure(queueing_lock=_lock(search_id)).defer(search_id=str(search_id))
    except exceptions.AlreadyEnqueued:
        return False
    return True


def live_workers() -> int:
    """Return how many workers have given a sign of life lately."""
    since = timezone.now() - timedelta(seconds=SILENCE_SECONDS)
    return int(ProcrastinateWorker.objects.filter(last_heartbeat__gte=since).count())


def _lock(search_id: UUID) -> str:
    return f"search:{search_id.hex}"


def defer_lost() -> list[UUID]:
    """Put waiting searches without a waiting job into the queue again; return them."""
    waiting = selectors.waiting(older_than_seconds=LOST_SECONDS)
    if not waiting:
        return []
    locks = set(
        ProcrastinateJob.objects.filter(
            status="todo", queueing_lock__in=[_lock(search_id) for search_id in waiting]
        ).values_list("queueing_lock", flat=True)
    )
    return [each for each in waiting if _lock(each) not in locks and defer_search(each)]


@asynccontextmanager
async def open_queue() -> AsyncIterator[App]:
    """Open the queue as a worker uses it: with connections of its own, that can listen.

    The installed app keeps Django's connection, so that searches given back by this process are
    deferred in the same transaction.
    """
    parameters = connector_params()
    # No connection is held ready: opening never waits, and a server that is away shows at once.
    options: dict[str, Any] = {"min_size": 0, "max_size": 4, "timeout": 5, "reconnect_timeout": 4}
    queue = App(connector=PsycopgConnector(kwargs=parameters, **options))
    queue.tasks.update(app.tasks)
    async with queue.open_async():
        yield queue


async def drop_stalled(queue: App) -> int:
    """Drop jobs that a worker took and died with: their searches are deferred anew by others."""
    stalled = list(
        await queue.job_manager.get_stalled_jobs(
            queue=QUEUE, seconds_since_heartbeat=STALLED_SECONDS
        )
    )
    for job in stalled:
        await queue.job_manager.finish_job(job, status=jobs.Status.FAILED, delete_job=True)
    return len(stalled)

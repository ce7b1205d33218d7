"""The queue's far end: what a worker's jobs do. Floor 5.

Only imported where the jobs are (workers on PostgreSQL): procrastinate is not installed else.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

from procrastinate import App, JobContext, PsycopgConnector, jobs
from procrastinate.contrib.django import app
from procrastinate.contrib.django.utils import connector_params

from searches.services.queue import QUEUE, TASK

#: A queue's worker without a sign for this long is gone, with the jobs it had taken.
STALLED_SECONDS = 30.0


class Crew(Protocol):
    """Whoever runs searches in a worker process."""

    async def run(self, search_id: UUID) -> None:
        """Run a search and return when it is over here."""


@app.task(name=TASK, queue=QUEUE, pass_context=True)
async def run_search(context: JobContext, search_id: str) -> None:
    """Have the process's crew run a search; one that somebody else has is left alone."""
    crew: Crew = context.additional_context["crew"]
    await crew.run(UUID(search_id))


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

"""The workers' queue: procrastinate's jobs on PostgreSQL, written through Django. Floor 3.

Only imported where the jobs are: procrastinate is not installed on SQLite. A job only delivers a
search; what becomes of the search is in its own row.
"""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from procrastinate import exceptions
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob, ProcrastinateWorker

from searches import selectors
from searches.domain.lifecycle import SILENCE_SECONDS, Status, most_for_one
from searches.models import Search
from searches.services.turns import take_turn

QUEUE = "searches"
TASK = "searches.run_search"
#: A waiting search this old without a job lost it (or has just been taken: a second delivery
#: is harmless).
LOST_SECONDS = 5.0


def defer_search(search: Search) -> bool:
    """Put a search into the queue, within the caller's transaction if there is one.

    Promises: no job without its search and no search without its job, whichever way the
    transaction goes; but who asks for very many gets the next job when one of them ends. Returns
    False when there is no new job.
    """
    ahead = selectors.unfinished_of_asker(search).filter(created_at__lt=search.created_at)
    if ahead.count() >= most_for_one(settings.BIDIQ_SEARCHES_AT_ONCE):
        return False
    return _put(search)


def _put(search: Search) -> bool:
    job = app.configure_task(TASK, queue=QUEUE, queueing_lock=_lock(search.pk))
    try:
        with transaction.atomic():  # a savepoint: the second job must not end the transaction
            job.defer(search_id=str(search.pk))
    except exceptions.AlreadyEnqueued:
        return False
    return True


def defer_next(ended: Search) -> None:
    """Put into the queue what the end of a search makes room for; in the transaction of that."""
    take_turn(f"jobs of {ended.asker}")  # two that end side by side make room for two
    last = most_for_one(settings.BIDIQ_SEARCHES_AT_ONCE) - 1
    for search in selectors.unfinished_of_asker(ended)[last : last + 1]:
        if search.status == Status.QUEUED:
            _put(search)


def defer_lost() -> list[UUID]:
    """Put waiting searches without a waiting job into the queue; return those that got one."""
    waiting = selectors.waiting(older_than_seconds=LOST_SECONDS)
    if not waiting:
        return []
    locks = set(
        ProcrastinateJob.objects.filter(
            status="todo", queueing_lock__in=[_lock(search_id) for search_id in waiting]
        ).values_list("queueing_lock", flat=True)
    )
    lost = Search.objects.filter(pk__in=[each for each in waiting if _lock(each) not in locks])
    deferred: list[UUID] = []
    refused: set[int | str] = set()
    for search in lost.order_by("created_at"):
        if search.asker in refused:  # what they asked for later has to wait, too
            continue
        if defer_search(search):
            deferred.append(search.pk)
        else:
            refused.add(search.asker)
    return deferred


def live_workers() -> int:
    """Return how many workers have given a sign of life lately."""
    since = Now() - timedelta(seconds=SILENCE_SECONDS)
    return int(ProcrastinateWorker.objects.filter(last_heartbeat__gte=since).count())


def _lock(search_id: UUID) -> str:
    return f"search:{search_id.hex}"

"""The job and its search are one transaction; one row is claimed once; an old attempt is fenced."""

from collections.abc import Callable, Iterator

import pytest

pytestmark = pytest.mark.timeout(120)

PREPARE = """
from django.db import transaction
from searches.domain.errors import ClaimLost
from searches.domain.lifecycle import Status
from searches.domain.progress import Stage, Told
from searches.domain.query import SearchQuery, parse_query
from searches import selectors
from searches.models import Match, Notice, Search
from searches.owners import Owner
from searches.services import events, queue, searches as services
from procrastinate.contrib.django.models import ProcrastinateJob as Job
from datetime import UTC, date, datetime
from django.conf import settings
from django.db import connection, connections

def create():
    query = parse_query({"ufs": ["SP"], "setor_id": "alimentos"}, today=date(2026, 11, 24))
    return services.create_search(query, owner=Owner(visitor="a"), limited=False)[0]

def store_notice():
    now = datetime.now(UTC)
    return Notice.objects.create(
        source_id=selectors.source_id(), control_number="1", modality=6,
        published_at=now, updated_at=now,
    )

def await_somebody_who_waits_for_this_transaction():
    with connection.cursor() as cursor:
        count = 0
        while not count:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            (count,) = cursor.fetchone()
"""


@pytest.fixture
def printed_by(installation) -> Iterator[Callable[[str], str]]:
    """Run a script beside an empty queue on PostgreSQL; return what it printed."""
    with installation() as cluster:
        yield lambda script: cluster.script(PREPARE + script)


def test_a_transaction_that_is_rolled_back_leaves_no_job(printed_by) -> None:
    printed = printed_by(
        """
class Stop(Exception): pass
try:
    with transaction.atomic():
        create()
        assert Job.objects.count() == 1
        raise Stop
except Stop:
    print(Search.objects.count(), Job.objects.count())
create()
print(Search.objects.count(), Job.objects.count())
"""
    )
    assert printed.split() == ["0", "0", "1", "1"]


def test_a_second_job_of_the_same_search_is_not_made(printed_by) -> None:
    printed = printed_by(
        """
search = create()
with transaction.atomic():
    print(queue.defer_search(search))
    print(Job.objects.count())  # the transaction goes on
taken = services.claim(search.pk, worker="x:1:y")
print(bool(services.give_back(taken)), Job.objects.count())
"""
    )
    assert printed.split() == ["False", "1", "True", "1"]


def test_a_lost_job_is_made_anew_by_processes_of_its_source_alone(printed_by) -> None:
    printed = printed_by(
        """
queue.LOST_SECONDS = 0
search = create()
Job.objects.all().delete()
asked_of, settings.PNCP_BASE_URL = settings.PNCP_BASE_URL, "http://127.0.0.1:10"
print(len(queue.defer_lost()), services.claim(search.pk, worker="other:1:x"))
settings.PNCP_BASE_URL = asked_of
print(queue.defer_lost() == [search.pk], services.claim(search.pk, worker="w:1:x").attempt)
"""
    )
    assert printed.split() == ["0", "None", "True", "1"]


def test_who_asks_for_very_many_gets_the_next_job_when_one_of_them_ends(printed_by) -> None:
    printed = printed_by(
        """
settings.BIDIQ_SEARCHES_AT_ONCE = 4
queue.LOST_SECONDS = 0
many = [create() for _ in range(5)]
query = SearchQuery.from_json(many[0].query)
other, _ = services.create_search(query, owner=Owner(visitor="b"), limited=False)
def with_jobs():
    locks = set(Job.objects.values_list("queueing_lock", flat=True))
    return [n for n, each in enumerate([*many, other]) if f"search:{each.pk.hex}" in locks]
print(with_jobs(), queue.defer_lost())
services.finish(
    many[0].pk, Status.COMPLETE, Told(Stage.COMPLETE),
    attempt=services.claim(many[0].pk, worker="w:1:x").attempt,
)
print(with_jobs())
services.request_cancel(many[1])
print(with_jobs())
taken = services.claim(many[2].pk, worker="w:1:x")
services.request_cancel(taken)
services.give_back(taken)
print(with_jobs(), queue.defer_lost())
"""
    )
    # The jobs of what has ended deliver nothing.
    assert printed.splitlines() == [
        "[0, 1, 5] []", "[0, 1, 2, 5]", "[0, 1, 2, 3, 5]", "[0, 1, 2, 3, 4, 5] []",
    ]  # fmt: skip


def test_a_cancel_while_the_result_is_being_stored_waits_for_it(printed_by) -> None:
    """Each of the two holds what the other one wants, unless both take it in the same order."""
    printed = printed_by(
        """
from threading import Event, Thread
from searches.domain.filtering import Tally
from searches.services import matches, results
search = create()
taken = services.claim(search.pk, worker="w:1:x")
Match.objects.create(search=search, notice=store_notice(), relevance=1, terms=[], spans=[])
has_deleted, save_result = Event(), services.save_result

def save_late(*args, **kwargs):
    has_deleted.set()
    await_somebody_who_waits_for_this_transaction()
    save_result(*args, **kwargs)

def judge():
    figures = {"total_raw": 5, "summary": {"total": 0}}
    matches.replace(search.pk, [], attempt=taken.attempt, figures=figures)
    connections.close_all()

services.save_result = save_late
judging = Thread(target=judge)
judging.start()
has_deleted.wait()
results.finish_early(taken, Status.CANCELLED, counted={}, tally=Tally(), coverage={})
judging.join()
search.refresh_from_db()
print(search.status, search.total_raw, Match.objects.count())
"""
    )
    assert printed == "cancelled 5 0"


def test_of_many_workers_one_claims_a_search(printed_by) -> None:
    printed = printed_by(
        """
import threading
for _ in range(20):
    search, start, won = create(), threading.Barrier(6), []
    def claim(name):
        start.wait()
        if services.claim(search.pk, worker=name):
            won.append(name)
        connections.close_all()
    threads = [threading.Thread(target=claim, args=(f"w:{n}:t",)) for n in range(6)]
    for t in threads: t.start()
    for t in threads: t.join()
    search.refresh_from_db()
    assert won == [search.worker], (won, search.worker)
    assert search.attempt == 1
print("ok")
"""
    )
    assert printed == "ok"


def test_an_old_attempt_writes_nothing_over_a_new_one(printed_by) -> None:
    printed = printed_by(
        """
search = create()
old = services.claim(search.pk, worker="old:1:x")
services.give_back(old)
new = services.claim(search.pk, worker="new:2:y")
assert (old.attempt, new.attempt) == (1, 2)
before = Search.objects.get(pk=search.pk).last_seq
for write in (
    lambda: events.record(search.pk, [Told(Stage.FETCHING)], attempt=1),
    lambda: services.beat(search.pk, attempt=1),
    lambda: services.save_result(search.pk, attempt=1, total_raw=5),
    lambda: services.finish(search.pk, Status.COMPLETE, Told(Stage.COMPLETE), attempt=1),
):
    try:
        write()
    except ClaimLost:
        continue
    raise AssertionError("an old attempt wrote")
assert services.give_back(old) == []
search.refresh_from_db()
assert (search.last_seq, search.status, search.worker) == (before, "running", "new:2:y")
print("ok")
"""
    )
    assert printed == "ok"


def test_a_claim_that_is_lost_while_matches_are_written_undoes_them(printed_by) -> None:
    """And whoever gives signs of life, or takes the search, does not wait for them."""
    printed = printed_by(
        """
from threading import Thread
from searches.domain.filtering import Verdict, matcher_for
from searches.services import matches
search = create()
old = services.claim(search.pk, worker="old:1:x")
notice = store_notice()
found = matcher_for(SearchQuery.from_json(search.query)).match("gêneros alimentícios")
insert = Match.objects.bulk_create

def elsewhere():
    services.beat(search.pk, attempt=old.attempt)
    services.give_back(old)
    new = services.claim(search.pk, worker="new:2:y")
    services.finish(search.pk, Status.COMPLETE, Told(Stage.COMPLETE), attempt=new.attempt)
    connections.close_all()

def slowly(*args, **kwargs):
    inserted = insert(*args, **kwargs)
    thread = Thread(target=elsewhere)
    thread.start()
    thread.join()
    return inserted

Match.objects.bulk_create = slowly
try:
    judged = [(notice.pk, Verdict(None, found))]
    matches.replace(search.pk, judged, attempt=old.attempt, figures={"total_kept": 1})
except ClaimLost:
    search.refresh_from_db()
    print(search.status, Match.objects.count())
"""
    )
    assert printed.split() == ["complete", "0"]


def test_a_cancellation_waits_for_a_give_back_and_is_heard(printed_by) -> None:
    printed = printed_by(
        """
from threading import Event, Thread
search = create()
taken = services.claim(search.pk, worker="old:1:x")
has_moved, defer = Event(), services._defer

def defer_late(search_id):
    has_moved.set()
    await_somebody_who_waits_for_this_transaction()
    defer(search_id)

def give_back():
    services.give_back(taken)
    connections.close_all()

services._defer = defer_late
giving = Thread(target=give_back)
giving.start()
has_moved.wait()
told = services.request_cancel(search)
giving.join()
search.refresh_from_db()
print(search.status, [event["stage"] for event in told])
"""
    )
    assert printed == "cancelled ['cancelled']"


def test_what_is_counted_first_is_written_by_one_after_another(printed_by) -> None:
    """Saving, asking and mails with links: none passes its limit when all come at once."""
    printed = printed_by(
        """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import time
from django.contrib.auth.models import User
from searches import addresses
from searches.models import AddressRequest, SavedSearch
from searches.services import saved as keeping
settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
settings.BIDIQ_SEARCHES_PER_MINUTE = 3

def slowly(function):
    def later(*args, **kwargs):
        time.sleep(0.2)
        return function(*args, **kwargs)
    return later

# Time between the count and what it allows.
SavedSearch.save = slowly(SavedSearch.save)
Search.objects.create = slowly(Search.objects.create)
AddressRequest.objects.create = slowly(AddressRequest.objects.create)
search, user = create(), User.objects.get()

def at_once(function):
    together = Barrier(6)
    def one(_):
        together.wait()
        try:
            function()
        except Exception as error:
            return type(error).__name__
        finally:
            connections.close_all()
    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(one, range(6)))

at_once(lambda: keeping.save(search, owner=Owner(visitor="a"), name="x"))
print(SavedSearch.objects.count())
print(at_once(lambda: addresses.ask(user, "a@empresa.example")).count("TooManyRequests"))
query = SearchQuery.from_json(search.query)
asked = at_once(lambda: services.create_search(query, owner=Owner(visitor="b")))
print(asked.count("TooManySearches"))
"""
    )
    assert printed.split() == ["1", "3", "3"]


def test_of_many_processes_one_asks_a_saved_question_each_day(printed_by) -> None:
    printed = printed_by(
        """
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from django.utils import timezone
from searches.models import SavedSearch
from searches.services import saved as keeping
kept = keeping.save(create(), owner=Owner(visitor="a"), name="x")
Search.objects.update(status="complete", finished_at=timezone.now())
SavedSearch.objects.update(next_run_at=timezone.now() - timedelta(days=3))
Job.objects.all().delete()
together = Barrier(6)
def look(_):
    together.wait()
    try:
        return len(keeping.run_due())
    finally:
        connections.close_all()
with ThreadPoolExecutor(6) as pool:
    print(sum(pool.map(look, range(6))))
print(kept.runs.count(), Job.objects.count())
"""
    )
    assert printed.split() == ["1", "2", "1"]

"""Which lists are asked for, given what the store knows and since when."""

from datetime import date, datetime, timedelta

from searches.domain.brazil import BRASILIA
from searches.domain.planning import Endpoint, ListKey, days_between, is_partly_known, plan_lists

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=BRASILIA)
DAYS = days_between(date(2026, 11, 20), date(2026, 11, 26))


def plan(known: dict[date, datetime], modality: int = 6) -> list[ListKey]:
    covered = {(modality, day): as_of for day, as_of in known.items()}
    return plan_lists(uf="SP", modalities=[modality], days=DAYS, covered=covered, now=NOW)


def published(first: int, last: int) -> ListKey:
    return ListKey(Endpoint.PUBLISHED, 6, "SP", date(2026, 11, first), date(2026, 11, last))


def test_an_empty_store_needs_one_list():
    assert plan({}) == [published(20, 26)]


def test_what_is_known_splits_the_rest():
    known = {date(2026, 11, 23): NOW}
    assert plan(known) == [published(20, 22), published(24, 26)]


def test_what_is_old_is_refreshed_by_its_changes():
    yesterday = NOW - timedelta(days=1)
    known = dict.fromkeys(DAYS[:5], yesterday)
    changes = ListKey(Endpoint.UPDATED, 6, "SP", date(2026, 11, 25), date(2026, 11, 26))
    assert plan(known) == [changes, published(25, 26)]


def test_changes_begin_at_the_oldest_knowledge():
    known = {day: NOW - timedelta(hours=13) for day in DAYS[:4]}
    known[DAYS[4]] = NOW - timedelta(days=3)
    changes, *_ = plan(known)
    assert (changes.endpoint, changes.first_day) == (Endpoint.UPDATED, date(2026, 11, 23))


def test_what_is_recent_needs_nothing():
    assert plan({day: NOW - timedelta(hours=11) for day in DAYS}) == []


def test_days_are_read_again_when_their_changes_would_be_more():
    known = {day: NOW - timedelta(days=30) for day in DAYS[:5]}
    assert plan(known) == [published(20, 26)]


def test_a_plan_that_leaves_something_out_knows_it():
    for known, said in ((DAYS[:0], False), (DAYS[:1], True), (DAYS, True)):
        lists = plan(dict.fromkeys(known, NOW))
        assert is_partly_known(lists, modalities=[6], days=DAYS) is said
    changes = plan(dict.fromkeys(DAYS, NOW - timedelta(days=1)))
    assert is_partly_known(changes, modalities=[6], days=DAYS)

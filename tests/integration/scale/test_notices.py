"""Processes that store the same notices at once, in another order: one waits, both store."""

import pytest

pytestmark = pytest.mark.timeout(120)

PREPARE = """
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from time import monotonic, sleep
from django.db import connection, connections, transaction
from searches import selectors
from searches.domain.notice import Notice as Read
from searches.domain.planning import Endpoint, ListKey
from searches.models import Notice
from searches.services import notices

now, source = datetime.now(UTC), selectors.source_id()
names = ("extra body cnpj sphere unit_name uf municipality ibge modality_name situation_name "
         "portal_url origin_url platform").split()
one, two, three = [
    Read(
        control_number=number, object="Leite", modality=6, situation=1, value=None,
        awarded_value=None, published_at=now, opens_at=None, closes_at=now + timedelta(days=9),
        updated_at=now, **dict.fromkeys(names, ""),
    )
    for number in "123"
]

def newer(notice):
    return replace(notice, object="Arroz", updated_at=now + timedelta(hours=1))

def store(page, number):
    day = now.date()
    notices.store_page(
        source, ListKey(Endpoint.OPEN, None, "SP", day, day), page, number=number, total_pages=2,
        total_records=6, listed_count=3, malformed_count=0, now=now,
    )

def waiting():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0]

def at_once(hold, *pages):
    # Both meet what a third one holds, each with something that the other one wants.
    failed = []
    def work(page, number):
        try:
            store(page, number)
        except Exception as error:
            failed.append(error)
        connections.close_all()
    threads = [Thread(target=work, args=(page, number)) for number, page in enumerate(pages, 1)]
    with transaction.atomic():
        hold()
        for thread in threads:
            thread.start()
        deadline = monotonic() + 20
        while waiting() < len(threads):
            assert monotonic() < deadline, "they do not wait"
            sleep(0.01)
        transaction.set_rollback(True)
    for thread in threads:
        thread.join()
    print(*failed, *Notice.objects.order_by("control_number").values_list("object", flat=True))
"""


def test_new_ones(installation) -> None:
    with installation() as cluster:
        printed = cluster.script(
            PREPARE
            + """
at_once(lambda: notices.upsert(source, [two]), [one, two, three], [three, two, one])
"""
        )
        assert printed.split() == ["Leite", "Leite", "Leite"]


def test_newer_ones_and_such_as_are_back(installation) -> None:
    with installation() as cluster:
        printed = cluster.script(
            PREPARE
            + """
notices.upsert(source, [one, two, three])
Notice.objects.filter(control_number__in="12").update(gone_at=now)
held = Notice.objects.filter(control_number="3")
at_once(
    lambda: held.update(object="Pão"),
    [one, newer(two), newer(three)],
    [newer(one), two, newer(three)],
)
"""
        )
        assert printed.split() == ["Arroz", "Arroz", "Arroz"]

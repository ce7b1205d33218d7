"""The audit of downloads where several ask at the same moment."""

import pytest

pytestmark = pytest.mark.timeout(120)


def test_pieces_that_are_fetched_side_by_side_are_one_download(installation) -> None:
    with installation() as cluster:
        printed = cluster.script(
            """
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from django.contrib.auth.models import User
from django.db import connections
from exports.models import Download
from exports.services import deliver, delivery, store_artifact
import time
user = User.objects.get()
artifact = store_artifact(
    owner_user=user, owner_visitor="", key="k.xlsx", filename="f.xlsx", content_type="x/y",
    write=lambda file: file.write(b"x"), retention_days=1,
)
together, has_begun = Barrier(6), delivery._has_begun

def look_slowly(row):
    found = has_begun(row)
    time.sleep(0.2)  # between the look and what it allows
    return found

delivery._has_begun = look_slowly

def fetch(n):
    together.wait()
    try:
        deliver(artifact, user=user, visitor="", address=None, agent="", is_later_piece=True)
    finally:
        connections.close_all()

with ThreadPoolExecutor(6) as pool:
    list(pool.map(fetch, range(6)))
print(Download.objects.count())
"""
        )
        assert printed == "1"

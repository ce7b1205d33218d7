"""Everything is killed and stopped at random; at the end every search is told, whole and right."""

import hashlib
import http.client
import json
import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import servers
from tests.integration.scale.cluster import (
    LAST_DAY,
    OVER,
    Cluster,
    Template,
    Worker,
    cluster,
    until,
    whole,
)
from tests.integration.scale.watching import TROUBLE, Watcher

SEARCHES = 30
#: How long the trouble lasts, and how long the last searches have after it.
TROUBLE_SECONDS, END_SECONDS = 50.0, 120.0
RECOVERY_SECONDS = 20.0
UFS = ("SP", "RJ", "MG", "BA", "RS", "PR", "CE", "GO")
SECTORS = ("alimentos", "vestuario", "informatica")


@dataclass
class Tally:
    """What was done to the installation, and how long searches were without a worker."""

    web_kills: int = 0
    worker_kills: int = 0
    redis_stops: int = 0
    storage_stops: int = 0
    recoveries: list[float] = field(default_factory=list)


class Chaos:
    """Two web instances, two workers, all servers, and somebody who pulls plugs."""

    def __init__(
        self,
        made: Cluster,
        rng: random.Random,
        *,
        valkey: servers.Valkey,
        store: servers.ObjectStore,
    ) -> None:
        self.cluster = made
        self.rng = rng
        self.valkey = valkey
        self.store = store
        self.tally = Tally()
        #: What the worker killed last had in hand: its searches, and pages asked for, not stored.
        self.orphans: list[str] = []
        self.in_hand: set[str] = set()
        #: The pages in hand at all kills.
        self.cut_off: Counter[str] = Counter()
        self.webs = [made.web(), made.web()]
        self.workers: list[Worker] = [made.worker(), made.worker()]
        self._threads: list[threading.Thread] = []
        self.failures: list[BaseException] = []

    def aside(self, work: Callable[[], None]) -> None:
        """Do something beside the rest; what goes wrong there fails the test."""

        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                self.failures.append(error)

        thread = threading.Thread(target=guarded, daemon=True)
        thread.start()
        self._threads.append(thread)

    def kill_web(self, rng: random.Random) -> None:
        web = rng.choice(self.webs)
        web.kill()
        self.tally.web_kills += 1
        time.sleep(rng.uniform(0.2, 1.5))
        web.start()

    def kill_worker(self, rng: random.Random) -> None:
        # The other one has to be there to notice.
        until(lambda: all(each.is_up() for each in self.workers), what="workers")
        # A page under way at two kills is asked three times by anybody: let it arrive first.
        until(self._in_hand_are_stored, seconds=END_SECONDS, what="pages under way are stored")
        worker = rng.choice(self.workers)
        pid = worker.pid
        worker.freeze()  # so that what it has in hand is known
        self.in_hand = {
            page
            for page, name in self.cluster.rows("SELECT page, holder FROM searches_pagelease")
            if int(name.split(":")[1]) == pid
        }
        self.cut_off.update(self.in_hand)
        worker.kill()
        killed_at = time.monotonic()
        self.tally.worker_kills += 1
        orphans = [
            (str(search_id), attempt)
            for search_id, attempt, name in self.cluster.rows(
                "SELECT id, attempt, worker FROM searches_search WHERE status = 'running'"
            )
            if int(name.split(":")[1]) == pid
        ]
        self.orphans = [search_id for search_id, _ in orphans]
        for search_id, attempt in orphans:
            self.aside(partial(self._watch_orphan, search_id, attempt, killed_at))
        time.sleep(rng.uniform(0.2, 2.5))
        worker.start()

    def _in_hand_are_stored(self) -> bool:
        stored = {
            page
            for (page,) in self.cluster.rows(
                "SELECT concat_ws(' ', source_id, endpoint, modality, uf, first_day, last_day,"
                " number) FROM searches_pageread"
            )
        }
        return self.in_hand <= stored or all(
            self.cluster.state(search_id)[0] in OVER for search_id in self.orphans
        )

    def _watch_orphan(self, search_id: str, attempt: int, killed_at: float) -> None:
        """Measure how long a search whose worker was killed is without one.

        Given back it waits in the queue like any other: it is recovered when it is there again.
        """
        while True:
            status, now_at, _, _ = self.cluster.state(search_id)
            seconds = time.monotonic() - killed_at
            if status != "running" or now_at > attempt:
                self.tally.recoveries.append(seconds)
                return
            assert seconds < 2 * RECOVERY_SECONDS, f"{search_id} was not recovered"
            time.sleep(0.1)

    def stop_redis(self, rng: random.Random) -> None:
        self.valkey.stop()
        self.tally.redis_stops += 1
        time.sleep(rng.uniform(1, 4))
        self.valkey.start()

    def stop_storage(self, rng: random.Random) -> None:
        self.store.stop()
        self.tally.storage_stops += 1
        time.sleep(rng.uniform(1, 6))
        self.store.start()

    def rage(self, seconds: float, seed: int) -> None:
        """Pull plugs of each kind at a pace of its own, all kinds at the same time."""
        deadline = time.monotonic() + seconds

        def pull(action: Callable[[random.Random], None], rng: random.Random) -> None:
            while time.monotonic() < deadline:
                time.sleep(rng.uniform(0.5, 4))
                action(rng)

        actions = [self.kill_web, self.kill_worker, self.stop_redis, self.stop_storage]
        for number, action in enumerate(actions):
            self.aside(partial(pull, action, random.Random(seed + number)))

    def ask(self) -> str:
        """Start a search; the id is the client's own, so that asking again is harmless."""
        search_id = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        last = LAST_DAY - timedelta(days=self.rng.randrange(30))
        fields = {
            "search_id": search_id,
            "ufs": self.rng.sample(UFS, self.rng.randint(2, 4)),
            "setor_id": self.rng.choice(SECTORS),
            "data_inicial": (last - timedelta(days=self.rng.randint(0, 4))).isoformat(),
            "data_final": last.isoformat(),
        }
        while True:
            try:
                return self.cluster.ask(self.rng.choice(self.webs), **fields)
            except (*TROUBLE, AssertionError):
                time.sleep(0.3)

    def download(self, search_id: str) -> bytes:
        web = self.webs[0]
        status, headers, body = web.request(
            "GET", f"/api/download?id={search_id}", headers=self.cluster.headers
        )
        if status == 302:
            place = urlsplit(headers["location"])
            connection = http.client.HTTPConnection(place.netloc, timeout=30)
            connection.request("GET", f"{place.path}?{place.query}")
            answer = connection.getresponse()
            status, body = answer.status, answer.read()
            connection.close()
        assert status == 200, body[:500]
        return body

    def settled(self) -> None:
        deadline = time.monotonic() + TROUBLE_SECONDS + END_SECONDS
        while self._threads:  # one may start another
            self._threads.pop(0).join(max(0.0, deadline - time.monotonic()))
        assert not self.failures, self.failures


@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_everything_fails_and_nothing_is_lost(
    tmp_path: Path, template: Template, measured: Callable[[str], None]
) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    with (
        servers.valkey() as valkey,
        servers.object_store() as store,
        cluster(
            tmp_path,
            template,
            redis_url=valkey.url,
            source={"latency_seconds": 0.15},
            BIDIQ_SEARCHES_AT_ONCE="6",
            PNCP_CONCURRENCY="4",
            **store.environment,
        ) as made,
    ):
        began_at = time.monotonic()
        chaos = Chaos(made, random.Random(seed), valkey=valkey, store=store)
        watchers: list[Watcher] = []

        def visitors() -> None:
            rng = random.Random(seed + 1)
            for _ in range(SEARCHES):
                search_id = chaos.ask()
                for kind in ("sse", "websocket"):
                    webs = rng.sample(chaos.webs, 2)
                    watchers.append(Watcher(made, webs, search_id, kind=kind))
                    watchers[-1].start()
                time.sleep(rng.uniform(0, 1.6 * TROUBLE_SECONDS / SEARCHES))

        chaos.aside(visitors)
        chaos.rage(TROUBLE_SECONDS, seed + 2)
        chaos.settled()
        deadline = time.monotonic() + END_SECONDS
        for watcher in watchers:
            watcher.join(max(0.0, deadline - time.monotonic()))
            watcher.stopped.set()
        seconds = time.monotonic() - began_at
        report = _report(chaos, watchers, seed, seconds)
        measured(report)
        _check(chaos, watchers)


def _check(chaos: Chaos, watchers: list[Watcher]) -> None:
    made, tally = chaos.cluster, chaos.tally
    ids = [str(row[0]) for row in made.rows("SELECT id FROM searches_search")]
    assert len(ids) == SEARCHES
    for search_id in ids:
        status, attempt, _, code = made.state(search_id)
        # Three workers killed under one search is its end, and said so.
        assert status == "complete" or (status, code, attempt) == ("error", "worker.lost", 3)
        whole(made.events(search_id))
    for watcher in watchers:
        assert watcher.is_over, (watcher.name, watcher.events[-1:])
        assert watcher.events == made.events(watcher.search_id), watcher.name
    _check_files(chaos)
    made.script("from exports.services import promote_pending; promote_pending()")
    # What a worker moves at the same moment may be refused to both: its next round moves it.
    places = "SELECT DISTINCT storage FROM exports_artifact"
    until(lambda: made.rows(places) == [("object_storage",)], seconds=60, what="all promoted")
    _check_files(chaos)  # the same bytes, from their new place
    pages = made.pages()
    assert max(pages.values()) <= 2
    # Asked again is only what was under way when a worker was killed.
    assert sum(count - 1 for count in pages.values()) <= chaos.cut_off.total()
    assert max(tally.recoveries, default=0) < RECOVERY_SECONDS
    assert min(tally.web_kills, tally.worker_kills, tally.redis_stops, tally.storage_stops) >= 2


def _check_files(chaos: Chaos) -> None:
    files = chaos.cluster.rows(
        "SELECT s.id, a.sha256 FROM searches_search s "
        "JOIN exports_artifact a ON a.id = s.artifact_id"
    )
    assert files
    for search_id, sha256 in files:
        assert hashlib.sha256(chaos.download(str(search_id))).hexdigest() == sha256


def _report(chaos: Chaos, watchers: list[Watcher], seed: int, seconds: float) -> str:
    made, tally = chaos.cluster, chaos.tally
    states = Counter(row[0] for row in made.rows("SELECT status FROM searches_search"))
    attempts = Counter(row[0] for row in made.rows("SELECT attempt FROM searches_search"))
    places = Counter(row[0] for row in made.rows("SELECT storage FROM exports_artifact"))
    promoted = made.row("SELECT count(promoted_at) FROM exports_artifact")[0]
    pages = made.pages()
    recoveries = sorted(tally.recoveries)
    worst = f"{recoveries[-1]:.1f}" if recoveries else "-"
    middle = f"{recoveries[len(recoveries) // 2]:.1f}" if recoveries else "-"
    rows = {
        "seed": seed,
        "seconds in all": f"{seconds:.0f}",
        "searches": f"{sum(states.values())} ({_counts(states)})",
        "attempts": _counts(attempts),
        "kill -9 of workers": tally.worker_kills,
        "kill -9 of web instances": tally.web_kills,
        "Redis stopped": tally.redis_stops,
        "S3 stopped": tally.storage_stops,
        "searches cut off": len(recoveries),
        "seconds to recover (median, worst)": f"{middle}, {worst}",
        "streams": f"{len(watchers)} ({_counts(Counter(w.kind for w in watchers))})",
        "reconnections": sum(watcher.connections - 1 for watcher in watchers),
        "events": made.row("SELECT count(*) FROM searches_searchevent")[0],
        "pages under way when a worker was killed": chaos.cut_off.total(),
        "pages asked once, twice, more": (
            f"{_times(pages, 1)}, {_times(pages, 2)}, {sum(n > 2 for n in pages.values())}"
        ),
        "files": f"{_counts(places)}, promoted later: {promoted}",
        "not over": sum(row not in OVER for row in states.elements()),
    }
    width = max(len(name) for name in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows.items()]
    return "\n".join([*lines, json.dumps({"CHAOS_SEED": seed})])


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counter.items()))


def _times(pages: Counter[tuple[tuple[str, str], ...]], times: int) -> int:
    return sum(count == times for count in pages.values())

"""How the parts of the site are, asked aside so that a part that hangs never keeps anybody."""

import asyncio
import logging
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction

from exports.services import storage_health
from searches import live
from searches.health import runner_state

logger = logging.getLogger(__name__)

State = dict[str, Any]
#: How long an answer counts for the pages, and how long somebody waits for a new one.
FRESH_SECONDS = 5.0
STALE_SECONDS, STALE_PATIENCE_SECONDS = 15.0, 0.3
PATIENCE_SECONDS = 1.5
#: How long the storage waits to hear whether the database answers, before it does without.
ROWS_PATIENCE_SECONDS = 0.3
#: How long a write to SQLite may be under way before nobody else's could be made; less than
#: PATIENCE_SECONDS. And how much must be free beside its file: what a search or two write.
WRITE_PATIENCE_SECONDS = 1.2
LEAST_FREE_BYTES = 16 * 1024 * 1024
#: A thread that has asked for this long hangs, perhaps for ever: another one asks.
HANGING_SECONDS = 15.0


class Part:
    """One part: asked by one thread at a time, unless it hangs; its last answer kept."""

    def __init__(self, name: str, ask: Callable[[], State], mode: Callable[[], str]) -> None:
        self.name = name
        self._ask = ask
        self._mode = mode
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._answer: Future[State] | None = None
        self._known: State | None = None

    def asking(self, *, fresh_seconds: float = 0.0) -> "Future[State]":
        """Return the answer that is on its way or still fresh; ask when there is none."""
        with self._lock:
            age_seconds = time.monotonic() - self._asked_at
            is_under_way = self._answer is not None and not self._answer.done()
            if is_under_way and age_seconds > HANGING_SECONDS:
                self._answer, self._known = None, self.silent()
            if self._answer is None or (age_seconds > fresh_seconds and self._answer.done()):
                self._asked_at = time.monotonic()
                self._answer = Future()
                # A thread of its own: the answer of a part that hangs takes none from the others.
                threading.Thread(
                    target=self._work, args=(self._answer,), name=f"ask-{self.name}", daemon=True
                ).start()
            return self._answer

    @property
    def is_stale(self) -> bool:
        """Whether nobody has asked for so long that the last answer says nothing."""
        return time.monotonic() - self._asked_at > STALE_SECONDS

    def known(self) -> State | None:
        """Return the last answer without waiting, and see to it that there will be a new one.

        A part that has not answered for long is down.
        """
        answer = self.asking(fresh_seconds=FRESH_SECONDS)
        if not answer.done() and time.monotonic() - self._asked_at > PATIENCE_SECONDS:
            return self.silent()
        return self._known

    def silent(self) -> State:
        return {"mode": self._mode(), "state": "down"}

    def _work(self, answer: "Future[State]") -> None:
        state = self.silent()
        try:
            _leave_a_busy_pool()
            state = self._ask()
        except Exception as error:  # whatever a driver raises, the part is down
            logger.info("%s does not answer: %s", self.name, error)
        finally:
            connections.close_all()
            if answer is self._answer:  # else it comes late, and says nothing of now
                self._known = state
            answer.set_result(state)


def _leave_a_busy_pool() -> None:
    """Give this thread a connection of its own when those of the pool are all in use.

    The database is not down then, only late for who stands in line.
    """
    if not settings.BIDIQ_ON_POSTGRESQL:
        return
    stats = cast(Any, connection).pool.get_stats()
    if stats["pool_available"] == 0 and stats["pool_size"] >= stats["pool_max"]:
        own = connection.copy()
        del own.settings_dict["OPTIONS"]["pool"]
        connections[DEFAULT_DB_ALIAS] = own


def _database() -> State:
    takes_writes = _server_takes_writes if settings.BIDIQ_ON_POSTGRESQL else _file_takes_writes
    return {"mode": _database_mode(), "state": "ok" if takes_writes() else "down"}


def _server_takes_writes() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        return bool(cursor.fetchone() == ("off",))


def _file_takes_writes() -> bool:
    """Begin to write; raises OperationalError when somebody else does for longer than it should."""
    with connection.cursor() as cursor:  # this thread's own connection, which is closed after it
        cursor.execute(f"PRAGMA busy_timeout = {int(WRITE_PATIENCE_SECONDS * 1000)}")
    with transaction.atomic():  # BEGIN IMMEDIATE
        pass
    folder = Path(connection.settings_dict["NAME"]).absolute().parent
    return shutil.disk_usage(folder).free >= LEAST_FREE_BYTES


def _database_mode() -> str:
    return "postgresql" if settings.BIDIQ_ON_POSTGRESQL else "sqlite"


def _channel_layer() -> State:
    return {"mode": _layer_mode(), "state": "ok" if live.is_up() else "down"}


def _layer_mode() -> str:
    return "redis" if settings.REDIS_URL else "memory"


def _storage() -> State:
    # The bucket may be well and its rows away: they are left out then, not waited for.
    database = PARTS["database"].asking(fresh_seconds=FRESH_SECONDS)
    wait({database}, timeout=ROWS_PATIENCE_SECONDS)
    asks_database = database.done() and database.result()["state"] == "ok"
    health = storage_health(asks_database=asks_database)
    return {"mode": health.mode, "state": health.state, "pending": health.pending_count}


def _storage_mode() -> str:
    return "object_storage" if settings.AWS_STORAGE_BUCKET_NAME else "database"


def _runner_mode() -> str:
    return str(settings.BIDIQ_RUNNER)


PARTS = {
    "database": Part("database", _database, _database_mode),
    "channel_layer": Part("channel_layer", _channel_layer, _layer_mode),
    "storage": Part("storage", _storage, _storage_mode),
    "runner": Part("runner", runner_state, _runner_mode),
}


async def ask_all() -> dict[str, State]:
    """Return {"database", "channel_layer", "storage", "runner"}, each {"mode", "state", …}.

    Promises an answer within PATIENCE_SECONDS, whatever is down or hangs.
    """
    answers = {name: asyncio.wrap_future(part.asking()) for name, part in PARTS.items()}
    await asyncio.wait(answers.values(), timeout=PATIENCE_SECONDS)
    return {
        name: answer.result() if answer.done() else PARTS[name].silent()
        for name, answer in answers.items()
    }


def degraded() -> list[str]:
    """Return what works worse than it should now, for people.

    After a quiet time, in which nobody asked, new answers are waited for: shortly, and for all of
    them at once. Only parts that the settings add can be worse; without them nothing is asked.
    """
    texts = {}
    if settings.REDIS_URL:
        texts["channel_layer"] = (
            "O progresso está chegando com até 2 segundos de atraso (Redis fora do ar)."
        )
    if settings.AWS_STORAGE_BUCKET_NAME:
        texts["storage"] = (
            "O armazenamento de arquivos não está recebendo: "
            "os arquivos novos ficam no banco de dados até ele voltar."
        )
    if settings.BIDIQ_RUNNER == "worker":
        texts["runner"] = "Nenhum executor de buscas está ativo: as buscas esperam na fila."
    stale = [PARTS[name].asking() for name in texts if PARTS[name].is_stale]
    wait(stale, timeout=STALE_PATIENCE_SECONDS)
    return [text for name, text in texts.items() if _is_bad(name)]


def _is_bad(name: str) -> bool:
    state = PARTS[name].known()
    return state is not None and state["state"] != "ok"

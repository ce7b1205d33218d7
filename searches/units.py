"""What is known of each UF while it is read. Floor 4."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from searches.domain.filtering import Tally, Verdict
from searches.domain.planning import ListKey
from searches.domain.query import SearchQuery
from searches.models import Search


class UnitStatus(StrEnum):
    """What became of a UF."""

    WAITING = "waiting"
    READING = "reading"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


_UNFINISHED = (UnitStatus.WAITING, UnitStatus.READING)


@dataclass
class UnitState:
    """What is known of one UF while it is read. Counts are absolute."""

    uf: str
    status: UnitStatus = UnitStatus.WAITING
    lists: dict[ListKey, int] = field(default_factory=dict)  # pages of each list, as far as known
    read: set[tuple[ListKey, int]] = field(default_factory=set)  # lists' pages
    met: set[tuple[ListKey, int]] = field(default_factory=set)  # and those lost since
    from_store: int = 0  # notices that needed no request
    repeated: int = 0  # copies of a notice that the source listed again
    malformed: int = 0
    failed_page: int | None = None
    reason: str = ""  # error code, when something is missing
    judged_at: datetime | None = None  # when what the store has was counted
    is_partly_known: bool = False  # from the store, were it that there is nothing
    is_behind: bool = False  # others have stored pages of it since then
    found: set[int] = field(default_factory=set)  # notices' primary keys
    listed: set[int] = field(default_factory=set)  # of them those that the source's pages brought
    matches: dict[int, bool] = field(default_factory=dict)  # of them those to list: whether hidden
    tally: Tally = field(default_factory=Tally)

    @property
    def pages_total(self) -> int:
        """Return how many pages there are; what is read whole without asking counts as one."""
        known = max(sum(self.lists.values()), len(self.read))
        return max(known, 1) if self.status is UnitStatus.COMPLETE else known

    @property
    def pages_done(self) -> int:
        """Return how many pages were read, in all rounds together."""
        return self.pages_total if self.status is UnitStatus.COMPLETE else len(self.read)

    def add(self, judged: Iterable[tuple[int, Verdict]], *, from_store: bool) -> None:
        """Count verdicts by primary key; what the source listed before is a repetition."""
        for key, verdict in judged:
            if not from_store:
                self.repeated += key in self.listed
                self.listed.add(key)
            if key in self.found:
                continue
            self.from_store += from_store
            self._count(key, verdict)

    def recount(self, judged: Iterable[tuple[int, Verdict]]) -> None:
        """Replace what was counted by the verdicts on all that the store has now."""
        verdicts = dict(judged)
        self.from_store += len(verdicts.keys() - self.found)  # stored by other processes
        self.found, self.matches, self.tally = set(), {}, Tally()
        for key, verdict in verdicts.items():
            self._count(key, verdict)

    def _count(self, key: int, verdict: Verdict) -> None:
        self.found.add(key)
        self.tally.add(verdict)
        if verdict.is_listed:
            self.matches[key] = not verdict.kept

    def coverage(self) -> dict[str, Any]:
        """Return what is said of this UF's reading (contract: `cobertura`)."""
        return {
            "status": self.status.value,
            "motivo": self.reason or None,
            "pagina_que_falhou": self.failed_page,
            "lidas": len(self.found),
            "encontradas": self.tally.kept,
            "do_acervo": self.from_store,
            "repetidas": self.repeated,
            "ilegiveis": self.malformed,
            "paginas_lidas": self.pages_done,
            "paginas_total": self.pages_total,
        }

    def coverage_at_the_end(self) -> dict[str, Any]:
        """Return the same for a search that ends before this UF was read whole."""
        if self.is_over:
            return self.coverage()
        return self.coverage() | {
            "status": self.status_of_a_part.value,
            "motivo": "search.stopped",
        }

    @property
    def status_of_a_part(self) -> UnitStatus:
        """Return what becomes of a UF of which something is missing: all of it, or a part."""
        has_some = self.found or self.pages_done or self.is_partly_known
        return UnitStatus.PARTIAL if has_some else UnitStatus.FAILED

    @property
    def is_over(self) -> bool:
        return self.status not in _UNFINISHED


class ToldUnits:
    """What earlier attempts have told of each UF, by the details of their events in order.

    Counts are absolute: a new attempt that begins with nothing tells none below them.
    """

    def __init__(self, details: Iterable[Mapping[str, Any]] = ()) -> None:
        self._last: dict[str, Mapping[str, Any]] = {}
        self.over: set[str] = set()  # came to an end once
        for detail in details:
            self._last[detail["uf"]] = detail
            if UnitStatus(detail["uf_status"]) not in _UNFINISHED:
                self.over.add(detail["uf"])

    def raised(self, detail: dict[str, Any]) -> dict[str, Any] | None:
        """Return what may be told of a UF; None while one that was whole is read once more.

        Lists that an earlier attempt read whole are not read again: what is counted of the others
        comes up to what was told before, and goes on from there.
        """
        uf, status = detail["uf"], UnitStatus(detail["uf_status"])
        before = self._last.get(uf)
        if before is None:
            return detail
        names = ["pages_done", "pages_total"]
        if status in _UNFINISHED:
            if before["uf_status"] == UnitStatus.COMPLETE:
                return None
            names += ["items_found", "items_matched"]  # at its end they are what they are
        counts = {name: max(detail[name], before[name]) for name in names}
        if status is UnitStatus.COMPLETE:
            counts["pages_done"] = counts["pages_total"]
        self._last[uf] = detail = detail | counts
        return detail


def new_units(query: SearchQuery) -> dict[str, UnitState]:
    """Return a unit to read for each UF of a query, in its order."""
    return {uf: UnitState(uf) for uf in query.ufs}


def coverage_of(search: Search) -> dict[str, Any]:
    """Return what is said of each UF of a search; nothing while it may still be read.

    One that ended before it was begun, or whose worker was lost, has read none.
    """
    if search.coverage or not search.is_terminal:
        return dict(search.coverage)
    return {uf: UnitState(uf).coverage_at_the_end() for uf in search.query["ufs"]}

"""What is said while a search runs; screen.js goes on from it. Floor 6."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from searches import messages, selectors, wording
from searches.domain.lifecycle import Status
from searches.domain.query import SearchQuery
from searches.models import Search
from searches.pages import tiles

#: Before this nothing can be said about the time that is left.
_SHORTEST_MEASURE_SECONDS = 4
_FEWEST_PAGES = 3


#: The last thing told of each UF.
Told = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Running:
    """The state of a running search, in words and on the map."""

    message: str
    latest: str
    progress: int
    seq: str
    elapsed: str
    elapsed_seconds: str
    left: str
    pages: str
    read: str
    found: str
    from_store: str
    units: str
    is_stopping: bool
    tiles: tuple[tiles.Tile, ...]
    #: the last thing told of each UF, from which the script goes on
    told: dict[str, Mapping[str, Any]]


def as_counted(told: Told, counts: Mapping[str, int]) -> Told:
    """Return what was told of each UF with the matches that the database has of it by now.

    What is told of a page comes a little later than its matches, and those that the country's lists
    brought come before their UF counts them. What matches was read. screen.js does the same.
    """
    counted = {}
    for uf, detail in told.items():
        found = max(int(detail["items_matched"]), counts.get(uf, 0))
        read = max(int(detail["items_found"]), found)
        counted[uf] = {**detail, "items_matched": found, "items_found": read}
    return counted


def found_count(told: Told) -> int:
    """Return how many matches the tiles add up to."""
    return sum(int(detail["items_matched"]) for detail in told.values())


def running(search: Search, query: SearchQuery, told: Told, *, now: datetime) -> Running:
    """Return what was known of a running search when its row was read.

    `told`: the last thing told of each UF until then.
    """
    last = selectors.events_after(search.pk, search.last_seq - 1)[:1]
    seconds = (now - (search.started_at or search.created_at)).total_seconds()

    def total(name: str) -> int:
        return sum(int(detail.get(name, 0)) for detail in told.values())

    return Running(
        message=last[-1]["message"] if last else "Busca na fila",
        latest=_latest(told.get(last[-1]["detail"].get("uf", ""), {}) if last else {}),
        progress=max(search.progress, 0),
        seq=str(search.last_seq),
        elapsed=wording.clock(seconds),
        elapsed_seconds=f"{seconds:.1f}",
        left=_left(search, told, seconds),
        pages=_pages(search, told),
        read=wording.whole(total("items_found")),
        found=wording.whole(found_count(told)),
        from_store=wording.whole(total("from_store")),
        units=f"{search.units_done} de {search.units_total}",
        is_stopping=search.cancel_requested_at is not None,
        tiles=tiles.progress_tiles(told, asked=frozenset(query.ufs)),
        told=dict(told),
    )


def _latest(detail: Mapping[str, Any]) -> str:
    if not (uf := detail.get("uf")):
        return ""
    read = wording.counted(int(detail["items_found"]), "lida", "lidas")
    found = wording.counted(int(detail["items_matched"]), "encontrada", "encontradas")
    return f"{wording.state_name(uf)}: {read}, {found}"


def begun_ufs(told: Told) -> tuple[str, ...]:
    """Return the UFs that are being read, or were: the others' tiles say that they wait."""
    return tuple(uf for uf, each in told.items() if each.get("uf_status") != "waiting")


def _pages(search: Search, told: Told) -> str:
    """Say how many pages were read; of how many, once every UF has begun and none has failed.

    What failed may be a first page, which tells how many there are. screen.js does the same.
    """
    done = sum(int(each["pages_done"]) for each in told.values())
    total = sum(int(each["pages_total"]) for each in told.values())
    if not total:
        return "–"
    has_failed = any(each.get("uf_status") in ("partial", "failed") for each in told.values())
    is_known = len(begun_ufs(told)) >= search.units_total and not has_failed
    return f"{wording.whole(done)} de {wording.whole(total)}" if is_known else wording.whole(done)


def _left(search: Search, told: Told, seconds: float) -> str:
    """Estimate the time left by the pages: those of a UF not begun are as many as of the others.

    screen.js does the same.
    """
    begun = [told[uf] for uf in begun_ufs(told)]
    done = sum(int(each["pages_done"]) for each in begun)
    total = sum(int(each["pages_total"]) for each in begun)
    if done < _FEWEST_PAGES or seconds < _SHORTEST_MEASURE_SECONDS:
        return ""
    missing = total * max(search.units_total, len(begun)) / len(begun) - done
    return wording.about(seconds * missing / done) if missing > 0 else ""


def ending(search: Search) -> str:
    """Say how a search ended, in one line."""
    last = selectors.events_after(search.pk, search.last_seq - 1)
    if search.status == Status.ERROR:
        return messages.error_text(search.error_code)
    return str(last[-1]["message"]) if last else ""

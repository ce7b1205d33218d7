"""The tile map in its two reading roles: progress and result. Floor 6.

A tile's state is in its shape, in its class and, in words, in its label. screen.js says the same
words: change both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from searches.domain.brazil import UNITS
from searches.wording import counted, whole

#: A tile is as tall as this in its own units.
_FULL = 100
#: Steps of the shade by number of matches.
SHADES = 5
#: What stands on a tile, in its legend and, with what it means, in its label.
_FAILED = "falhou"
_FAILED_LABEL = f"{_FAILED}, não foi lida"
_UNREAD = "não foi lida: a busca parou antes"
#: What a result's map has signs for.
_SIGNS = {"partial": "incompleta", "failed": _FAILED, "unread": _UNREAD}


@dataclass(frozen=True, slots=True)
class Tile:
    """One UF on the map."""

    uf: str
    name: str
    state: str  # out, waiting, reading, complete, partial, failed, unread, or idle in a result
    label: str  # what a screen reader says after the name
    count: str = ""
    from_store: bool = False
    filled: str = "0"  # of 100, for the rectangle that grows from the bottom
    shade: int = 0  # 0 to 5: how many matches, next to the other UFs
    href: str = ""
    is_chosen: bool = False

    @property
    def top(self) -> str:
        return str(_FULL - int(self.filled))


def progress_tile(uf: str, name: str, told: Mapping[str, Any] | None, *, asked: bool) -> Tile:
    """Return the tile of a UF by the last thing told of it."""
    if not asked:
        return Tile(uf, name, "out", "não pedida")
    if told is None:
        return Tile(uf, name, "waiting", "à espera")
    state = str(told.get("uf_status", "reading"))
    read, found = int(told["items_found"]), int(told["items_matched"])
    done, total = int(told["pages_done"]), int(told["pages_total"])
    from_store = int(told["from_store"])
    counts = f"{counted(read, 'lida', 'lidas')}, {counted(found, 'encontrada', 'encontradas')}"
    match state:
        case "waiting":
            return Tile(uf, name, "waiting", "à espera")
        case "reading":
            filled = min(_FULL, round(_FULL * done / total)) if total else 0
            label = f"lendo, {whole(done)} de {counted(total, 'página', 'páginas')}, {counts}"
            return Tile(uf, name, state, label, _count(found), filled=str(filled))
        case "unread":
            return Tile(uf, name, state, _UNREAD)
        case "failed":
            return Tile(uf, name, state, _FAILED_LABEL, _FAILED)
        case "partial":
            return Tile(uf, name, state, f"incompleta, {counts}", whole(found), filled="100")
    is_stored = 0 < read <= from_store
    if is_stored:
        counts += ", do acervo"
    return Tile(uf, name, "complete", counts, whole(found), from_store=is_stored, filled="100")


def _count(found: int) -> str:
    return whole(found) if found else ""


def progress_tiles(
    told: Mapping[str, Mapping[str, Any]], *, asked: frozenset[str]
) -> tuple[Tile, ...]:
    """Return the map of a search that is being read."""
    return tuple(
        progress_tile(unit.code, unit.name, told.get(unit.code), asked=unit.code in asked)
        for unit in UNITS
    )


def _status(entry: Mapping[str, Any]) -> str:
    """Return a UF's status; nothing failed where the search was stopped before it."""
    is_unread = entry["status"] == "failed" and entry["motivo"] == "search.stopped"
    return "unread" if is_unread else str(entry["status"])


def as_told(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the coverage in the words of the events.

    Where it came from is left to the table of coverage: the result's legend has no such mark.
    """
    return {
        "uf_status": _status(entry),
        "items_found": entry["lidas"],
        "items_matched": entry["encontradas"],
        "pages_done": entry["paginas_lidas"],
        "pages_total": entry["paginas_total"],
        "from_store": 0,
    }


def result_tiles(
    counts: Mapping[str, int],
    coverage: Mapping[str, Mapping[str, Any]],
    *,
    asked: frozenset[str],
    chosen: frozenset[str],
    links: Mapping[str, str],
    nouns: tuple[str, str],
) -> tuple[Tile, ...]:
    """Return the map of a result: shaded by matches, each tile a filter.

    `nouns`: what one that is counted is called, and many.
    """
    most = max(counts.values(), default=0)
    return tuple(
        _result_tile(
            unit.code,
            unit.name,
            counts.get(unit.code, 0),
            most=most,
            status=_status(coverage[unit.code]) if unit.code in coverage else "complete",
            asked=unit.code in asked,
            is_chosen=unit.code in chosen,
            href=links.get(unit.code, ""),
            nouns=nouns,
        )
        for unit in UNITS
    )


def legend(tiles: Iterable[Tile]) -> list[tuple[str, str]]:
    """Return (state, meaning) of the signs that are on a result's map."""
    shown = {tile.state for tile in tiles}
    return [sign for sign in _SIGNS.items() if sign[0] in shown]


def _result_tile(
    uf: str,
    name: str,
    count: int,
    *,
    most: int,
    status: str,
    asked: bool,
    is_chosen: bool,
    href: str,
    nouns: tuple[str, str],
) -> Tile:
    if not asked:
        return Tile(uf, name, "out", "não pedida")
    label = counted(count, *nouns)
    number = whole(count)
    if status == "failed":
        state, label = "failed", f"{label}, {_FAILED_LABEL}" if count else _FAILED_LABEL
        number = number if count else _FAILED
    elif status == "unread":
        state, label = "unread", f"{label}, {_UNREAD}" if count else _UNREAD
        number = number if count else ""
    elif status == "partial":
        state, label = "partial", f"{label}, leitura incompleta"
    else:
        state = "idle"
    # The root spreads the small numbers, where most states are.
    shade = -int(-SHADES * (count / most) ** 0.5 // 1) if most and count else 0
    return Tile(
        uf, name, state, label, number, shade=shade, is_chosen=is_chosen,
        href=href if count or is_chosen else "",
    )  # fmt: skip

"""Municipalities by name: IBGE's, and what the store has met besides. Floor 6.

People know names; the contract's request knows IBGE codes.
"""

import re
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

from searches import selectors
from searches.domain.brazil import BY_CODE, municipalities
from searches.domain.text import one_line, phrase_words, plain

#: The names are read from the whole store: not for each page.
KNOWN_FOR_SECONDS = 600.0
_CODE = re.compile(r"[0-9]{7}")
#: No name is as long, whatever stands around it.
LONGEST_NAME = 100


@dataclass
class _Known:
    read_at: float
    #: folded name -> (UF, code) of each municipality of that name
    codes: defaultdict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    names: dict[str, str] = field(default_factory=dict)

    def add(self, code: str, name: str, uf: str) -> None:
        """Know a name; the first of a municipality's is the one that is shown."""
        named = self.codes[_folded(name)]
        if (uf, code) not in named:
            named.append((uf, code))
        self.names.setdefault(code, f"{name}/{uf}")


_known: dict[int, _Known] = {}
_reading = threading.Lock()


def _all_known() -> _Known:
    source = selectors.source_id()
    known = _known.get(source)
    if known is not None and time.monotonic() - known.read_at <= KNOWN_FOR_SECONDS:
        return known
    # One reads for all; the others go on with the names of a moment ago, if there are any.
    if known is None:
        _reading.acquire()
    elif not _reading.acquire(blocking=False):
        return known
    try:
        if _known.get(source) is known:  # nobody has read them while this one waited
            _known[source] = _read(source)
        return _known[source]
    finally:
        _reading.release()


def _read(source: int) -> _Known:
    known = _Known(time.monotonic())
    for code, (uf, name) in municipalities().items():
        known.add(code, name, uf)
    for code, name, uf in selectors.municipalities(source):
        known.add(code, name, uf)
    return known


def _folded(name: str) -> str:
    return " ".join(phrase_words(name))


class Places:
    """The municipalities for one form or page, which may ask for hundreds: looked up once."""

    def __init__(self) -> None:
        self._seen: _Known | None = None

    @property
    def _known(self) -> _Known:
        # No cached_property: before Python 3.12 all instances wait for the one that reads.
        if self._seen is None:
            self._seen = _all_known()
        return self._seen

    def name_of(self, code: str) -> str:
        """Return a municipality as people write it, Campinas/SP; the code when it is not known."""
        return self._known.names.get(code, code)

    def named(self, written: str) -> list[tuple[str, str]]:
        """Return the (UF, code) of each municipality that is called what was written: a code, a
        name, or a name with its UF (Campinas/SP, Campinas - SP). Nothing when none is known."""
        if len(written) > LONGEST_NAME:
            return []
        written = one_line(plain(written))  # texts are copied with invisible characters
        if _CODE.fullmatch(written):
            uf = self.name_of(written).rpartition("/")[2]
            return [(uf, written)] if uf in BY_CODE else []
        name = _folded(written)
        if name in self._known.codes:  # first: the end of Sento Sé is not Sergipe
            return self._known.codes[name]
        name, _, uf = name.rpartition(" ")
        return [known for known in self._known.codes.get(name, ()) if known[0] == uf.upper()]

"""Where the simulator's records come from: a JSON-lines file, or the generated set. Floor 1."""

import gzip
import io
import zlib
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

import orjson

from searches.domain.planning import Endpoint
from searches.pncp.sample import Place, Sample
from searches.pncp.sample_records import find_place, record_of
from searches.pncp.simulator_rules import Ask, passes

Record = dict[str, Any]


class BadData(Exception):
    """The file does not hold the source's records, one a line."""


class Records(Protocol):
    """What a simulator serves; moments are naive and Brasília's."""

    def select(self, ask: Ask, now: datetime, within: slice) -> tuple[int, list[Record]]:
        """Return how many records answer, and a slice of them in the list's order."""

    def find(self, cnpj: str, year: int, sequence: int, now: datetime) -> Record | None:
        """Return one record by the parts of its control number."""


class FileRecords:
    """Given records, in their order within a day; a list is sorted by day of publication."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.records: list[Record] = sorted(records, key=lambda record: _day(record, _PUBLISHED))

    @classmethod
    def read(cls, path: Path) -> "FileRecords":
        """Read a .jsonl or .jsonl.gz file; raises BadData with the number of the bad line."""
        records: list[Record] = []
        try:
            content = path.read_bytes()
            if content[:2] == b"\x1f\x8b":
                content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise BadData(str(error)) from error
        for number, line in enumerate(io.BytesIO(content), start=1):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise BadData(f"linha {number}: {error}") from error
            if not isinstance(record, dict) or not record.get("numeroControlePNCP"):
                raise BadData(f"linha {number}: falta numeroControlePNCP")
            records.append(record)
        if not records:
            raise BadData("nenhum registro")
        return cls(records)

    def select(self, ask: Ask, now: datetime, within: slice) -> tuple[int, list[Record]]:
        """Return how many records answer, and a slice of them in the list's order."""
        last = ask.last.isoformat()
        if ask.endpoint == Endpoint.OPEN:
            first, moment_of = now.isoformat(timespec="seconds"), "dataEncerramentoProposta"
        else:
            first = ask.first.isoformat() if ask.first else ""
            moment_of = _PUBLISHED if ask.endpoint == Endpoint.PUBLISHED else _UPDATED
        found = [
            record
            for record in self.records
            if (moment := str(record.get(moment_of) or "")) >= first
            and moment[:10] <= last
            and (ask.modality is None or record.get("modalidadeId") == ask.modality)
            and (ask.uf is None or (record.get("unidadeOrgao") or {}).get("ufSigla") == ask.uf)
            and passes(record, ask.filters)
        ]
        return len(found), found[within]

    def find(self, cnpj: str, year: int, sequence: int, now: datetime) -> Record | None:
        """Return one record by the parts of its control number."""
        key = f"{cnpj}-1-{sequence:06d}/{year}"
        found = [record for record in self.records if record["numeroControlePNCP"] == key]
        return max(found, key=lambda record: _day(record, _UPDATED), default=None)


class GeneratedRecords:
    """The generated set, as far as it is published by now."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample

    def select(self, ask: Ask, now: datetime, within: slice) -> tuple[int, list[Record]]:
        """Return how many records answer, and a slice of them in the list's order."""
        if ask.filters:
            _, places = self._places(ask, now, slice(0, _ALL))
            found = [
                record
                for place in places
                if passes(record := record_of(self.sample, place, now), ask.filters)
            ]
            return len(found), found[within]
        total, places = self._places(ask, now, within)
        return total, [record_of(self.sample, place, now) for place in places]

    def find(self, cnpj: str, year: int, sequence: int, now: datetime) -> Record | None:
        """Return one record by the parts of its control number."""
        place = find_place(self.sample, cnpj, year, sequence, now)
        return place and record_of(self.sample, place, now)

    def _places(self, ask: Ask, now: datetime, within: slice) -> tuple[int, list[Place]]:
        first, modality = ask.first or date.min, ask.modality or 0
        if ask.endpoint == Endpoint.PUBLISHED:
            return self.sample.published(
                first, ask.last, modality=modality, uf=ask.uf, now=now, within=within
            )
        if ask.endpoint == Endpoint.OPEN:
            # By the minute: a list stays what it is while it is read.
            minute = now.replace(second=0, microsecond=0)
            places = self.sample.open_at(minute, ask.last, ask.modality, ask.uf)
        else:
            places = self.sample.updated(first, ask.last, modality=modality, uf=ask.uf, now=now)
        return len(places), list(places[within])


_PUBLISHED, _UPDATED = "dataPublicacaoPncp", "dataAtualizacaoGlobal"
_ALL = 10**9


def _day(record: Record, name: str) -> str:
    return str(record.get(name) or "")

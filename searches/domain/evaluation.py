"""Precision, recall and F1 of the sectors on labelled objects. Floor 0."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from searches.domain.matching import Decision, MatchResult, sector_matcher
from searches.domain.sectors import SECTOR_IDS


@dataclass(frozen=True, slots=True)
class Labelled:
    """An object with the sectors that a person gave it."""

    text: str
    sectors: frozenset[str]
    uncertain: bool


class BadLabels(ValueError):
    """The file is not a table of labelled objects. Says where, in Portuguese."""


def read_labels(lines: Iterable[str]) -> list[Labelled]:
    """Return the rows of a table `objeto, setores, incerto`, separated by tabs.

    Promises that every sector is known. Raises BadLabels naming the line.
    """
    rows: list[Labelled] = []
    for number, line in enumerate(lines, start=1):
        fields = line.rstrip("\r\n").split("\t")
        if number == 1 and fields[0].strip().lower() == "objeto":
            continue
        if not line.strip():
            continue
        if not 2 <= len(fields) <= 3:
            raise BadLabels(
                f"linha {number}: são esperadas 2 ou 3 colunas separadas por tabulação"
                f" (objeto, setores, incerto), há {len(fields)}"
            )
        sectors = frozenset(name.strip() for name in fields[1].split(",") if name.strip())
        unknown = sorted(sectors.difference(SECTOR_IDS))
        if unknown:
            raise BadLabels(f"linha {number}: setor desconhecido: {unknown[0]}")
        rows.append(Labelled(fields[0], sectors, len(fields) == 3 and bool(fields[2].strip())))
    if not rows:
        raise BadLabels("nenhum objeto rotulado")
    return rows


@dataclass(frozen=True, slots=True)
class Miss:
    """An object that the sector's matcher decided otherwise than the person."""

    row: Labelled
    result: MatchResult

    @property
    def is_false_positive(self) -> bool:
        return self.result.decision is Decision.MATCH


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of one sector, or of many together."""

    hits: int
    false_positives: int
    false_negatives: int

    @property
    def support(self) -> int:
        return self.hits + self.false_negatives

    @property
    def precision(self) -> float:
        return _ratio(self.hits, self.hits + self.false_positives)

    @property
    def recall(self) -> float:
        return _ratio(self.hits, self.support)

    @property
    def f1(self) -> float:
        return _ratio(2 * self.hits, 2 * self.hits + self.false_positives + self.false_negatives)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures and the misses of each sector, in the order of the sectors."""

    figures: dict[str, Figures]
    misses: dict[str, tuple[Miss, ...]]

    @property
    def micro(self) -> Figures:
        every = self.figures.values()
        return Figures(
            sum(one.hits for one in every),
            sum(one.false_positives for one in every),
            sum(one.false_negatives for one in every),
        )

    @property
    def judged(self) -> tuple[str, ...]:
        """The sectors that the labels or the matchers name: the others cannot be judged."""
        return tuple(
            name for name, one in self.figures.items() if one.support or one.false_positives
        )

    def macro(self, measure: str) -> float:
        """Return the mean of `precision`, `recall` or `f1` over the judged sectors."""
        values = [getattr(self.figures[name], measure) for name in self.judged]
        return sum(values) / len(values) if values else 0.0


def evaluate(rows: Sequence[Labelled]) -> Evaluation:
    """Match every row against every sector."""
    figures: dict[str, Figures] = {}
    misses: dict[str, tuple[Miss, ...]] = {}
    texts = [row.text for row in rows]
    for sector_id in SECTOR_IDS:
        results = list(map(sector_matcher(sector_id).match, texts))
        hits = 0
        missed: list[Miss] = []
        for row, result in zip(rows, results, strict=True):
            said = result.decision is Decision.MATCH
            if said != (sector_id in row.sectors):
                missed.append(Miss(row, result))
            elif said:
                hits += 1
        wrong = sum(miss.is_false_positive for miss in missed)
        figures[sector_id] = Figures(hits, wrong, len(missed) - wrong)
        misses[sector_id] = tuple(missed)
    return Evaluation(figures, misses)

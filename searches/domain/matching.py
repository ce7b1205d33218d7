"""Does an object answer a search, by which words, and how well. Floor 0.

A search has a sector's vocabulary or the user's own terms; both are a `Matcher`, compiled once.
"""

import re
from collections.abc import Sequence
from enum import StrEnum
from functools import cache, lru_cache
from math import ceil
from typing import NamedTuple, Protocol

from searches.domain.scoring import Evidence, SectorScorer
from searches.domain.sectors import Sector, all_sectors, load_vocabulary
from searches.domain.suggestions import suggest_terms
from searches.domain.terms import (
    ParsedTerms,
    TermsError,
    distinct,
    merge_spans,
    parse_terms,
    term_index,
)
from searches.domain.text import phrase_words, read, stretch_places

__all__ = [
    "Decision",
    "MatchResult",
    "Matcher",
    "ParsedTerms",
    "Sector",
    "TermsError",
    "all_sectors",
    "parse_terms",
    "sector_matcher",
    "suggest_terms",
    "term_matcher",
]


class Decision(StrEnum):
    """What the matcher says of an object; the value is the counter's name."""

    MATCH = "match"
    NO_TERM = "sem_termo"  # no term is there
    EXCLUDED = "exclusao"  # a term is there, and so is what excludes it
    BELOW_FLOOR = "abaixo_do_minimo"  # terms are there, but too few or too weak


class MatchResult(NamedTuple):
    """The decision about one object, with its reasons."""

    decision: Decision
    #: terms found, best first: as written, a sector's with the little words of the object
    terms: tuple[str, ...]
    #: where, half-open, sorted, not overlapping; none for what is excluded, which nobody is shown
    spans: tuple[tuple[int, int], ...]
    relevance: int  # 0 to 100
    excluded_by: str | None


_NO_TERM = MatchResult(Decision.NO_TERM, (), (), 0, None)


class Matcher(Protocol):
    """Compiled terms of a search. Safe to share between threads."""

    #: how many different terms an object must have.
    floor: int
    #: the terms in use, as written.
    terms: tuple[str, ...]

    def match(self, text: str) -> MatchResult:
        """Decide one object."""
        ...


class _TermMatcher:
    """The user's own terms."""

    def __init__(self, terms: tuple[str, ...], exclusions: tuple[str, ...], floor: int) -> None:
        self.terms = terms
        self.floor = floor
        self._index = term_index(terms)
        self._exclusions = term_index(exclusions)

    def match(self, text: str) -> MatchResult:
        folded, found = read(text)
        if not self._index.may_hit(found):
            return _NO_TERM
        hits = self._index.find(found)
        if not hits:
            return _NO_TERM
        # Best first: the longest phrase, then the one nearest to the beginning.
        hits.sort(key=lambda hit: (hit.start - hit.end, hit.start))
        terms = tuple(dict.fromkeys(hit.value for hit in hits))
        excluding = self._exclusions.find(found) if self._exclusions.may_hit(found) else []
        earliness = 1 - min(hit.start for hit in hits) / len(found)
        relevance = round(40 + 40 * len(terms) / len(self.terms) + 20 * earliness)
        if excluding:
            return MatchResult(Decision.EXCLUDED, terms, (), relevance, excluding[0].value)
        stretches = merge_spans((hit.start, hit.end) for hit in hits)
        spans = tuple(stretch_places(folded, found, stretches))
        decision = Decision.MATCH if len(terms) >= self.floor else Decision.BELOW_FLOOR
        return MatchResult(decision, terms, spans, relevance, None)


def term_matcher(
    terms: Sequence[str], exclusions: Sequence[str] = (), *, floor: int | None = None
) -> Matcher:
    """Return the matcher of the user's own terms.

    A term is found as whole words in sequence, blind to accents and case, each word in singular
    or plural. Without `floor`, one term in three is asked for, and never more than three.
    Raises ValueError when there is no term.
    """
    different = distinct(terms)
    if not different:
        raise ValueError("a matcher needs at least one term")
    if floor is None:
        floor = min(3, ceil(len(different) / 3))
    return _TermMatcher(different, tuple(exclusions), max(1, min(floor, len(different))))


_ASIDE = re.compile(r"\s*(\b\d+\s*)?\([^()]*\)")
#: Of an aside that only begins or ends in the stretch.
_NO_BRACKETS = str.maketrans("()", "  ")


@lru_cache(maxsize=20_000)
def _as_found(term: str, stretch: str) -> str:
    """Return what a phrase is called that has function words between its own in the object.

    As the object has it, "equipamentos de proteção individual" for "equipamento proteção
    individual": without its asides, "02 (duas)", and with the phrase's acronyms.
    """
    written = {word.lower(): word for word in term.split()}
    words = _ASIDE.sub("", stretch).lower().translate(_NO_BRACKETS).split()
    name = " ".join([written.get(word, word) for word in words])
    return name if len(phrase_words(name)) > len(phrase_words(term)) else term


def _names(
    text: str,
    evidence: Sequence[Evidence],
    stretches: Sequence[tuple[int, int]],
    spans: Sequence[tuple[int, int]],
) -> tuple[str, ...]:
    """Return what the terms are called. `spans`: where the stretches of words stand in the text."""
    names: dict[str, str] = {}
    for item in evidence:
        term = name = item.term
        if term in names:
            continue
        if item.has_gap:
            start, end = spans[stretches.index((item.start, item.end))]
            name = _as_found(term, text[start:end])
        names[term] = name
    return tuple(dict.fromkeys(names.values()))


class _SectorMatcher:
    """A sector's vocabulary, weighed by `scoring`."""

    floor = 1

    def __init__(self, scorer: SectorScorer, exclusions: tuple[str, ...]) -> None:
        self.terms = scorer.sector.terms
        self._scorer = scorer
        self._exclusions = term_index(exclusions)

    def match(self, text: str) -> MatchResult:
        folded, found = read(text)
        if not self._scorer.may_match(found):
            return _NO_TERM
        score = self._scorer.score(found)
        if not score.evidence and score.excluded_by is None:
            return _NO_TERM
        excluded_by = score.excluded_by
        if excluded_by is None and self._exclusions.may_hit(found):
            excluding = self._exclusions.find(found)
            excluded_by = excluding[0].value if excluding else None
        if excluded_by is not None:
            terms = tuple(dict.fromkeys([item.term for item in score.evidence]))
            return MatchResult(Decision.EXCLUDED, terms, (), score.relevance, excluded_by)
        # Evidence does not overlap: nothing is to be merged.
        stretches = sorted([(item.start, item.end) for item in score.evidence])
        spans = tuple(stretch_places(folded, found, stretches))
        terms = _names(text, score.evidence, stretches, spans)
        decision = Decision.MATCH if score.is_match else Decision.BELOW_FLOOR
        return MatchResult(decision, terms, spans, score.relevance, None)


@cache
def _scorer(sector_id: str) -> SectorScorer:
    return SectorScorer(load_vocabulary(sector_id))


def sector_matcher(sector_id: str, exclusions: Sequence[str] = ()) -> Matcher:
    """Return the matcher of a sector, compiled once in a process. Raises KeyError if unknown."""
    return _SectorMatcher(_scorer(sector_id), tuple(exclusions))

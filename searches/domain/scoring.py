"""How well an object fits a sector: evidence, weighed by where it stands. Floor 0.

The score of an object is the sum, over the different terms found in it, of

    weight of the term (strong 1, weak 0.4)  x  worth of the place (the zones of `_common.toml`)

less 1 (or `against_weight`) if a phrase near the head says that it is about something else. The
general terms name a trade and not a thing: they count once, and not at all when another trade is
named. A score of 1 is a match. So one strong term in what is bought decides; in "para atender a
Secretaria de Saúde" it does not, and two of them do not either; three different ones may, as the
list of what is bought that they are.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from searches.domain.sectors import Vocabulary, load_common
from searches.domain.terms import Hit, PhraseIndex, first_and_longest
from searches.domain.zones import (
    file_phrases,
    key_place,
    phrase_index,
    phrase_slots,
    place_worths,
    read_words,
    readings,
    said,
    written,
)

T = TypeVar("T")

THRESHOLD = 1.0
_STRONG, _WEAK = 1.0, 0.4
_GENERAL = "*"
#: The shelves of a sector's index: what an object is looked through for, all at once.
_TERM, _MASK, _SHARED_MASK, _AGAINST, _OTHER_TRADE, _OPENER = range(6)
_SHELVES = 6
#: What evidence outside the head can add up to, nearly a match, unless so many different strong
#: terms are there: a purpose names one or two, a list of goods that begins late names many.
_OUTSIDE_CAP, _MANY = 0.9, 3
#: What a strong term is worth where a purpose is named.
_STRONG_OUTSIDE = 0.3
#: What stands where places are worth less than this does not speak against: "buffet para a
#: Secretaria de Obras" is no building work.
_AGAINST_FROM = 0.5
#: Where so much stands for the sector, only the head speaks against it: "construção de unidades
#: habitacionais ... com fornecimento de veículos" is no purchase of vehicles.
_SURE = 2.0


class _Term(NamedTuple):
    phrase: str
    counted_as: str  # terms that share it count once
    weight: float
    near: PhraseIndex[str] | None
    window: int
    or_first: bool


class Evidence(NamedTuple):
    """A term that counts, with its first and one-past-last word in the list of words."""

    term: str
    counted_as: str
    start: int
    end: int
    worth: float
    in_head: bool
    has_gap: bool  # function words stand between its own


class Score(NamedTuple):
    """What the scorer found. `evidence`: the head first, then by worth, then by place."""

    evidence: tuple[Evidence, ...]
    total: float
    relevance: int
    excluded_by: str | None

    @property
    def is_match(self) -> bool:
        """Say whether the object answers the sector."""
        return self.excluded_by is None and self.total >= THRESHOLD


_NOTHING = Score((), 0.0, 0, None)


class _Gate:
    """Turns away nearly all objects that hold no term, by their words as they are written."""

    def __init__(self) -> None:
        #: What must be beside each word; None: it may be a term by itself.
        self._company: dict[str, set[str] | None] = {}
        self._keys: set[str] = set()  # its keys, which as a set are compared faster

    def add(self, keys: Iterable[str], company: Iterable[str] | None) -> None:
        """Let pass what has one of the keys, and one of the company when it needs some."""
        needed = None if company is None else written(company)
        for key in written(keys):
            known = self._company.setdefault(key, set())
            if needed is None:
                self._company[key] = None
            elif known is not None:
                known |= needed
            self._keys.add(key)

    def may_pass(self, words: Sequence[str]) -> bool:
        """Say whether a term may be there; often wrongly so, but never wrongly not."""
        for word in self._keys.intersection(words):
            company = self._company[word]
            if company is None or not company.isdisjoint(words):
                return True
        return False


class SectorScorer:
    """A vocabulary, compiled."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.sector = vocabulary.sector
        self._against_weight = vocabulary.against_weight
        self._index: PhraseIndex[Any] = PhraseIndex(shelves=_SHELVES)
        self._gate = _Gate()
        for phrases, weight in ((vocabulary.strong, _STRONG), (vocabulary.weak, _WEAK)):
            for phrase in phrases:
                self._add(_Term(phrase, phrase, weight, None, 0, False))
        for phrase in vocabulary.general:
            self._add(_Term(phrase, _GENERAL, _STRONG, None, 0, False))
        for group in vocabulary.near:
            context = phrase_index(group.context)
            for phrase in group.terms:
                self._add(
                    _Term(phrase, phrase, group.weight, context, group.window, group.or_first)
                )
        common = load_common()
        file_phrases(self._index, vocabulary.masks, shelf=_MASK)
        file_phrases(self._index, common.masks, shelf=_SHARED_MASK)
        file_phrases(self._index, vocabulary.against, shelf=_AGAINST)
        file_phrases(self._index, vocabulary.other_trades, shelf=_OTHER_TRADE)
        for zone in common.zones:
            file_phrases(self._index, zone.openers, zone, shelf=_OPENER)

    def _add(self, term: _Term) -> None:
        for reading in readings(term.phrase):
            slots = phrase_slots(reading)
            key = key_place(slots)
            self._index.add(slots, term._replace(phrase=reading), key=key, shelf=_TERM)
            others = [slot for place, slot in enumerate(slots) if place != key]
            company: frozenset[str] | None = None
            if others and not others[key_place(others)].prefixes:
                company = others[key_place(others)].forms
            elif term.near is not None and not term.or_first and not others:
                company = term.near.keys
            self._gate.add(slots[key].forms, company)

    def may_match(self, words: Sequence[str]) -> bool:
        """Say whether the score can be more than 0; nearly free."""
        return self._gate.may_pass(words) or self._index.may_hit_prefix(words)

    def score(self, words: Sequence[str]) -> Score:
        """Score an object given as folded words.

        1. Function words go, abbreviations are spelt out; places are kept.
        2. Terms inside a masked phrase, or far from the context they need, do not count.
        3. Of terms that overlap, the longest counts.
        4. Worths are added up by different term.
        """
        read = read_words(words)
        content = list(filter(None, read))
        found, masked, shared, against, trades, openers = self._index.find_all(content)
        hits = [hit for hit in found if hit.value.near is None or _has_context(hit, content)]
        if not hits:
            return _NOTHING
        if hidden := [*masked, *shared]:
            hits = [hit for hit in hits if not _is_masked(hit, hidden)]
            if not hits:
                if not masked:
                    return _NOTHING
                return Score((), 0.0, 0, _said(min(masked, key=first_and_longest), content))
        is_general = any(hit.value.counted_as == _GENERAL for hit in hits)
        until = max([hit.end for hit in (*hits, *against, *(trades if is_general else ()))])
        worths = place_worths(content, openers, until=until)
        if is_general and any(worths[hit.start] >= _AGAINST_FROM for hit in trades):
            hits = [hit for hit in hits if hit.value.counted_as != _GENERAL]
        if not hits:
            return _NOTHING
        hits = _without_overlaps(hits, worths)
        evidence = []
        kept = [place for place, word in enumerate(read) if word]
        for term, start, end in hits:
            place = worths[start] if end == start + 1 else max(worths[start:end])
            shown, skipped = said(term.phrase, tuple(content[start:end]))
            worth = term.weight * place
            first, last = kept[start + skipped], kept[end - 1]
            has_gap = last - first >= end - start - skipped
            evidence.append(
                Evidence(shown, term.counted_as, first, last + 1, worth, place == 1, has_gap)
            )
        evidence.sort(key=_best_first)
        total, excluded_by = _add_up(evidence), None
        heard = 1.0 if total >= _SURE else _AGAINST_FROM
        against = [hit for hit in against if worths[hit.start] >= heard]
        if against:
            taken, excluded_by = self._taken_away(content, against, shared, hits, worths)
            total -= taken
        if total >= THRESHOLD:
            excluded_by = None
        relevance = _relevance(total, min(item.start for item in evidence) / len(words))
        return Score(tuple(evidence), total, relevance, excluded_by)

    def _taken_away(
        self,
        content: Sequence[str],
        against: Sequence[Hit[str]],
        shared: Sequence[Hit[str]],
        counted: Sequence[Hit[_Term]],
        worths: Sequence[float],
    ) -> tuple[float, str | None]:
        """Return what the worst phrase against the sector costs, and the phrase.

        One inside a longer term that counts costs nothing: "medicamentos e seringas".
        """
        worst, phrase = 0.0, None
        for hit in sorted(against, key=first_and_longest):
            worth = worths[hit.start]
            if worth <= worst or _is_masked(hit, shared):
                continue
            length = hit.end - hit.start
            if not any(
                term.start <= hit.start and hit.end <= term.end and term.end - term.start > length
                for term in counted
            ):
                worst, phrase = worth, _said(hit, content)
        return self._against_weight * worst, phrase


def _best_first(item: Evidence) -> tuple[bool, float, int]:
    # What stands in the head comes first: a heavy term that comes again in the tail counts there.
    return not item.in_head, -item.worth, item.start


def _said(hit: Hit[str], content: Sequence[str]) -> str:
    return said(hit.value, tuple(content[hit.start : hit.end]))[0]


def _is_masked(hit: Hit[T], masks: Sequence[Hit[str]]) -> bool:
    start, end = hit.start, hit.end
    for mask in masks:  # written out: this is asked for every hit
        if mask.start < end and start < mask.end and mask.end - mask.start >= end - start:
            return True
    return False


def _has_context(hit: Hit[_Term], content: Sequence[str]) -> bool:
    term, start, end = hit
    near = term.near
    if near is None:
        return True
    if term.or_first and load_common().names_nothing.issuperset(content[:start]):
        return True
    before, after = content[max(0, start - term.window) : start], content[end : end + term.window]
    return near.has_hit(before) or near.has_hit(after)


def _without_overlaps(hits: list[Hit[_Term]], worths: Sequence[float]) -> list[Hit[_Term]]:
    hits.sort(key=itemgetter(1))
    end = 0
    for hit in hits:
        if hit.start < end:
            break
        end = hit.end
    else:
        return hits  # most often it is so, and found out sooner than mended
    # Of equals the first in the text, so that nothing hangs on where a phrase is filed.
    hits = sorted(
        hits,
        key=lambda hit: (hit.start - hit.end, -hit.value.weight * worths[hit.start], hit.start),
    )
    taken: set[int] = set()
    kept = []
    for hit in hits:
        places = range(hit.start, hit.end)
        if taken.isdisjoint(places):
            taken.update(places)
            kept.append(hit)
    return kept


def _add_up(evidence: Sequence[Evidence]) -> float:
    """Add up the best worth of each different term; a few outside the head are capped."""
    counted: set[str] = set()
    inside = outside = 0.0
    strong_outside = 0
    for item in evidence:  # the best first
        if item.counted_as in counted:
            continue
        counted.add(item.counted_as)
        if item.in_head:
            inside += item.worth
        else:
            outside += item.worth
            strong_outside += item.worth >= _STRONG_OUTSIDE
    return inside + (outside if strong_outside >= _MANY else min(outside, _OUTSIDE_CAP))


def _relevance(total: float, lateness: float) -> int:
    """Map a score to 0..100: 1 is 60, 2 is 80; up to 20 less for coming late."""
    strength: float = 1 - 0.4 ** max(0.0, total)
    return round(100 * strength * (1 - 0.2 * lateness))

"""What to try when nothing matches: words of the objects that look like the user's. Floor 0."""

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from searches.domain.inflection import STOPWORDS
from searches.domain.terms import key_words, term_index
from searches.domain.text import fold, word_list, word_spans

_MAX_SUGGESTIONS = 8
_MAX_VOCABULARY = 20_000
_CLOSENESS = 0.78


def suggest_terms(
    terms: Sequence[str], texts: Iterable[str], *, exclusions: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return words of these texts spelt nearly like one that was asked for, commonest first.

    None that was asked for already, in singular or plural, and none that stands only in texts
    which the exclusions throw out: it would find nothing either. A term that does find some text
    needs nothing in its place.
    """
    asked, excluded = term_index(terms), term_index(exclusions)
    matching: set[str] = set()
    spelling: dict[str, str] = {}
    count: Counter[str] = Counter()
    for text in texts:
        folded = fold(text)
        found = word_list(folded)
        if excluded.has_hit(found):
            continue
        matching.update(hit.value for hit in asked.find(found))
        count.update(found)
        if len(spelling) < _MAX_VOCABULARY:
            for word, (start, end) in zip(found, word_spans(folded), strict=True):
                if len(word) > 3 and word not in STOPWORDS:
                    spelling.setdefault(word, text[start:end].lower())
    suggestions = [
        spelling[near]
        for term in terms
        if term not in matching
        for key in key_words(term)
        for near in _near_words(key.rstrip("*"), spelling, count)
        if not asked.has_hit([near])
    ]
    return tuple(dict.fromkeys(suggestions))[:_MAX_SUGGESTIONS]


def _near_words(word: str, spelling: dict[str, str], count: Counter[str]) -> list[str]:
    if word in STOPWORDS or len(word) < 4:
        return []
    # difflib is quadratic: words of quite another length cannot be close anyway.
    nearby = [other for other in spelling if abs(len(other) - len(word)) <= 3]
    close = get_close_matches(word, nearby, n=3, cutoff=_CLOSENESS)
    return sorted(close, key=lambda other: -count[other])

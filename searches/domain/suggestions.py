"""What to try when nothing matches: words of the objects that look like the user's. Floor 0."""

from collections import Counter
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from searches.domain.inflection import STOPWORDS
from searches.domain.terms import PhraseIndex, key_words, make_slot
from searches.domain.text import fold, word_list, word_spans

_MAX_SUGGESTIONS = 8
_MAX_VOCABULARY = 20_000
_CLOSENESS = 0.78


def suggest_terms(terms: Sequence[str], texts: Iterable[str]) -> tuple[str, ...]:
    """Return terms that do find something in these texts, most useful first.

    1. The user's own terms that match some text when asked alone.
    2. Words of the texts spelt nearly like a word that was asked for, commonest first.
    """
    index: PhraseIndex[str] = PhraseIndex()
    for term in terms:
        slots = [make_slot([key]) for key in key_words(term)]
        if slots:
            index.add(slots, term)
    alone: Counter[str] = Counter()
    spelling: dict[str, str] = {}
    count: Counter[str] = Counter()
    for text in texts:
        folded = fold(text)
        found = word_list(folded)
        alone.update({hit.value for hit in index.find(found)})
        count.update(found)
        if len(spelling) < _MAX_VOCABULARY:
            for word, (start, end) in zip(found, word_spans(folded), strict=True):
                if len(word) > 3 and word not in STOPWORDS:
                    spelling.setdefault(word, text[start:end].lower())
    suggestions = [term for term, _ in alone.most_common()]
    asked = {key.rstrip("*") for term in terms for key in key_words(term)}
    for term in terms:
        if term in alone:
            continue
        for key in key_words(term):
            for near in _near_words(key.rstrip("*"), spelling, count):
                if near not in asked or len(key_words(term)) > 1:
                    suggestions.append(spelling[near])
    return tuple(dict.fromkeys(suggestions))[:_MAX_SUGGESTIONS]


def _near_words(word: str, spelling: dict[str, str], count: Counter[str]) -> list[str]:
    if word in STOPWORDS or len(word) < 4:
        return []
    # difflib is quadratic: words of quite another length cannot be close anyway.
    nearby = [other for other in spelling if abs(len(other) - len(word)) <= 3]
    close = get_close_matches(word, nearby, n=3, cutoff=_CLOSENESS)
    return sorted(close, key=lambda other: -count[other])

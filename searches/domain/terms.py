"""The terms of a search: how they are written, and finding them in a list of words. Floor 0."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from searches.domain.inflection import STOPWORDS, word_forms
from searches.domain.text import fold, phrase_words

MAX_TERMS = 50
MAX_TERM_LENGTH = 100
MIN_PREFIX_LENGTH = 3


class TermsError(ValueError):
    """The terms cannot be searched for. `code` says why, `term` which one."""

    def __init__(self, code: str, term: str = "") -> None:
        #: terms.many, terms.long, terms.prefix, terms.minus, exclusion.minus or exclusion.asked
        self.code = code
        self.term = term
        super().__init__(f"{code}: {term}" if term else code)


@dataclass(frozen=True, slots=True)
class ParsedTerms:
    """What the user meant by a line of terms."""

    terms: tuple[str, ...]  # as written, without quotes and repeated blanks
    stopwords_removed: tuple[str, ...]


_PIECE = re.compile(r'"([^"]*)"|“([^”]*)”|([^"“]+)')
_SEPARATOR = re.compile(r"[,;\n]")
_QUOTES = re.compile(r'["“”]')
#: A word, or words in quotes, right behind a hyphen that is not inside of a word.
_MINUS = re.compile(r"""(?<![^\s,;"“])[-‐-―−]+(?:"[^"]*"|“[^”]*”|[^\W_][^\s,;"”]*)""")


def parse_terms(text: str) -> ParsedTerms:
    """Return the terms of a line written by a user.

    1. What stands in quotes is a phrase.
    2. If the rest has a comma (or a semicolon, or a new line), each piece is a phrase;
       otherwise each word is a term.
    3. A term of stopwords only is dropped, and so is one that repeats another.

    Raises TermsError for too many terms, a term too long, a `*` that is not at the end of a word
    with at least three letters, or a word behind a hyphen: search engines leave such a word out.
    """
    if minus := _MINUS.search(text):
        raise TermsError("terms.minus", minus[0])
    raw_terms: list[str] = []
    by_piece = bool(_SEPARATOR.search(re.sub(r'"[^"]*"|“[^”]*”', " ", text)))
    for first, second, rest in _PIECE.findall(text):
        if rest:
            raw_terms.extend(_SEPARATOR.split(rest) if by_piece else rest.split())
        else:
            raw_terms.append(first or second)
    terms: list[str] = []
    dropped: dict[str, str] = {}
    for raw in raw_terms:
        term = " ".join(raw.split())
        keys = key_words(term)
        if not keys:
            continue
        if all(key in STOPWORDS for key in keys):
            dropped.setdefault(fold(term), term)
        else:
            terms.append(term)
    different = distinct(terms)
    if len(different) > MAX_TERMS:
        raise TermsError("terms.many")
    for term in different:
        if len(term) > MAX_TERM_LENGTH:
            raise TermsError("terms.long", term)
    return ParsedTerms(different, tuple(dropped.values()))


def distinct(terms: Iterable[str]) -> tuple[str, ...]:
    """Return the terms without those that find nothing but what one before them finds: the same
    words, be it in the other number."""
    kept: dict[tuple[str, ...], str] = {}
    for term in terms:
        keys = tuple(key_words(term))
        if keys and not any(_is_within(keys, other) for other in kept):
            kept[keys] = term
    return tuple(kept.values())


def _is_within(keys: Sequence[str], others: Sequence[str]) -> bool:
    """Say whether a term, by its words, finds only what another finds."""
    pairs = zip(keys, others, strict=False)
    return len(keys) == len(others) and all(word_forms(a) <= word_forms(b) for a, b in pairs)


def parse_exclusion(text: str, *, asked: Iterable[str] = ()) -> str:
    """Return a term to leave out, without quotes and repeated blanks; "" when there is no word.

    Raises TermsError for a misplaced `*` or hyphen, and for what would leave nothing of a term that
    is asked for.
    """
    if minus := _MINUS.search(text):
        raise TermsError("exclusion.minus", minus[0])
    term = " ".join(_QUOTES.sub(" ", text).split())
    keys = key_words(term)
    if keys and any(_is_within(key_words(each), keys) for each in asked):
        raise TermsError("exclusion.asked", term)
    return term if keys else ""


def key_words(term: str) -> list[str]:
    """Return the folded words of a term; a trailing `*` stays. Raises TermsError."""
    keys: list[str] = []
    for chunk in term.split():
        stem, star, rest = chunk.partition("*")
        found = phrase_words(stem)
        if star and (rest.strip("*,.;") or not found or len(found[-1]) < MIN_PREFIX_LENGTH):
            raise TermsError("terms.prefix", term)
        if star:
            found[-1] += "*"
        keys.extend(found)
    return keys


class Slot(NamedTuple):
    """One word of a phrase: any of these forms, or any word that starts so."""

    forms: frozenset[str]
    prefixes: tuple[str, ...]

    def has(self, word: str) -> bool:
        """Say whether a word fits."""
        return word in self.forms or (bool(self.prefixes) and word.startswith(self.prefixes))


def make_slot(alternatives: Iterable[str]) -> Slot:
    """Return the slot for these folded words, in singular and plural.

    `*` ends a prefix; `=` begins a word that counts only as it is.
    """
    forms: set[str] = set()
    prefixes: list[str] = []
    for word in alternatives:
        if word.endswith("*"):
            prefixes.append(word[:-1])
        elif word.startswith("="):
            forms.add(word[1:])
        else:
            forms |= word_forms(word)
    # Each word that fits does so in one way, so that no phrase is found twice.
    starts = tuple(
        each
        for each in dict.fromkeys(prefixes)
        if not any(each != other and each.startswith(other) for other in prefixes)
    )
    return Slot(frozenset(form for form in forms if not form.startswith(starts)), starts)


T = TypeVar("T")


class Hit(NamedTuple, Generic[T]):
    """A phrase found: what it stands for, and its first and one-past-last word."""

    value: T
    start: int
    end: int


def first_and_longest(hit: Hit[T]) -> tuple[int, int]:
    """Order hits by their place; of those that begin together, the longest comes first."""
    return hit.start, -hit.end


class _Entry(NamedTuple, Generic[T]):
    """A phrase as it is filed: its reach about the key word, and its other words."""

    before: int
    after: int  # from the key word on, it included
    others: tuple[tuple[int, frozenset[str], tuple[str, ...]], ...]  # offset from the key, slot
    shelf: int
    value: T


class _Drawer(Generic[T]):
    """What is filed under a key word: by the word before it, by the word after it, or neither."""

    __slots__ = ("after", "alone", "before")

    def __init__(self) -> None:
        self.alone: list[_Entry[T]] = []
        self.before: dict[str, list[_Entry[T]]] | None = None  # most drawers have none
        self.after: dict[str, list[_Entry[T]]] | None = None


class PhraseIndex(Generic[T]):
    """Finds many phrases in a list of words, in time that does not grow with the phrases.

    Each phrase is filed under one of its words (its key), the rarest that the caller knows, so
    that a text without any key is rejected by one set operation. They may stand on several
    shelves: to look through all at once is hardly slower than through one.
    """

    def __init__(self, *, shelves: int = 1) -> None:
        self._shelves = range(shelves)
        self._exact: dict[str, _Drawer[T]] = {}
        self._prefixes: dict[int, dict[str, _Drawer[T]]] = {}
        self._are_words = True  # each phrase is one word: a key that is there is a hit

    def add(self, slots: Sequence[Slot], value: T, *, key: int = 0, shelf: int = 0) -> None:
        others = [(place - key, *slot) for place, slot in enumerate(slots) if place != key]
        self._are_words &= not others
        beside = next((other for other in others if abs(other[0]) == 1 and not other[2]), None)
        if beside:
            others.remove(beside)
        entry = _Entry(key, len(slots) - key, tuple(others), shelf, value)
        drawers = [self._exact.setdefault(form, _Drawer()) for form in slots[key].forms]
        for prefix in slots[key].prefixes:
            table = self._prefixes.setdefault(len(prefix), {})
            drawers.append(table.setdefault(prefix, _Drawer()))
        for drawer in drawers:
            if beside is None:
                drawer.alone.append(entry)
                continue
            if beside[0] == 1:
                by_word = drawer.after = drawer.after or {}
            else:
                by_word = drawer.before = drawer.before or {}
            for form in beside[1]:
                by_word.setdefault(form, []).append(entry)

    @property
    def keys(self) -> frozenset[str] | None:
        """The words under which phrases are filed; None if some are filed under a prefix."""
        return None if self._prefixes else frozenset(self._exact)

    def may_hit(self, words: Sequence[str]) -> bool:
        """Say whether any key is there; False promises that `find` finds nothing."""
        return not self._exact.keys().isdisjoint(words) or (
            bool(self._prefixes) and self.may_hit_prefix(words)
        )

    def may_hit_prefix(self, words: Sequence[str]) -> bool:
        """Say whether any word begins as a key that is a prefix."""
        return any(
            not table.keys().isdisjoint([word[:length] for word in words])
            for length, table in self._prefixes.items()
        )

    def has_hit(self, words: Sequence[str]) -> bool:
        """Say whether `find` finds anything."""
        return self.may_hit(words) and (self._are_words or bool(self.find(words)))

    def find(self, words: Sequence[str]) -> list[Hit[T]]:
        """Return every occurrence of every phrase of the first shelf, in the order of its key."""
        return self.find_all(words)[0]

    def find_all(self, words: Sequence[str]) -> list[list[Hit[T]]]:
        """Return every occurrence of every phrase, by shelf, in the order of its key word."""
        exact, prefixes = self._exact, self._prefixes
        found = []
        if not exact.keys().isdisjoint(words):  # most often it is; this is faster than to look
            found = [(place, exact[word]) for place, word in enumerate(words) if word in exact]
        if prefixes:
            for place, word in enumerate(words):
                for length, table in prefixes.items():
                    if word[:length] in table:
                        found.append((place, table[word[:length]]))
            found.sort(key=lambda pair: pair[0])
        hits: list[list[Hit[T]]] = [[] for _ in self._shelves]
        count = len(words)
        beyond = [*words, ""]  # what stands before the first and after the last
        for place, drawer in found:
            entries = drawer.alone
            if drawer.before and beyond[place - 1] in drawer.before:
                entries = entries + drawer.before[beyond[place - 1]]
            if drawer.after and beyond[place + 1] in drawer.after:
                entries = entries + drawer.after[beyond[place + 1]]
            for before, after, others, shelf, value in entries:
                if place < before or place + after > count:
                    continue
                for offset, forms, starts in others:  # written out: this is the inmost loop
                    word = words[place + offset]
                    if word not in forms and not (starts and word.startswith(starts)):
                        break
                else:
                    hits[shelf].append(Hit(value, place - before, place + after))
        return hits


def term_index(terms: Iterable[str]) -> PhraseIndex[str]:
    """Return what finds these terms, each word of theirs in singular and plural."""
    index: PhraseIndex[str] = PhraseIndex()
    for term in terms:
        if slots := [make_slot([key]) for key in key_words(term)]:
            index.add(slots, term)
    return index


def merge_spans(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the spans sorted, those that overlap made one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)

"""How objects and the sectors' phrases are read, and what each place is worth. Floor 0."""

import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

from searches.domain.sectors import Zone, load_common, readable
from searches.domain.terms import Hit, PhraseIndex, Slot, first_and_longest, make_slot
from searches.domain.text import fold, phrase_words


def readings(phrase: str) -> list[str]:
    """Return the phrases that a phrase stands for.

    An alternative of two words needs one of its own: "poço tubular|semi-artesiano" is "poço
    tubular" and "poço semi-artesiano".
    """
    found = [""]
    for chunk in phrase.split():
        short = [each for each in chunk.split("|") if len(_words(each)) < 2]
        long = [each for each in chunk.split("|") if len(_words(each)) > 1]
        options = ["|".join(short), *long] if short else long
        found = [f"{before} {option}" for before in found for option in options]
    return [each.strip() for each in found]


def _words(alternative: str) -> list[str]:
    if alternative.endswith("*") or alternative[0] in "=#":
        return [fold(alternative)]
    return phrase_words(alternative)


#: A phrase may need one of these before its goods, but it is the goods that are shown.
_BUYING = frozenset({"aquisicao", "aquisicoes", "compra", "compras", "fornecimento"})


@lru_cache(maxsize=20_000)
def said(phrase: str, found: tuple[str, ...]) -> tuple[str, int]:
    """Return a phrase as it is shown, and how many of the found words before it are not.

    Of each word's alternatives the one that was found is shown.
    """
    shown, place, skipped = [], 0, 0
    if len(found) > 1 and found[0] in _BUYING:
        first, *rest = phrase.split()
        skipped = 1 if "|" in first else len(phrase_slots(first))
        while rest and not phrase_slots(rest[0]):  # "de"
            del rest[0]
        phrase, found = " ".join(rest), found[skipped:]
    for chunk in phrase.split():
        options = chunk.split("|")
        if len(options) > 1:
            slots = {option: make_slot(_words(option)) for option in options}
            chunk = next((each for each in options if slots[each].has(found[place])), options[0])
            place += 1
        else:
            place += len(phrase_slots(chunk))
        shown.append(readable(chunk))
    return " ".join(shown), skipped


def phrase_slots(phrase: str) -> list[Slot]:
    """Return the slots of a phrase of a TOML file, function words left out."""
    function_words = load_common().function_words
    slots = []
    for chunk in phrase.split():
        words = [word for alternative in chunk.split("|") for word in _words(alternative)]
        if "|" in chunk:
            slots.append(make_slot(words))
        else:
            # As of objects: function words go, and so do numbers of one or two digits.
            slots.extend(
                make_slot([word])
                for word in words
                if word not in function_words and not (word.isdigit() and len(word) < 3)
            )
    return slots


def key_place(slots: Sequence[Slot]) -> int:
    """Return the word to file a phrase under: the rarest, all its alternatives taken together.

    How common a word is follows from its rank (Zipf); the first of equals is taken. A word of
    which only the beginning is given is the last choice: it is looked for at every word.
    """
    generic = load_common().generic
    costs = [
        sum(1 / (generic[form] + 1) for form in slot.forms if form in generic)
        + 10 * bool(slot.prefixes)
        for slot in slots
    ]
    return costs.index(min(costs))


def file_phrases(
    index: PhraseIndex[Any], phrases: Iterable[str], value: object = None, *, shelf: int = 0
) -> None:
    """Add phrases of a TOML file to an index; without a value each stands for itself."""
    for phrase in phrases:
        for reading in readings(phrase):
            slots = phrase_slots(reading)
            index.add(slots, value or reading, key=key_place(slots), shelf=shelf)


def phrase_index(phrases: Iterable[str]) -> PhraseIndex[str]:
    index: PhraseIndex[str] = PhraseIndex()
    file_phrases(index, phrases)
    return index


class _Readings(dict[str, str]):
    """What a word is read as wherever it stands, learnt at its first use; "" if it says nothing."""

    def __missing__(self, word: str) -> str:
        common = load_common()
        unit = word.lstrip("0123456789")
        if word in common.function_words or (word.isdigit() and len(word) < 3):
            read = ""
        elif unit != word and unit in common.units:
            read = "#" + unit
        else:
            read = common.abbreviations.get(word, word)
        if len(self) >= _MAX_READINGS:
            self.clear()  # objects hold numbers without end
        self[word] = read
        return read


_MAX_READINGS = 100_000
_AMOUNT = re.compile(r"(?!20[0-9]{2}$)[0-9]+")
_READINGS = _Readings()


def read_words(words: Sequence[str]) -> list[str]:
    """Return what each word is read as: spelt out, "" if it carries no meaning."""
    read = list(map(_READINGS.__getitem__, words))
    units = load_common().units
    if not units.isdisjoint(words):
        for place, word in enumerate(words):
            # A year before it is no amount: "SETE LAGOAS, 2026 - MG".
            if word in units and place and _AMOUNT.fullmatch(words[place - 1]):
                read[place] = "#" + word
    return read


@cache
def _short_forms() -> dict[str, list[str]]:
    short: dict[str, list[str]] = {}
    for abbreviation, full in load_common().abbreviations.items():
        short.setdefault(full, []).append(abbreviation)
    return short


def written(words: Iterable[str]) -> set[str]:
    """Return the ways to write words that are read so: short forms, and amounts of a unit."""
    found: set[str] = set()
    for word in words:
        found.add(word)
        found.update(_short_forms().get(word, ()))
        if word.startswith("#"):
            found.update(f"{number}{word[1:]}" for number in ("", *range(1001)))
    return found


#: What is bought is named early. On objects that nobody had tuned on, a sole term after so many
#: words was wrong nine times in ten: it does not decide alone.
_HEAD_WORDS, _FAR_WORTH = 12, 0.6
#: Whatever stands before them, what follows is named: "adesão à ata ..., cujo objeto é ...", "...
#: com participação exclusiva de microempresas é o registro de preços para a aquisição de ...".
_NAME_WHAT_FOLLOWS = frozenset({"objeto", "aquisicao", "contratacao", "registro", "locacao"})


def place_worths(words: Sequence[str], openers: Sequence[Hit[Zone]], *, until: int) -> list[float]:
    """Return what each of the first places is worth, up to one.

    What comes later tells nothing of them.
    """
    names_nothing = load_common().names_nothing
    found = [1.0] * until
    floor, covered, begin = 1.0, 0, 0
    # At one place the longest opener wins: "fornecimento" against "fornecimento de mao de obra".
    for zone, start, end in sorted(openers, key=first_and_longest):
        if start >= until:
            break
        if start < covered:
            continue
        covered = end
        if zone.factor is None:
            continue
        if zone.after_naming and names_nothing.issuperset(words[:start]):
            continue
        if zone.sticky:
            floor = min(floor, zone.factor)
        factor = min(floor, zone.factor)
        if found[start] < zone.only_from:
            continue
        # "aquisição" is itself part of what it leads back to; "atender" is not of the head.
        first = start if zone.factor == 1 else end
        last = min(until, end + zone.words) if zone.words else until
        found[first:last] = [factor] * (last - first)
        if words[start] in _NAME_WHAT_FOLLOWS:
            begin = start
    if until > _HEAD_WORDS:
        _fade(words, found, begin)
    return found


def _fade(words: Sequence[str], found: list[float], begin: int) -> None:
    """Let what comes after the first words that name something count less."""
    names_nothing = load_common().names_nothing
    left = _HEAD_WORDS
    for place in range(begin, len(found)):
        if words[place] not in names_nothing:
            if not left:
                found[place:] = [min(each, _FAR_WORTH) for each in found[place:]]
                return
            left -= 1

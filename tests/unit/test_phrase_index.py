"""The index of phrases finds what a plain look at every place finds."""

import random

import pytest

from searches.domain.terms import Hit, PhraseIndex, Slot, first_and_longest, make_slot

WORDS = ["obra", "obras", "ponte", "rua", "de", "muro", "hidraulica", "hidrante", "tubo"]


def plainly(phrases: list[tuple[list[Slot], str]], words: list[str]) -> list[Hit[str]]:
    return [
        Hit(value, start, start + len(slots))
        for slots, value in phrases
        for start in range(len(words) - len(slots) + 1)
        if all(slot.has(words[start + place]) for place, slot in enumerate(slots))
    ]


@pytest.mark.parametrize("seed", range(20))
def test_it_finds_every_phrase_wherever_it_stands_and_nothing_else(seed):
    made_up = random.Random(seed)
    index: PhraseIndex[str] = PhraseIndex(shelves=3)
    shelves: list[list[tuple[list[Slot], str]]] = [[], [], []]
    for number in range(40):
        slots = [
            make_slot(made_up.sample([*WORDS, "hidr*", "=tubos"], made_up.randint(1, 3)))
            for _ in range(made_up.randint(1, 4))
        ]
        shelf = made_up.randrange(3)
        index.add(slots, f"phrase {number}", key=made_up.randrange(len(slots)), shelf=shelf)
        shelves[shelf].append((slots, f"phrase {number}"))
    found = 0
    for _ in range(60):
        words = made_up.choices(WORDS, k=made_up.randint(0, 12))
        for hits, phrases in zip(index.find_all(words), shelves, strict=True):
            assert sorted(hits) == sorted(plainly(phrases, words))
            found += len(hits)
        assert index.may_hit(words) or not any(index.find_all(words))
    assert found > 100


def test_of_phrases_that_begin_together_the_longest_comes_first():
    hits = [Hit("short", 2, 3), Hit("later", 5, 9), Hit("long", 2, 4)]
    assert [hit.value for hit in sorted(hits, key=first_and_longest)] == ["long", "short", "later"]

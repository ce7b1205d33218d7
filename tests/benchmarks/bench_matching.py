"""How fast a sector decides, beside the loop that everyone writes first.

    python -m tests.benchmarks.bench_matching

The peer asks `re.search` for every term of the sector, with word boundaries, on the same texts.
"""

import gzip
import random
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from searches.domain.matching import Matcher, all_sectors, sector_matcher
from searches.domain.text import fold

OBJECTS = Path(__file__).resolve().parents[2].parent / "shared" / "matching" / "objetos.txt.gz"
SMALL, LARGE, PEER = 13_000, 100_000, 1_000


def real_or_made_up_texts() -> tuple[list[str], str]:
    """Return the texts to match and where they come from."""
    if OBJECTS.exists():
        with gzip.open(OBJECTS, "rt", encoding="utf-8") as file:
            return [line.rstrip("\n") for line in file if line.strip()], "objetos reais"
    made_up = random.Random(2026)
    words = [word for sector in all_sectors() for term in sector.terms for word in term.split()]
    words += ["aquisição", "contratação", "município", "secretaria", "atender", "para", "de"] * 300
    lengths = [made_up.randint(8, 70) for _ in range(6_000)]
    return [" ".join(made_up.choices(words, k=length)) for length in lengths], "textos gerados"


def repeat_to(texts: list[str], count: int) -> list[str]:
    return (texts * (count // len(texts) + 1))[:count]


def seconds(work: Callable[[], object]) -> float:
    """Return the processor time of the best of three runs, so that neighbours do not count."""
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def match_all(matcher: Matcher, texts: list[str]) -> None:
    for text in texts:
        matcher.match(text)


def peer(sector_terms: tuple[str, ...], texts: list[str]) -> int:
    """Count matches as a first version does: one regular expression for each term."""
    patterns = [rf"\b{re.escape(fold(term))}\b" for term in sector_terms]
    re.purge()
    compiled = [re.compile(pattern) for pattern in patterns]
    return sum(any(one.search(fold(text)) for one in compiled) for text in texts)


def main() -> None:
    texts, origin = real_or_made_up_texts()
    small, large, few = (repeat_to(texts, count) for count in (SMALL, LARGE, PEER))
    length = sum(map(len, texts)) / len(texts)
    print(f"{origin}, {length:.0f} caracteres em média; tempo de CPU, melhor de 3 execuções")
    print(f"{'setor':<26}{'13.000':>9}{'100.000':>9}{'laço de re':>12}{'razão':>8}")
    for sector in all_sectors():
        matcher = sector_matcher(sector.id)
        matcher.match("compila agora")
        ours = seconds(partial(match_all, matcher, small))
        many = seconds(partial(match_all, matcher, large))
        # The peer is too slow for the whole: a thirteenth of the small set, scaled.
        start = time.process_time()
        peer(sector.terms, few)
        theirs = (time.process_time() - start) * SMALL / PEER
        print(f"{sector.id:<26}{ours:>8.3f}s{many:>8.2f}s{theirs:>11.2f}s{theirs / ours:>7.0f}x")


if __name__ == "__main__":
    main()

"""Accent- and case-blind text, and the words in it with their places. Floor 0."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

# Letters that Unicode does not decompose, and typographic signs with a plain twin.
_TWINS = str.maketrans("øłđħıĸµμ‘’‚‛“”„‟′″…•‹›«»×⁄∕", 'oldhikuu\'\'\'\'""""\'".*<>""x//')
# One letter that is read as two; fold() keeps it (same length), word_list() spells it out.
_PAIRS = {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th", "ĳ": "ij"}


def _fold_char(char: str) -> str:
    lower = char.lower()[:1].translate(_TWINS)
    if lower.isascii() or lower in _PAIRS:
        return lower
    category = unicodedata.category(lower)
    if category[0] == "M" or category == "Cf":
        return lower  # kept for the length; word_list() drops it
    base = [c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c)]
    if len(base) == 1:
        plain = base[0].lower().translate(_TWINS)
        category = unicodedata.category(plain)
        if plain.isascii() or category[0] in "LN":
            return plain
    elif base and all(c.isalnum() for c in base):
        return lower  # a ligature such as "ﬁ" or "№"
    return "-" if category == "Pd" else " "


class _Folding(dict[int, str]):
    """str.translate table that learns each character at its first use."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_char(chr(code))
        return folded


_FOLDING = _Folding()


#: One of them can write nearly every object. The first is coded eight times as fast; the second
#: has dashes and curled quotes.
_ENCODINGS = ("latin-1", "cp1252")


def _byte_table(encoding: str) -> bytes:
    table = bytearray(range(256))
    for code in range(256):
        char = bytes([code]).decode(encoding, errors="ignore")
        if char:
            table[code] = _fold_char(char).encode(encoding)[0]
    return bytes(table)


_BYTES = {encoding: _byte_table(encoding) for encoding in _ENCODINGS}


def fold(text: str) -> str:
    """Return `text` without accents and case, of the same length.

    Promises that character i of the result is the folding of character i of the text, so offsets
    into one are offsets into the other. Combining marks, invisible characters and ligatures
    stay where they are: `word_list` knows what to do with them.
    """
    if text.isascii():
        return text.lower()
    # Ten times faster than str.translate, which makes one lookup for each character.
    for encoding, table in _BYTES.items():
        try:
            return text.encode(encoding).translate(table).decode(encoding)
        except UnicodeError:
            continue
    return text.translate(_FOLDING)


def one_line(text: str) -> str:
    """Return a text that people typed without line breaks, NULs and needless spaces."""
    return " ".join(text.replace("\x00", " ").split())


def web_address(url: str) -> str:
    """Return an address that a browser may follow, else ""; a source's own may be javascript:."""
    return url if url.lower().startswith(("http://", "https://")) else ""


def is_unicode(text: str) -> bool:
    """Return whether a text can be written down: JSON and shells can hold half characters."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


_NOT_WORD = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
#: Folds and takes the words apart at once; what is not ASCII then is for `word_list`.
_BYTES_OF_WORDS = {
    encoding: bytes(code if code > 127 else _NOT_WORD[code] for code in table)
    for encoding, table in _BYTES.items()
}
_WORD = re.compile(r"[^\W_]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")


def _spell_out(folded: str) -> tuple[str, list[int]]:
    """Return the plain letters of a folded text and where each of them comes from."""
    letters: list[str] = []
    places: list[int] = []
    for place, char in enumerate(folded):
        if char.isascii():
            plain = char
        elif char in _PAIRS:
            plain = _PAIRS[char]
        elif unicodedata.category(char)[0] in "MC":
            continue
        else:
            plain = unicodedata.normalize("NFKD", char).lower()
        letters.append(plain)
        places.extend([place] * len(plain))
    return "".join(letters), places


def word_list(folded: str) -> list[str]:
    """Return the words of a folded text, in order."""
    if folded.isascii():
        return folded.encode().translate(_NOT_WORD).decode().split()
    return _WORD.findall(_spell_out(folded)[0])


def word_spans(folded: str) -> list[tuple[int, int]]:
    """Return the half-open place of each word of `word_list`, in the text itself."""
    if folded.isascii():
        return [match.span() for match in _ASCII_WORD.finditer(folded)]
    plain, places = _spell_out(folded)
    spans = []
    for match in _WORD.finditer(plain):
        end = places[match.end() - 1] + 1
        while end < len(folded) and unicodedata.combining(folded[end]):
            end += 1  # the accent of the last letter belongs to the word
        spans.append((places[match.start()], end))
    return spans


def pieces(
    text: str, spans: Iterable[Sequence[int]], *, start: int = 0, stop: int | None = None
) -> Iterator[tuple[str, bool]]:
    """Yield a stretch of a text piece by piece, each with whether it lies in one of the spans.

    Spans are half-open. Those that do not fit are ignored: the text may have been replaced by a
    shorter copy since they were found.
    """
    end = len(text) if stop is None else stop
    at = start
    for first, last in sorted((int(span[0]), int(span[1])) for span in spans):
        first, last = max(first, at), min(last, end)
        if first >= last:
            continue
        if at < first:
            yield text[at:first], False
        yield text[first:last], True
        at = last
    if at < end:
        yield text[at:end], False


def phrase_words(text: str) -> list[str]:
    """Return the folded words of any text: what a term is compared by.

    The same as `word_list(fold(text))`, in half the time.
    """
    return read(text)[1]


def read(text: str) -> tuple[str, list[str]]:
    """Return a folded text, whatever is of no word perhaps a blank, and its words.

    The text is for `word_places`, to which it is as good as that of `fold`.
    """
    for encoding, table in _BYTES_OF_WORDS.items():
        try:
            folded = text.encode(encoding).translate(table).decode("ascii")
        except UnicodeError:
            continue
        return folded, folded.split()
    folded = fold(text)
    return folded, word_list(folded)


def word_places(folded: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """Return the half-open places of the first words of a folded text, given those words.

    The same as the first of `word_spans`, in a tenth of the time.
    """
    if not folded.isascii():
        return word_spans(folded)[: len(words)]
    places = []
    end = 0
    for word in words:
        start = folded.find(word, end)  # what lies between two words is of no word
        end = start + len(word)
        places.append((start, end))
    return places

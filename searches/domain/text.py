"""Accent- and case-blind text, and the words in it with their places. Floor 0."""

import codecs
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


def _fold_what_is_left(error: UnicodeError) -> tuple[str, int]:
    """Encode what Latin-1 does not have as it is folded: dashes and curled quotes, most often."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    folded = error.object[error.start : error.end].translate(_FOLDING)
    if not folded.isascii():
        raise error
    return folded, error.end


_BY_FOLDING = "bidiq.fold"
codecs.register_error(_BY_FOLDING, _fold_what_is_left)
_FOLDED = bytes(ord(_fold_char(chr(code))) for code in range(256))


def fold(text: str) -> str:
    """Return `text` without accents and case, of the same length.

    Promises that character i of the result is the folding of character i of the text, so offsets
    into one are offsets into the other. Combining marks, invisible characters and ligatures
    stay where they are: `word_list` knows what to do with them.
    """
    if text.isascii():
        return text.lower()
    try:  # ten times faster than str.translate, which makes one lookup for each character
        return text.encode("latin-1", _BY_FOLDING).translate(_FOLDED).decode("latin-1")
    except UnicodeError:
        return text.translate(_FOLDING)


def plain(text: str) -> str:
    """Return a folded text without combining marks and invisible characters, to find parts of it.

    Offsets into it are no offsets into the text.
    """
    folded = fold(text)
    return folded if folded.isascii() else _spell_out(folded)[0]


def one_line(text: str) -> str:
    """Return a text that people typed without line breaks, NULs and needless spaces."""
    return " ".join(text.replace("\x00", " ").split())


def clipped(text: str, most: int) -> str:
    """Return a text of no more than so many characters, cut after a word, with a sign of it."""
    if len(text) <= most:
        return text
    words, _, _ = text[:most].rpartition(" ")
    return f"{(words or text[: most - 1]).rstrip(' ,;·')}…"


def web_address(url: str) -> str:
    """Return an address that a browser may follow, else ""; a source's own may be javascript:."""
    return url if url.lower().startswith(("http://", "https://")) else ""


def is_unicode(text: str) -> bool:
    """Return whether a text can be written down: JSON and shells can hold half characters."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


_NOT_WORD = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
#: Folds and takes the words apart at once; what is not ASCII then is for `word_list`.
_WORDS = bytes(code if code > 127 else _NOT_WORD[code] for code in _FOLDED)
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

    The same as `word_list(fold(text))` but for plurals in brackets, in half the time.
    """
    return read(text)[1]


#: "Serviço(s)", "material(is)": either number, and one word.
_EITHER_NUMBER = re.compile(r"(?<=[^\W\d_])\((?:s|es|is|ns)\)", re.IGNORECASE)


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


def read(text: str) -> tuple[str, list[str]]:
    """Return a folded text, and its words. In ASCII, what is of no word is a blank.

    A plural in brackets is of no word.
    """
    if "(" in text:
        text = _EITHER_NUMBER.sub(_blank, text)
    try:
        folded = text.encode("latin-1", _BY_FOLDING).translate(_WORDS).decode("ascii")
    except UnicodeError:
        folded = fold(text)
        return folded, word_list(folded)
    return folded, folded.split()


def stretch_places(
    folded: str, words: Sequence[str], stretches: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return the half-open places of half-open stretches of words, which rise and do not overlap.

    The text and its words are of `read`. The same as to look in `word_spans`, in a tenth of the
    time: the words before a stretch are only counted.
    """
    if not folded.isascii():
        spans = word_spans(folded)
        return [(spans[start][0], spans[end - 1][1]) for start, end in stretches]
    places = []
    rest, counted, length = folded, 0, len(folded)
    for start, end in stretches:
        rest = rest.split(None, start - counted)[-1]
        counted, first = end - 1, length - len(rest)
        if start != counted:
            rest = rest.split(None, counted - start)[-1]
        places.append((first, length - len(rest) + len(words[counted])))
    return places

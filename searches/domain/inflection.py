"""Singular and plural of Portuguese words, on folded text. Floor 0.

Not a stemmer: a word is only ever equated with its own other number, so that a match can be
explained. Where spelling without accents is ambiguous, the short tables below decide.
"""

from functools import lru_cache


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


#: Words that carry no meaning of their own in a request.
STOPWORDS = _set("""
    a o as os um uma uns umas de da do das dos em na no nas nos num numa por pela pelo pelas pelos
    para pra com sem sob sobre ao aos e ou que se como mais menos muito mas nem quando onde qual
    quais este esta estes estas esse essa esses essas isto isso aquele aquela seu sua seus suas
    ser sao foi era ha the of and entre ate apos ante desde contra me te lhe nos vos eu tu ele ela
    eles elas ja nao sim tambem so
    """)

# Forms that exist as quite another word, much more common: never taken for a plural or singular.
_OTHER_WORDS = STOPWORDS | {"pos", "vez", "tal", "tais", "mal", "meu", "vao", "bom", "ate"}

_AO_TO_AOS = _set("mao irmao cidadao grao orgao orfao chao sotao vao bencao artesao")
_AO_TO_AES = _set("pao cao capitao alemao tabeliao escrivao guardiao charlatao")
_IL_TO_EIS = _set("""
    agil dificil docil estencil facil fertil fossil fragil habil inutil portatil projetil reptil
    tactil textil util versatil volatil
    """)
# Singular ends in a stressed -s, which the folded spelling cannot show.
_S_TO_SES = _set("""
    gas mes pais tres ingles frances portugues chines japones freges burgues marques
    biogas arnes retros anis
    """)
_SAME = _set("onibus microonibus lapis pires tenis virus campus onus bonus atlas")


def _plurals(word: str) -> set[str]:
    if word in _SAME or word.isdigit():
        return set()
    if word.endswith("ao"):
        if word in _AO_TO_AES:
            return {word[:-2] + "aes"}
        return {word + "s"} if word in _AO_TO_AOS else {word[:-2] + "oes"}
    if word.endswith(("al", "ol", "ul")):
        return {word[:-1] + "is", *({word + "es"} if len(word) == 3 else ())}
    if word.endswith("el"):
        return {word[:-1] + "is"}
    if word.endswith("il"):
        return {word[:-2] + "eis"} if word in _IL_TO_EIS else {word[:-1] + "s"}
    if word.endswith("m"):
        return {word[:-1] + "ns"}
    if word.endswith("n"):
        return {word + "s", word + "es"}
    if word.endswith("er"):
        return {word + "es", word + "s"}  # borrowed words keep their own: toners, scanners
    if word.endswith(("r", "z")):
        return {word + "es"}
    if word.endswith("s"):
        return {word + "es"} if word in _S_TO_SES else set()
    if word.endswith("x"):
        return set()
    if word.endswith(("ch", "sh")):
        return {word + "es", word + "s"}  # switch: written both ways
    return {word + "s"}


def _singulars(word: str) -> set[str]:
    if not word.endswith("s") or word in _SAME or len(word) < 4:
        return set()
    if word.endswith("oes"):
        return {word[:-3] + "ao"}
    if word.endswith("aes") and word[:-3] + "ao" in _AO_TO_AES:
        return {word[:-3] + "ao"}
    if word.endswith("ns"):
        return {word[:-2] + "m", word[:-1]}
    guesses = {word[:-1]}
    if word.endswith(("ais", "ois", "uis")):
        guesses.add(word[:-2] + "l")
    elif word.endswith("eis"):
        guesses |= {word[:-2] + "l", word[:-3] + "il"}
    elif word.endswith("is"):
        guesses.add(word[:-1] + "l")
    elif word.endswith(("res", "zes", "nes", "ches", "shes")) or (
        word.endswith("ses") and word[:-2] in _S_TO_SES
    ):
        guesses.add(word[:-2])
    # A guess only stands if its own plural is the word we started from.
    return {guess for guess in guesses if word in _plurals(guess)}


@lru_cache(maxsize=20_000)
def word_forms(word: str) -> frozenset[str]:
    """Return a folded word with its other number: {"orgao", "orgaos"}.

    Promises symmetry: b is among the forms of a exactly when a is among those of b, unless one
    of them is a commoner, unrelated word.
    """
    return frozenset({word} | ((_plurals(word) | _singulars(word)) - _OTHER_WORDS))

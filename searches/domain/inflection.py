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

#: Words that look like another number of quite another word: equated with nothing.
_ALONE = STOPWORDS | {"pos", "vez", "tal", "tais", "mal", "meu", "vao", "bom"}

# The others in -ao make -oes.
_AO_TO_AOS = _set("""
    acordao aldeao anao anciao artesao bencao chao cidadao contramao corrimao cortesao cristao
    demao desvao ermitao grao hortelao irmao mao orfao orgao pagao refrao sotao sultao vao verao
    vilao
    """)
_AO_TO_AES = _set("""
    alazao alemao aldeao anciao bastiao cao capelao capitao catalao charlatao cirurgiao ermitao
    escrivao faisao guardiao pao refrao sacristao sultao tabeliao tecelao vulcao
    """)
_AO_TO_OES_TOO = _set("""
    alazao aldeao anao anciao artesao bastiao charlatao cirurgiao corrimao ermitao faisao guardiao
    hortelao refrao sultao tecelao verao vilao vulcao
    """)
# Not stressed on the end; the others in -il make -is.
_IL_TO_EIS = _set("""
    agil contabil contratil debil dificil docil ductil eretil esteril estencil facil fertil fossil
    fragil geotextil habil inabil infertil inutil labil missil pensil podotatil portatil projetil
    pulsatil reptil retratil tactil tatil termocontratil termolabil termorretratil textil
    ultraportatil util versatil vibratil volatil
    """)
_IL_TO_IS_TOO = _set("projetil reptil")
# Singular ends in a stressed -s, which the folded spelling cannot show.
_S_TO_SES = _set("""
    aguarras ananas anis arnes biogas burgues calabres campones chines conves deus escoces frances
    fregues gas holandes ingles irlandes japones lilas marques mes noruegues obus pais polones
    portugues res retros reves torques tres vies
    """)
# Borrowed with their plural, whatever they end in; all in -er, -ch and -sh may be.
_TO_S_TOO = _set("email gol indoor mail modem outdoor pixel secom trail webcam")
_IRREGULAR = {"campus": "campi", "carater": "caracteres", "consul": "consules"}
_REGULAR = {plural: singular for singular, plural in _IRREGULAR.items()}
# Alike in both numbers; and acronyms, which else would be the plural of another (CRAS of CRA).
_SAME = _set("""
    onibus microonibus lapis pires tenis virus onus bonus atlas
    acs ans aps caps cras creas dns gps inss ios iss ods pis rss sas sms sus ubs ups
    """)
#: End in -s and are the plural of nothing.
_NO_PLURALS = _SAME | (_S_TO_SES - {"pais"})
#: How a plural ends where its singular has the other; a guess, to be asked of `_plurals`.
_ENDINGS = (
    ("s", ""), ("es", ""), ("ns", "m"), ("oes", "ao"), ("aes", "ao"),
    ("is", "l"), ("is", "il"), ("eis", "il"),
)  # fmt: skip
_VOWELS = frozenset("aeiou")


def _plurals(word: str) -> set[str]:
    if word in _IRREGULAR:
        return {_IRREGULAR[word]}
    if word.endswith("s"):
        return {word + "es"} if word in _S_TO_SES else set()
    if len(word) == 1 or word.isdigit():
        return set()
    # An acronym or a word too short for an ending: tv, dvd, pa, but ar.
    if _VOWELS.isdisjoint(word) or (len(word) == 2 and word[1] != "r"):
        return {word + "s"}
    return _by_ending(word) | ({word + "s"} if word in _TO_S_TOO else set())


def _by_ending(word: str) -> set[str]:
    if word.endswith("ao"):
        stem, is_aos, is_aes = word[:-2], word in _AO_TO_AOS, word in _AO_TO_AES
        is_oes = word in _AO_TO_OES_TOO or not (is_aos or is_aes)
        kinds = (("aos", is_aos), ("aes", is_aes), ("oes", is_oes))
        return {stem + ending for ending, is_so in kinds if is_so}
    if word.endswith(("al", "el", "ol", "ul")):
        return {word[:-1] + "is", *({word + "es"} if len(word) == 3 else ())}
    if word.endswith("il"):
        is_eis = word in _IL_TO_EIS
        is_is = word in _IL_TO_IS_TOO or not is_eis
        return {word[:-2] + ending for ending, is_so in (("eis", is_eis), ("is", is_is)) if is_so}
    if word.endswith("m"):
        return {word[:-1] + "ns"}
    if word.endswith(("er", "n", "ch", "sh")):
        return {word + "es", word + "s"}  # toners, switches: written both ways
    if word.endswith(("r", "x", "z")):
        return {word + "es"}
    return {word + "s"}


def _singulars(word: str) -> set[str]:
    if word in _REGULAR:
        return {_REGULAR[word]}
    guesses = {
        word.removesuffix(plural) + singular
        for plural, singular in _ENDINGS
        if word.endswith(plural)
    }
    return {guess for guess in guesses if guess and word in _plurals(guess)}


@lru_cache(maxsize=20_000)
def word_forms(word: str) -> frozenset[str]:
    """Return a folded word with its other number: {"orgao", "orgaos"}.

    Promises symmetry: b is among the forms of a exactly when a is among those of b.
    """
    if word in _ALONE:
        return frozenset({word})
    forms = _plurals(word) - _NO_PLURALS
    if word not in _NO_PLURALS:
        forms |= _singulars(word)
    return frozenset({word} | (forms - _ALONE))

"""Folding keeps every character in its place, whatever the writer's keyboard did."""

import unicodedata
from datetime import date, datetime
from typing import Any

import pytest

from searches.domain.inflection import word_forms
from searches.domain.matching import all_sectors
from searches.domain.text import (
    clipped,
    fold,
    phrase_words,
    pieces,
    read,
    stretch_places,
    word_list,
    word_spans,
)
from searches.pncp.sample import Sample
from searches.pncp.sample_records import record_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("uma frase", "uma frase"),
        ("uma frase e mais", "uma frase…"),
        ("esparadrapo*", "esparadra…"),
    ],
)
def test_what_is_too_long_is_cut_after_a_word(text, said):
    assert clipped(text, 10) == said


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("AQUISIÇÃO de Pães", "aquisicao de paes"),
        ("plain ASCII, untouched!", "plain ascii, untouched!"),
        ("Nº 5, 1ª via", "no 5, 1a via"),
        ("“aspas” – e travessão", '"aspas" - e travessao'),
        ("água\u00a0mineral", "agua mineral"),
        ("m² e m³", "m2 e m3"),
        ("Łódź → Ørsted", "lodz   orsted"),
        ("", ""),
    ],
)
def test_it_folds_accents_case_and_typography(text, folded):
    assert fold(text) == folded


@pytest.mark.parametrize(
    "text",
    [
        "Aquisição de gêneros",
        unicodedata.normalize("NFD", "Aquisição de gêneros alimentícios à mão"),
        "straße, œuvre, ﬁltro, № 7, İstanbul",
        "½ xícara … 10 ‰ ¼",
        "emoji 🚒 e zero\u200blargura\u00ad",
        "".join(map(chr, range(1, 0x250))),
        "кириллица",
    ],
)
def test_it_keeps_the_length(text):
    assert len(fold(text)) == len(text)


def test_it_is_the_same_for_the_fast_and_the_slow_path():
    latin = "".join(bytes([b]).decode("cp1252", "ignore") for b in range(256))
    assert fold(latin + "→")[: len(latin)] == fold(latin)


def test_it_is_idempotent():
    text = "Registro de Preços – AQUISIÇÃO nº 12 (ﬁltros) ½"
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_it_finds_the_same_words_in_every_unicode_form(form):
    text = unicodedata.normalize(form, "Óleos, lubriﬁcantes e PÃES-DE-LÓ")
    assert word_list(fold(text)) == ["oleos", "lubrificantes", "e", "paes", "de", "lo"]


@pytest.mark.parametrize(
    "text",
    [
        "Pão, café e açúcar",
        unicodedata.normalize("NFD", "Pão, café e açúcar"),
        "ca\u00adfé e pão\u200b",
    ],
)
def test_it_places_each_word_on_its_own_letters(text):
    folded = fold(text)
    for word, (start, end) in zip(word_list(folded), word_spans(folded), strict=True):
        piece = unicodedata.normalize("NFC", text[start:end])
        assert fold(piece).replace("\u00ad", "").replace("\u200b", "") == word


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Aquisição de 2 (dois) cafés – R$ 1.000,00 à vista; e-mail: a_b@c.d",
        "o pó, o Pó do pó: O PÓ!",
        "nº 3ª “açúcar”… ½ œuvre ß",
        "ligatura ﬁltros e 水 e ca\u00adfé",
        unicodedata.normalize("NFD", "Pão, café e açúcar"),
        "".join(map(chr, range(0x20, 0x250))),
    ],
)
def test_the_short_ways_are_as_the_long_ones(text):
    folded = fold(text)
    words = word_list(folded)
    assert phrase_words(text) == words
    spans = word_spans(folded)
    alone = [(place, place + 1) for place in range(len(words))]
    folded, words = read(text)
    assert stretch_places(folded, words, alone) == spans
    for start in range(len(words)):
        for length in (1, 2, 3):
            some = [(place, place + length) for place in range(start, len(words), 4)][:-1]
            expected = [(spans[first][0], spans[last - 1][1]) for first, last in some]
            assert stretch_places(folded, words, some) == expected


def test_the_short_ways_are_as_the_long_ones_on_any_character():
    for code in (*range(0x3000), *range(0xFB00, 0xFFFE)):
        text = f"a{chr(code)}b, {chr(code)}"
        assert phrase_words(text) == word_list(fold(text)), hex(code)


def test_it_does_not_leave_the_last_accent_out_of_the_word():
    text = "cafe\u0301 forte"
    start, end = word_spans(fold(text))[0]
    assert text[start:end] == "cafe\u0301"


def test_it_spells_ligatures_out():
    assert word_list(fold("Straße œuvre")) == ["strasse", "oeuvre"]


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        ("uniforme", "uniformes"),
        ("computador", "computadores"),
        ("refeicao", "refeicoes"),
        ("pao", "paes"),
        ("mao", "maos"),
        ("orgao", "orgaos"),
        ("papel", "papeis"),
        ("material", "materiais"),
        ("lencol", "lencois"),
        ("fossil", "fosseis"),
        ("funil", "funis"),
        ("item", "itens"),
        ("gas", "gases"),
        ("luz", "luzes"),
        ("torre", "torres"),
        ("pai", "pais"),
        ("hifen", "hifens"),
        ("epi", "epis"),
        ("switch", "switches"),
        ("scanner", "scanners"),
        ("dispenser", "dispenseres"),
        ("contabil", "contabeis"),
        ("esteril", "estereis"),
        ("tatil", "tateis"),
        ("termorretratil", "termorretrateis"),
        ("pensil", "penseis"),
        ("missil", "misseis"),
        ("projetil", "projetis"),
        ("projetil", "projeteis"),
        ("barril", "barris"),
        ("corrimao", "corrimaos"),
        ("corrimao", "corrimoes"),
        ("demao", "demaos"),
        ("acordao", "acordaos"),
        ("ermitao", "ermitaes"),
        ("vies", "vieses"),
        ("box", "boxes"),
        ("hifen", "hifenes"),
        ("gel", "geles"),
        ("outdoor", "outdoors"),
        ("webcam", "webcams"),
        ("campus", "campi"),
        ("pa", "pas"),
        ("ar", "ares"),
        ("tv", "tvs"),
        ("cd", "cds"),
        ("km", "kms"),
        ("dvd", "dvds"),
    ],
)
def test_it_knows_the_other_number_of_a_word_both_ways(singular, plural):
    assert plural in word_forms(singular)
    assert singular in word_forms(plural)


@pytest.mark.parametrize(
    ("word", "stranger"),
    [
        ("dose", "dos"),
        ("doses", "dos"),
        ("mao", "maes"),
        ("mal", "mais"),
        ("po", "pos"),
        ("onibus", "onibu"),
        ("gas", "ga"),
        ("aneis", "anil"),
        ("ti", "t"),
        ("cras", "cra"),
        ("tres", "tre"),
        ("das", "da"),
        ("cns", "cm"),
        ("pos", "po"),
        ("l", "is"),
    ],
)
def test_it_does_not_take_another_word_for_a_plural(word, stranger):
    assert stranger not in word_forms(word)
    assert word not in word_forms(stranger)


def test_two_numbers_of_a_word_meet_from_either_side():
    sample = Sample(1)
    now, day = datetime(2026, 11, 24, 12), date(2026, 11, 9)
    ask: dict[str, Any] = {"modality": 6, "uf": None, "now": now, "within": slice(0, 2000)}
    texts = [record_of(sample, place, now)["objetoCompra"]
             for place in sample.published(day, day, **ask)[1]]  # fmt: skip
    texts += [term for sector in all_sectors() for term in (*sector.terms, *sector.exclusions)]
    words = {word for text in texts for word in phrase_words(text)}
    assert len(words) > 3_000
    # What they end in are short words, and odd ones: every rule meets its exceptions.
    words |= {form for word in words for form in word_forms(word)}
    words |= {word[-length:] for word in words for length in range(1, 6)}
    assert not [
        (word, form) for word in words for form in word_forms(word) if word not in word_forms(form)
    ]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [("pão e leite", False)]),
        ([[0, 3]], [("pão", True), (" e leite", False)]),
        ([[6, 11], [0, 3]], [("pão", True), (" e ", False), ("leite", True)]),
        ([[0, 5], [4, 99]], [("pão e", True), (" leite", True)]),  # overlapping, and too long
        ([[40, 50]], [("pão e leite", False)]),
    ],
)
def test_a_text_comes_apart_at_its_spans(spans, expected):
    assert list(pieces("pão e leite", spans)) == expected


def test_a_stretch_of_a_text_comes_apart_by_itself():
    assert list(pieces("pão e leite", [[0, 3], [6, 11]], start=4, stop=8)) == [
        ("e ", False),
        ("le", True),
    ]

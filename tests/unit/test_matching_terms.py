"""The user's own terms: how they are read, what they find, and where."""

import unicodedata

import pytest

from searches.domain.matching import (
    Decision,
    TermsError,
    parse_terms,
    suggest_terms,
    term_matcher,
)
from searches.domain.terms import MAX_TERM_LENGTH, MAX_TERMS


@pytest.mark.parametrize(
    ("text", "terms", "dropped"),
    [
        ("jaleco avental", ("jaleco", "avental"), ()),
        ("jaleco, avental branco", ("jaleco", "avental branco"), ()),
        ("papel de parede", ("papel", "parede"), ("de",)),
        ("papel de parede, tinta", ("papel de parede", "tinta"), ()),
        ("de, tinta", ("tinta",), ("de",)),
        ("EPI TI AR", ("EPI", "TI", "AR"), ()),
        ("água ÁGUA agua", ("água",), ()),
        ("jaleco jalecos luva", ("jaleco", "luva"), ()),
        ("luvas de procedimento, luva de procedimentos", ("luvas de procedimento",), ()),
        ("luvas de procedimento, luva", ("luvas de procedimento", "luva"), ()),
        ("infor* infor", ("infor*", "infor"), ()),
        ("toners toner", ("toners", "toner"), ()),  # the second has another plural, too
        ('"kit lanche" suco', ("kit lanche", "suco"), ()),
        ("“kit lanche” suco", ("kit lanche", "suco"), ()),
        ('"kit lanche", suco de uva', ("kit lanche", "suco de uva"), ()),
        ('jaleco "kit, completo"', ("jaleco", "kit, completo"), ()),
        ("infor* rede", ("infor*", "rede"), ()),
        ("ar-condicionado", ("ar-condicionado",), ()),
        ("a-b kit- c", ("a-b", "kit-", "c"), ()),
        ("jaleco - avental", ("jaleco", "avental"), ()),
        ("  ,, ; \n - ", (), ()),
        ("", (), ()),
        ("linha um\nlinha dois", ("linha um", "linha dois"), ()),
        ('jaleco "', ("jaleco",), ()),
    ],
)
def test_it_reads_a_line_of_terms(text, terms, dropped):
    parsed = parse_terms(text)
    assert parsed.terms == terms
    assert parsed.stopwords_removed == dropped


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (" ".join(f"termo{i}" for i in range(MAX_TERMS + 1)), "terms.many"),
        ("x" * (MAX_TERM_LENGTH + 1), "terms.long"),
        ("*", "terms.prefix"),
        ("in*", "terms.prefix"),
        ("*forme", "terms.prefix"),
        ("uni*forme", "terms.prefix"),
        ("jaleco -avental", "terms.minus"),
        ("jaleco, –avental", "terms.minus"),
        ('jaleco -"avental azul"', "terms.minus"),
        ('"jaleco -avental"', "terms.minus"),
        ("--avental", "terms.minus"),
    ],
)
def test_it_refuses_terms_that_cannot_be_searched(text, code):
    with pytest.raises(TermsError) as caught:
        parse_terms(text)
    assert caught.value.code == code
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("uniforme", "Aquisição de UNIFORMES escolares"),
        ("uniformes", "um uniforme"),
        ("refeicao", "fornecimento de refeições"),
        ("refeições", "fornecimento de REFEICAO pronta"),
        ("gás", "recarga de gases"),
        ("ar condicionado", "manutenção de ar-condicionado"),
        ("ar-condicionado", "AR  CONDICIONADO split"),
        ("material elétrico", "Materiais Elétricos diversos"),
        ("caixa d'água", "limpeza de caixas d’água"),
        ("EPI", "compra de EPI's e EPIs"),
        ("pré-moldado", "PRÉ MOLDADOS"),
        ("infor*", "material de informática"),
        ("material infor*", "MATERIAL INFORMATIVO"),
        ("ônibus", "dois ONIBUS"),
        ("a4", "papel A4."),
        ("serviço de limpeza", "serviço(s) de limpeza"),
        ("serviços de limpeza", "SERVIÇO(S) DE LIMPEZA"),
        ("material de construção", "Material(is) de construção"),
    ],
)
def test_it_finds_a_term_as_people_write_it(term, text):
    assert term_matcher([term]).match(text).decision is Decision.MATCH


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("farda", "alfarda e fardamento"),
        ("ar", "arquivo e lugar"),
        ("material elétrico", "material hidráulico e elétrico"),
        ("elétrico material", "material elétrico"),
        ("dose", "cesta dos alunos"),
        ("pó", "curso de pós-graduação"),
        ("mão", "dia das mães"),
        ("infor*", "desinformação"),
        ("uniforme", ""),
    ],
)
def test_it_does_not_find_what_is_not_there(term, text):
    result = term_matcher([term]).match(text)
    assert result.decision is Decision.NO_TERM
    assert (result.terms, result.spans, result.relevance) == ((), (), 0)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_it_points_at_the_words_that_matched(form):
    text = unicodedata.normalize(form, "Aquisição de pães, café em pó e PÃO de queijo.")
    result = term_matcher(["café em pó", "pão"]).match(text)
    found = [unicodedata.normalize("NFC", text[a:b]) for a, b in result.spans]
    assert found == ["pães", "café em pó", "PÃO"]
    assert result.terms == ("café em pó", "pão")


def test_it_joins_spans_that_overlap():
    text = "serviço de limpeza predial"
    result = term_matcher(["limpeza", "limpeza predial", "predial"], floor=1).match(text)
    assert [text[a:b] for a, b in result.spans] == ["limpeza predial"]
    assert result.terms[0] == "limpeza predial"


def test_it_excludes_by_a_term_and_says_which():
    matcher = term_matcher(["confecção"], ["confecção de chaves"])
    result = matcher.match("Serviço de confecção de chaves e carimbos")
    assert result.decision is Decision.EXCLUDED
    assert result.excluded_by == "confecção de chaves"
    assert result.terms == ("confecção",)
    assert matcher.match("confecção de uniformes").decision is Decision.MATCH


def test_it_says_no_term_before_it_says_excluded():
    assert term_matcher(["jaleco"], ["chave"]).match("chaves").decision is Decision.NO_TERM


@pytest.mark.parametrize(
    ("count", "floor"), [(1, 1), (3, 1), (4, 2), (6, 2), (7, 3), (9, 3), (40, 3)]
)
def test_it_asks_for_one_term_in_three_and_at_most_three(count, floor):
    assert term_matcher([f"termo{i}" for i in range(count)]).floor == floor


def test_it_hides_what_is_under_the_floor_until_it_is_relaxed():
    terms = ["jaleco", "avental", "touca", "luva"]
    text = "Compra de jalecos e mais jalecos"
    assert term_matcher(terms).match(text).decision is Decision.BELOW_FLOOR
    assert term_matcher(terms, floor=1).match(text).decision is Decision.MATCH
    assert term_matcher(terms).match(text + " e luvas").decision is Decision.MATCH


def test_it_excludes_before_it_counts():
    matcher = term_matcher(["a1", "b2", "c3", "d4"], ["usado"])
    assert matcher.match("a1 usado").decision is Decision.EXCLUDED


def test_it_ranks_more_terms_and_earlier_ones_higher():
    matcher = term_matcher(["jaleco", "avental"], floor=1)
    both = matcher.match("jaleco e avental para todos os servidores")
    early = matcher.match("jaleco para todos os servidores do hospital")
    late = matcher.match("para todos os servidores do hospital jaleco")
    assert 100 >= both.relevance > early.relevance > late.relevance > 0


def test_it_counts_a_repeated_term_once():
    matcher = term_matcher(["jaleco", "JALECO", "jalecos", "avental", "touca"])
    assert matcher.terms == ("jaleco", "avental", "touca")
    assert matcher.floor == 1
    text = "veículo(s) e máquina(s), locação de veículo(s) com motorista"
    result = term_matcher(["veículo com motorista", "máquina"], floor=1).match(text)
    assert [text[a:b] for a, b in result.spans] == ["máquina", "veículo(s) com motorista"]


def test_it_needs_a_term():
    with pytest.raises(ValueError, match="at least one term"):
        term_matcher([])


def test_it_suggests_words_spelt_nearly_the_same():
    texts = ["Aquisição de camisetas", "camisetas e bonés", "tratores"]
    assert "camisetas" in suggest_terms(["camizeta"], texts)


@pytest.mark.parametrize(
    ("terms", "exclusions", "suggested"),
    [
        (["canetas"], [], ()),  # found, and rejected for another reason: the value, the body
        (["canetta"], [], ("caneta",)),
        (["canetta", "canetas"], [], ()),  # the singular of what is asked already
        (["canetta", "cane*"], [], ()),
        (["caneta azul"], [], ("caneta",)),  # a word of a phrase is another question
        (["caneta azul", "caneta"], [], ()),
        (["canetta"], ["canetas"], ()),
        (["canetta"], ["toalha"], ("caneta",)),
        (["papeis de toalhas"], ["papel"], ("toalha",)),
        (["tualha"], ["papel toalha"], ("toalha",)),  # another text has it without the paper
        (["tualha"], ["papel", "mesa"], ()),
    ],
)
def test_it_suggests_neither_what_was_asked_nor_what_is_excluded(terms, exclusions, suggested):
    texts = ["papel A4", "papel toalha", "caneta", "toalha de mesa"]
    assert suggest_terms(terms, texts, exclusions=exclusions) == suggested


def test_it_suggests_nothing_when_nothing_is_near():
    assert suggest_terms(["xilofone"], ["papel A4"]) == ()

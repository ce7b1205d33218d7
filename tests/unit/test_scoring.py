"""How evidence is weighed, shown and explained; the language itself is in test_matching_sectors."""

from dataclasses import replace

import pytest

from searches.domain.matching import Decision, all_sectors, sector_matcher
from searches.domain.scoring import SectorScorer
from searches.domain.sectors import SECTOR_IDS, NearTerms, load_vocabulary
from searches.domain.text import phrase_words


def test_it_shows_where_the_evidence_stands():
    text = "Aquisição de MATERIAL DE CONSTRUÇÃO e cimento"
    result = sector_matcher("engenharia").match(text)
    assert [text[a:b] for a, b in result.spans] == ["MATERIAL DE CONSTRUÇÃO", "cimento"]
    assert result.terms == ("material de construção", "cimento")


def test_it_says_that_evidence_outside_the_head_is_too_little():
    result = sector_matcher("medicamentos").match("Aquisição de mesas para guarda de medicamentos")
    assert result.decision is Decision.MATCH  # nothing says that it is a destination
    result = sector_matcher("medicamentos").match("Veículo destinado à entrega de medicamentos")
    assert result.decision is Decision.BELOW_FLOOR
    assert result.terms == ("medicamento",)
    assert result.relevance < 60


def test_it_names_what_speaks_against_the_sector():
    result = sector_matcher("frota_veicular").match("Seguro da frota de veículos")
    assert result.decision is Decision.EXCLUDED
    assert result.excluded_by is not None


def test_what_stands_in_the_tail_does_not_speak_against_the_sector():
    text = "Serviços de buffet, em atendimento às Secretarias de Saúde, de Obras e Reforma Agrária"
    assert sector_matcher("alimentos").match(text).decision is Decision.MATCH


def test_the_name_of_a_trade_counts_only_when_no_other_trade_is_named():
    match = sector_matcher("engenharia").match
    assert match("Empresa de engenharia civil para executar obra").decision is Decision.MATCH
    other = match("Serviços comuns de engenharia para instalação de elevadores")
    assert other.decision is not Decision.MATCH
    both = match("Serviços de engenharia para reforma do telhado e do ar-condicionado")
    assert both.decision is Decision.MATCH


def test_the_names_of_a_trade_count_once():
    match = sector_matcher("engenharia").match
    one = match("Serviços de engenharia no prédio")
    many = match("Serviços de engenharia por empresa de construção civil no prédio")
    assert len(many.terms) > len(one.terms)
    assert abs(many.relevance - one.relevance) <= 20


def made_of(**words):
    """Return the scorer of a vocabulary with these words alone."""
    empty = dict.fromkeys(
        ("strong", "general", "weak", "near", "masks", "against", "other_trades"), ()
    )
    return SectorScorer(replace(load_vocabulary("papelaria"), **(empty | words)))


def matches(scorer, text):
    words = phrase_words(text)
    return scorer.may_match(words) and scorer.score(words).is_match


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Agendas", True),
        ("[LICITANET] - Registro de preços de agendas", True),
        ("DISPENSA ELETRÔNICA Nº 12 - agendas", True),
        ("Feriados e agendas", False),
        ("Feriados, papel e agendas", True),
    ],
)
def test_what_an_object_names_first_needs_no_context(text, expected):
    near = NearTerms(("agenda",), ("papel",), window=2, weight=1.0, or_first=True)
    assert matches(made_of(near=(near,)), text) is expected


def test_three_weak_terms_decide_and_two_do_not():
    scorer = made_of(weak=("papel", "cola", "fita"))
    assert not matches(scorer, "Aquisição de papel e cola")
    assert matches(scorer, "Aquisição de papel, cola e fita")


def test_what_is_named_very_late_does_not_decide_alone():
    scorer = made_of(strong=("caneta",), weak=("papel",))
    others = "vassoura balde pano rodo escova saco luva bota capa cera mangueira corda"
    assert matches(scorer, f"Aquisição de {others.removesuffix(' corda')} e caneta")
    assert not matches(scorer, f"Aquisição de {others} e caneta")
    assert matches(scorer, f"Aquisição de papel, {others} e caneta")
    # A purchase that is named anew begins anew.
    assert matches(scorer, f"Pregão exclusivo, {others}, para a aquisição de caneta")


def test_a_list_that_begins_late_decides_when_it_has_three_terms():
    scorer = made_of(strong=("caneta", "papel", "cola"), weak=("fita", "agenda"))
    others = "vassoura balde pano rodo escova saco luva bota capa cera mangueira corda"
    assert not matches(scorer, f"Aquisição de {others}, caneta e papel")
    assert not matches(scorer, f"Aquisição de {others}, caneta, papel, fita e agenda")
    assert not matches(scorer, f"Aquisição de {others}, caneta, papel, papel e caneta")
    assert matches(scorer, f"Aquisição de {others}, caneta, papel e cola")
    assert not matches(scorer, "Veículo destinado à entrega de caneta, papel e cola")


def test_it_applies_the_exclusions_of_the_user():
    text = "Aquisição de uniformes e camisetas usadas"
    matcher = sector_matcher("vestuario", ["usada"])
    result = matcher.match(text)
    assert (result.decision, result.excluded_by) == (Decision.EXCLUDED, "usada")
    assert sector_matcher("vestuario").match(text).decision is Decision.MATCH


def test_it_gives_more_relevance_to_more_and_earlier_evidence():
    match = sector_matcher("vestuario").match
    one = match("Aquisição de camisetas").relevance
    three = match("Aquisição de camisetas, calças e bonés").relevance
    late = match("Aquisição de troféus, medalhas, bolas, redes, apitos e camisetas").relevance
    assert 100 >= three > one > late >= 40


@pytest.mark.parametrize("text", ["", " ", "...", "123", "ﬁ", "🚒", "\u0301", "a" * 20_000])
@pytest.mark.parametrize("sector", ["alimentos", "medicamentos"])
def test_it_survives_any_text(sector, text):
    assert sector_matcher(sector).match(text).decision is Decision.NO_TERM


@pytest.mark.parametrize("sector", SECTOR_IDS)
def test_what_is_turned_away_unread_holds_no_term(sector):
    """Every term by itself, and with words before and behind it that are no context of a term."""
    scorer = SectorScorer(load_vocabulary(sector))
    for term in scorer.sector.terms:
        for text in (term, f"aquisição de {term} e afins", term.upper()):
            words = phrase_words(text)
            if not scorer.may_match(words):
                assert not scorer.score(words).evidence, text


def test_an_alternative_of_two_words_is_one_phrase_and_shown_as_it_was_found():
    matcher = sector_matcher("engenharia")
    found = matcher.match("Fornecimento de meio-fio pré-moldado")
    assert "meio-fio pré-moldado" in found.terms
    assert "meio-fio concreto" not in found.terms


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("EQUIPAMENTOS DE PROTEÇÃO INDIVIDUAL", "equipamentos de proteção individual"),
        ("equipamentos  para a\nProteção Individual", "equipamentos para a proteção individual"),
        ("Equipamento proteção individual", "equipamento proteção individual"),
        # Another phrase, which has its own.
        ("Luvas; equipamentos de proteção individual", "equipamento de proteção individual"),
    ],
)
def test_a_phrase_is_named_with_the_little_words_of_the_object(text, named):
    assert named in sector_matcher("vestuario").match(f"Aquisição de {text}").terms


def test_a_name_has_no_asides_and_keeps_acronyms():
    def first_name(sector: str, text: str) -> str:
        return sector_matcher(sector).match(text).terms[0]

    named = first_name("produtos_limpeza", "Materiais de consumo (copa e cozinha)")
    assert named == "materiais de consumo copa e cozinha"
    named = first_name("vestuario", "Equipamentos (02) de proteção individual")
    assert named == "equipamentos de proteção individual"
    assert (
        first_name("transporte_servicos", "Locação de 02 (dois) veículos") == "locação de veículo"
    )
    assert first_name("equipamentos_medicos", "MATERIAIS DE OPME") == "materiais de OPME"


def test_a_phrase_has_one_name_and_its_places_stay():
    text = "Kit de lanches, kits de lanche e lanches"
    found = sector_matcher("alimentos").match(text)
    assert found.terms == ("kit de lanches", "lanche")
    marked = [text[start:end] for start, end in found.spans]
    assert marked == ["Kit de lanches", "kits de lanche", "lanches"]


def test_it_is_compiled_once():
    first, second = sector_matcher("alimentos"), sector_matcher("alimentos")
    assert first.terms is second.terms


def test_it_refuses_an_unknown_sector():
    with pytest.raises(KeyError):
        sector_matcher("../../etc/passwd")


@pytest.mark.parametrize("sector", all_sectors(), ids=lambda sector: sector.id)
def test_it_shows_the_terms_in_use(sector):
    matcher = sector_matcher(sector.id)
    assert matcher.terms == sector.terms
    assert matcher.floor == 1

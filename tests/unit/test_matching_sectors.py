"""The sectors over the language of tenders: what is bought counts, what it is for does not."""

import pytest

from searches.domain.matching import Decision, all_sectors, sector_matcher
from searches.domain.scoring import SectorScorer
from searches.domain.sectors import SECTOR_IDS, load_vocabulary
from searches.domain.text import phrase_words


def sectors_of(text: str) -> set[str]:
    return {
        name for name in SECTOR_IDS if sector_matcher(name).match(text).decision is Decision.MATCH
    }


@pytest.mark.parametrize(
    ("text", "sector"),
    [
        ("Aquisição de uniformes escolares", "vestuario"),
        ("REGISTRO DE PRECOS PARA EPIS", "vestuario"),
        ("Aquisição de gêneros alimentícios", "alimentos"),
        ("FORNECIMENTO DE AGUA MINERAL EM GALAO", "alimentos"),
        ("Serviço de buffet e coffee break", "alimentos"),
        ("SERV. MNT. INFORMÁTICA", "informatica"),
        ("Aquisição de notebooks e impressoras", "informatica"),
        ("Locação de software de gestão escolar", "software_desenvolvimento"),
        ("Licenças Microsoft 365", "software_licencas"),
        ("Aquisição de cadeiras e mesas", "mobiliario"),
        ("AQ. MAT. EXPEDIENTE", "papelaria"),
        ("Aquisição de papel sulfite A4", "papelaria"),
        ("Construção de uma escola", "engenharia"),
        ("Aquisição de materiais de construção", "engenharia"),
        ("Pavimentação asfáltica em CBUQ", "engenharia_rodoviaria"),
        ("Serviço de tapa-buracos", "engenharia_rodoviaria"),
        ("Serviços de dedetização e controle de pragas", "servicos_prediais"),
        ("Aquisição de materiais de higiene e limpeza", "produtos_limpeza"),
        ("Manutenção de aparelhos de ar-condicionado", "manutencao_predial"),
        ("Aquisição de ar condicionado 12000 BTU", "manutencao_predial"),
        ("Aquisição de medicamentos", "medicamentos"),
        ("Rivaroxabana 20mg", "medicamentos"),
        ("Fornecimento de metoprolol 50 mg", "medicamentos"),
        ("Aquisição de aparelho de raio-x", "equipamentos_medicos"),
        ("Aquisição de seringas e agulhas", "insumos_hospitalares"),
        ("Contratação de vigilância armada", "vigilancia"),
        ("Prestação de serviço de transporte escolar", "transporte_servicos"),
        ("Locação de 02 (dois) veículos com motorista", "transporte_servicos"),
        ("Aquisição de pneus e óleos lubrificantes", "frota_veicular"),
        ("Aquisição de lâmpadas e materiais elétricos", "materiais_eletricos"),
        ("Aquisição de tubos e conexões em PVC", "materiais_hidraulicos"),
        ("Cessão de uso de software de contabilidade", "software_desenvolvimento"),
        ("Licença anual do AutoCAD", "software_licencas"),
        ("Assinatura de ferramenta de pesquisa de preços", "software_licencas"),
        ("Contratação de passagens aéreas nacionais", "transporte_servicos"),
        ("Aquisição de fórmulas infantis e suplementos alimentares", "insumos_hospitalares"),
        ("Instalação de parede em drywall", "engenharia"),
        ("Aquisição de tubos de concreto", "materiais_hidraulicos"),
        ("Conserto de grupo gerador de energia", "materiais_eletricos"),
        ("Recarga e teste hidrostático de extintores", "manutencao_predial"),
        ("Eplerenona e octreotida", "medicamentos"),
        ("Aquisição de maca e biombo hospitalar", "equipamentos_medicos"),
        (
            "Manutenção preventiva e corretiva, com fornecimento de peças, nos aparelhos de "
            "ar-condicionado do fórum",
            "manutencao_predial",
        ),
        (
            "Manutenção corretiva, com fornecimento total de peças, de dois elevadores",
            "manutencao_predial",
        ),
        (
            "Manutenção, incluindo a substituição de peças, das autoclaves da policlínica",
            "equipamentos_medicos",
        ),
        (
            "Instalação com fornecimento de cinco aparelhos de ares-condicionados",
            "manutencao_predial",
        ),
        ("Manutenção da rede elétrica do paço municipal", "manutencao_predial"),
        (
            "Serviço de engenharia para manutenção das instalações prediais da reitoria",
            "engenharia",
        ),
        ("Fornecimento e instalação de piso elevado e divisórias", "engenharia"),
        ("Aquisição de divisórias navais", "manutencao_predial"),
        (
            "Registro de preços visando a futura e eventual prestação de serviços de reparo em "
            "ponte de madeira",
            "engenharia_rodoviaria",
        ),
        ("Fornecimento de câmara frigorífica e de sistema de climatização", "manutencao_predial"),
        ("Contratação visando a expansão do sistema de videomonitoramento", "vigilancia"),
        (
            "Aquisição de bens, destinados à prefeitura, compreendendo móveis e equipamentos de "
            "informática",
            "informatica",
        ),
        ("Locação de software antivírus para os computadores", "software_licencas"),
        (
            "Fornecimento de materiais para cirurgia de ortopedia em consignação",
            "equipamentos_medicos",
        ),
        ("Compra de unitarizadora de comprimidos", "equipamentos_medicos"),
        ("Locação de mamógrafo para realização de exames", "equipamentos_medicos"),
        ("Peças de reposição destinadas a equipamentos odontológicos", "equipamentos_medicos"),
        ("Caixas térmicas para guardar vacinas", "insumos_hospitalares"),
        ("Material de consumo para o laboratório de bromatologia", "insumos_hospitalares"),
        ("Materiais de limpeza e de limpeza hospitalar", "produtos_limpeza"),
        ("Toalhas de papel em bobina", "produtos_limpeza"),
        ("Revisão de garantia dos 40.000 km da caminhonete", "frota_veicular"),
        ("Conserto do Renault Duster da câmara", "frota_veicular"),
        ("Locação de empilhadeira a gás", "transporte_servicos"),
        ("Extensão de rede elétrica rural", "materiais_eletricos"),
        ("Nivolumabe e pertuzumabe para pacientes com decisão judicial", "medicamentos"),
        ("Nobreak (sistema de alimentação ininterrupta) senoidal", "informatica"),
        ("Ampliação do centro cirúrgico do hospital", "engenharia"),
        (
            "Contratação, por meio do convênio nº 12345/2026/SEE, para reforma do ginásio",
            "engenharia",
        ),
        ("Construção de teatro com palco e camarim", "engenharia"),
        ("Móveis hospitalares para a enfermaria", "mobiliario"),
        ("Mobiliário clínico e hospitalar da maternidade", "mobiliario"),
        ("Bens permanentes para o CRAS do bairro", "mobiliario"),
        ("Aquisição de scanners de mesa e toners", "informatica"),
        (
            "Prestação de serviços de instalação e suporte, com fornecimento de switches",
            "informatica",
        ),
        ("Manutenção corretiva da central telefônica PABX do fórum", "informatica"),
        ("Aquisição de telefones sem fio", "informatica"),
        ("Solução integrada de gestão de documentos", "software_desenvolvimento"),
        ("Sistema via web de acompanhamento de convênios", "software_desenvolvimento"),
        ("Acesso anual a sistema de pesquisa jurisprudencial", "software_licencas"),
        ("Locação de rolo compactador e motoniveladora", "transporte_servicos"),
        ("Serviços de coleta, transporte e entrega de documentos", "transporte_servicos"),
        ("Credenciamento de transportadores autônomos", "transporte_servicos"),
        (
            "Van adaptada, própria para transporte de passageiros cadeirantes, zero km",
            "frota_veicular",
        ),
        ("Execução de obra de ampliação da estação de tratamento de água", "materiais_hidraulicos"),
        ("Manilhas de concreto para bueiros", "materiais_hidraulicos"),
        ("Ampliação do SAA do distrito", "materiais_hidraulicos"),
        (
            "Manutenção preventiva, com troca de óleo e filtros, de grupo gerador",
            "manutencao_predial",
        ),
        ("Manutenção preventiva e corretiva da subestação do campus", "manutencao_predial"),
        ("Reforma e manutenção de escolas municipais", "manutencao_predial"),
        ("Troca do forro e da cobertura da delegacia", "manutencao_predial"),
        ("Instalação de painéis acústicos no auditório", "manutencao_predial"),
        ("Aquisição de fraldas infantis para a creche", "produtos_limpeza"),
        ("Álcool etílico em frascos de 500 ml", "produtos_limpeza"),
        ("Materiais de expediente e de limpeza", "produtos_limpeza"),
        ("Odorizador de ambientes e refil", "produtos_limpeza"),
        ("Blocos de receituário em duas vias", "papelaria"),
        ("Agendas e calendários personalizados", "papelaria"),
        ("Pincéis e telas para a oficina de artes", "papelaria"),
        ("Operação e fiscalização de portaria da subprefeitura", "vigilancia"),
        ("Instalação de concertina no muro da escola", "engenharia"),
        ("Locação de analisador, com fornecimento de reagentes", "insumos_hospitalares"),
        ("Materiais de uso hospitilar", "insumos_hospitalares"),
        ("Kit bebê para gestantes", "vestuario"),
        ("Conservação de logradouros por equipes mensais", "engenharia_rodoviaria"),
        ("Desobstrução e limpeza de galerias", "servicos_prediais"),
        ("Decoração e iluminação de Natal da praça", "materiais_eletricos"),
        ("Medicamentos e materiais médico-hospitalares", "medicamentos"),
        ("Medicamentos, seringas e agulhas", "medicamentos"),
        ("Passagens aéreas, hospedagem e traslado", "transporte_servicos"),
        ("Construção de garagem para veículos", "engenharia"),
        ("Botas e luvas para equipe de salvamento", "vestuario"),
    ],
)
def test_it_finds_the_sector_of_what_is_bought(text, sector):
    assert sector in sectors_of(text)


@pytest.mark.parametrize(
    ("text", "trap"),
    [
        ("Aquisição de cadeiras para a Secretaria Municipal de Saúde e Obras", "engenharia"),
        ("Aquisição de notebooks para atender a Secretaria de Educação e Transportes",
         "transporte_servicos"),
        ("Capacitação de servidores municipais em licitações", "informatica"),
        ("Serviços de confecção de chaves e carimbos", "vestuario"),
        ("Prestação de serviços com fornecimento de mão de obra", "engenharia"),
        ("Locação de veículos sem motorista, sem combustível", "frota_veicular"),
        ("Aquisição de materiais de limpeza", "servicos_prediais"),
        ("Serviços de limpeza e conservação predial", "produtos_limpeza"),
        ("Serviços de coffee break", "informatica"),
        ("Aquisição de tinta para impressora", "engenharia"),
        ("Camas hospitalares elétricas", "mobiliario"),
        ("Locação de mesas, cadeiras e tendas para eventos", "mobiliario"),
        ("Aquisição de veículo zero km para transporte de pacientes", "transporte_servicos"),
        ("Seguro para veículos da frota municipal", "frota_veicular"),
        ("Vigilância sanitária: aquisição de reagentes", "vigilancia"),
        ("Aquisição de bomba de infusão", "materiais_hidraulicos"),
        ("Aquisição de sonda e cateter", "engenharia"),
        ("Fornecimento de ar comprimido medicinal", "medicamentos"),
        ("Curso de manutenção predial para servidores", "manutencao_predial"),
        ("Vale alimentação em cartão eletrônico", "alimentos"),
        ("Pavimentação asfáltica e recapeamento de ruas", "engenharia"),
        ("Registro de preços, sistema de registro de preços", "software_desenvolvimento"),
        ("Tomada de preços nº 5", "materiais_eletricos"),
        ("Aquisição de notebooks para a Crea/MG", "medicamentos"),
        ("Serviços bancários de processamento da folha de pagamento", "software_desenvolvimento"),
        ("Locação de software de gestão pública", "software_licencas"),
        ("Solução de controle de acesso com catracas e software", "software_desenvolvimento"),
        ("Aquisição de fórmulas infantis e suplementos alimentares", "alimentos"),
        ("Aquisição de banana, maçã e mamão", "equipamentos_medicos"),
        ("Aquisição de óleo diesel e aditivo estabilizador", "informatica"),
        ("Fornecimento de água potável e esgoto para o prédio", "alimentos"),
        ("Vigilância patrimonial armada, com uniforme", "vestuario"),
        ("Limpeza e desinfecção de reservatórios e caixas d'água", "materiais_hidraulicos"),
        ("Aquisição de caminhão pipa 0km", "transporte_servicos"),
        ("Torneira descartável de três vias", "materiais_hidraulicos"),
        ("Dados móveis e telefonia móvel", "mobiliario"),
        ("Serviços de engenharia para manutenção de ar-condicionado", "engenharia"),
        ("Empresa do ramo de tecnologia da informação para fornecer antivírus", "informatica"),
        ("Cartão eletrônico com créditos para compra de gêneros alimentícios", "alimentos"),
        ("Ingressos para o parque das águas com lanche incluso", "alimentos"),
        ("Garrafas térmicas para café", "alimentos"),
        ("Cessão de uso de espaço para lanchonete e venda de refeições", "alimentos"),
        ("Solução para controle do estoque de medicamentos e vacinas", "medicamentos"),
        ("Máquina unitarizadora de medicamentos", "medicamentos"),
        ("Escovas para limpeza de endoscópios e colonoscópios", "equipamentos_medicos"),
        ("Fornecimento de exames de ultrassonografia", "equipamentos_medicos"),
        ("Publicação de extratos de contratos de recapeamento asfáltico", "engenharia_rodoviaria"),
        ("Recolhimento de animais soltos em vias e logradouros públicos", "engenharia_rodoviaria"),
        ("Reforma do prédio da escola, com pavimentação do pátio", "engenharia_rodoviaria"),
        ("Compra de livros didáticos de geografia", "papelaria"),
        ("Livros de literatura para o acervo bibliográfico", "papelaria"),
        ("Serviço de fotocópias em papel A4", "papelaria"),
        ("Copos de papel e lençóis de papel", "papelaria"),
        ("Serviço de vigilância desarmada, com dedicação exclusiva de mão de obra, em três postos "
         "de trabalho", "servicos_prediais"),
        ("Locação de banheiros químicos, com serviço de limpeza", "servicos_prediais"),
        ("Material de higiene e materiais correlatos descartáveis", "insumos_hospitalares"),
        ("Implantes ortopédicos: haste intramedular", "insumos_hospitalares"),
        ("Locação de freezers, mesas e cadeiras para a festa", "mobiliario"),
        ("Aquisição de placas de divisória naval", "mobiliario"),
        ("Tapetes para os elevadores do prédio", "manutencao_predial"),
        ("Catraca com portas de vidro temperado", "manutencao_predial"),
        ("Manutenção de poços artesianos e manutenção de bombas submersas", "manutencao_predial"),
        ("Limpeza e manutenção de imóveis e terrenos baldios", "manutencao_predial"),
        ("Tubos para uso em serviços de manutenção hidráulica", "manutencao_predial"),
        ("Análise de efluentes da estação de tratamento de esgoto", "materiais_hidraulicos"),
        ("Manutenção da rede elétrica do paço municipal", "materiais_eletricos"),
        ("Gestão de redes sociais e atualização do site oficial", "software_desenvolvimento"),
        ("Locação de som, iluminação e equipamentos de informática", "informatica"),
        ("Serviço de coffee break e break dance", "informatica"),
        ("Limpeza mecanizada de galerias de drenagem com inspeção por CFTV", "vigilancia"),
        ("Confecção de adesivos para veículos da frota", "frota_veicular"),
        ("Roçadeira manual a gasolina", "frota_veicular"),
        ("Ambulância com equipe para remoção de urgência", "frota_veicular"),
        ("Análises laboratoriais, com transporte de amostras", "transporte_servicos"),
        ("Resíduos da construção civil: coleta e destinação", "engenharia"),
        ("Serviços de ciência e engenharia de dados", "engenharia"),
        ("Mão de obra especializada, com fornecimento de uniformes e calçados", "vestuario"),
        ("Aquisição de retroescavadeira destinada à execução de obras de infraestrutura urbana",
         "engenharia"),
        ("Sistema para gestão de consignações em folha", "equipamentos_medicos"),
        ("Bandejas e marmitas com divisórias", "manutencao_predial"),
        ("Veículo para a guarda patrimonial", "vigilancia"),
        ("Aquisição de eletrodomésticos: fogão e geladeira", "mobiliario"),
        ("Mesa de cabeceira com refeição acoplada", "mobiliario"),
        ("Estante de aço linha pesada", "frota_veicular"),
        ("Lavagem, higienização e conservação de veículos oficiais", "servicos_prediais"),
        ("Locação de sistema web de gestão pública em computação em nuvem", "informatica"),
        ("Gêneros alimentícios e descartáveis para a câmara", "produtos_limpeza"),
        ("Manuseio de alimentos, com talheres descartáveis e guardanapos", "produtos_limpeza"),
        ("Embalagens descartáveis para marmitas", "alimentos"),
        ("Cortinas acústicas para o estúdio", "mobiliario"),
        ("Colchão de espuma para maca e travesseiro", "mobiliario"),
        ("Transporte de mobiliário entre secretarias", "mobiliario"),
        ("Câmeras speed dome, switch e nobreak", "informatica"),
        ("Consulta em desktops e web da rede de iluminação", "informatica"),
        ("Serviço de mecânica, elétrica e ar-condicionado da frota", "manutencao_predial"),
        ("Barras, cantoneiras e vergalhões para serralheria", "manutencao_predial"),
        ("Obra de reforma e ampliação do prédio do fórum, com climatização", "manutencao_predial"),
        ("Materiais de limpeza para manutenção das unidades escolares", "manutencao_predial"),
        ("Fornecimento de um micro-ônibus para transporte de passageiros", "transporte_servicos"),
        ("Inspeção semestral de segurança veicular dos veículos do transporte escolar",
         "transporte_servicos"),
        ("Modernização dos 5 elevadores, com projeto executivo e pintura", "engenharia"),
        ("Móveis planejados em MDF e granito", "engenharia"),
        ("Playground de madeira", "engenharia"),
        ("Levantamento altimétrico do sistema viário", "engenharia_rodoviaria"),
        ("Espargidor de asfalto novo", "engenharia_rodoviaria"),
        ("Iluminação para eventos culturais", "materiais_eletricos"),
        ("Material de expediente: pilhas e canetas", "materiais_eletricos"),
        ("Software em modelo SaaS", "materiais_hidraulicos"),
        ("Ração para equinos, com carbonato de cálcio e cloreto de sódio", "medicamentos"),
        ("Infraestrutura temporária de rodeio, com segurança desarmada", "vigilancia"),
        ("Material de proteção e segurança para salvamento aquático", "vestuario"),
        ("Bobinas térmicas para relógio de ponto", "software_desenvolvimento"),
    ],
)  # fmt: skip
def test_it_does_not_fall_for_words_that_mean_something_else(text, trap):
    assert trap not in sectors_of(text)


def test_it_keeps_a_boilerplate_prefix_out():
    plain = "Aquisição de medicamentos"
    assert sectors_of(f"[Portal de Compras Públicas] - {plain}") == sectors_of(plain)
    assert sectors_of(f"[LICITANET] - {plain}") == {"medicamentos"}


def test_it_finds_several_sectors_in_one_object():
    text = "Aquisição de gêneros alimentícios, materiais de limpeza e material de expediente"
    assert sectors_of(text) == {"alimentos", "produtos_limpeza", "papelaria"}


def test_it_shows_where_the_evidence_stands():
    text = "Aquisição de MATERIAL DE CONSTRUÇÃO e ferramentas"
    result = sector_matcher("engenharia").match(text)
    assert [text[a:b] for a, b in result.spans] == ["MATERIAL DE CONSTRUÇÃO", "ferramentas"]
    assert result.terms == ("material de construção", "ferramentas")


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
    many = match("Obras e serviços de engenharia por empresa de construção civil no prédio")
    assert len(many.terms) > len(one.terms)
    assert abs(many.relevance - one.relevance) <= 20


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

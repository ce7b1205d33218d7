"""What the generated notices ask for: our own phrases, by sector. Floor 1."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Subject:
    """What the notices of one sector buy."""

    kind: Literal["goods", "service", "works"]
    weight: int  # relative share among the objects
    typical_reais: int  # the median of the estimated value in a pregão
    phrases: tuple[str, ...]


def _subject(
    kind: Literal["goods", "service", "works"], weight: int, typical_reais: int, text: str
) -> Subject:
    phrases = tuple(" ".join(phrase.split()) for phrase in text.split("|"))
    return Subject(kind, weight, typical_reais, phrases)


#: Sector -> subject; "outros" belongs to none of ours.
SUBJECTS: dict[str, Subject] = {
    "vestuario": _subject(
        "goods",
        38,
        95_000,
        """
uniformes escolares para os alunos da rede municipal de ensino|uniformes e calçados de segurança
para os servidores|camisetas personalizadas para campanhas e eventos|fardamento para a guarda
municipal|jalecos e aventais para as equipes de saúde|equipamentos de proteção individual - EPI
(botinas, luvas e capacetes)|coturnos e fardamento operacional|agasalhos e moletons para atletas
das escolinhas de esporte|coletes e bonés para os agentes comunitários|macacões, calças e camisas
de brim""",
    ),
    "alimentos": _subject(
        "goods",
        95,
        180_000,
        """
gêneros alimentícios para a merenda escolar|hortifrutigranjeiros da agricultura familiar para o
PNAE|carnes bovina, suína e de frango resfriadas|pães, bolos e salgados|cestas básicas para
famílias em vulnerabilidade social|água mineral em galões de 20 litros|leite pasteurizado e
derivados|café, açúcar e adoçante|fornecimento de refeições prontas tipo marmitex|fórmulas
infantis e suplementos alimentares|estocáveis (arroz, feijão, macarrão e óleo de soja)""",
    ),
    "informatica": _subject(
        "goods",
        60,
        150_000,
        """
computadores, notebooks e monitores|equipamentos de informática e periféricos|cartuchos e toners
para impressoras|servidores de rede e storage|switches, roteadores e access points|tablets para os
professores da rede|nobreaks e estabilizadores|locação de impressoras multifuncionais com
fornecimento de suprimentos|peças e componentes de informática (HD SSD, memória RAM e
fontes)|scanners e projetores multimídia""",
    ),
    "software_desenvolvimento": _subject(
        "service",
        14,
        600_000,
        """
desenvolvimento e manutenção de sistemas de informação em fábrica de software|desenvolvimento de
aplicativo móvel para atendimento ao cidadão|serviços de desenvolvimento de software em pontos de
função|desenvolvimento de portal institucional e intranet|sustentação de sistemas legados e
desenvolvimento de novas funcionalidades|modernização de sistemas com squads ágeis|integração de
sistemas por meio de APIs e desenvolvimento web""",
    ),
    "software_licencas": _subject(
        "service",
        28,
        220_000,
        """
licença de uso de software de gestão pública (contabilidade, folha e tributos)|licenciamento de
suíte de escritório em nuvem|renovação de licenças de antivírus corporativo|subscrição de software
CAD e BIM|locação de sistema integrado de gestão educacional|cessão de direito de uso de software de
gestão da saúde|licenças de sistema operacional e banco de dados|assinatura de software de backup em
nuvem""",
    ),
    "mobiliario": _subject(
        "goods",
        36,
        110_000,
        """
mobiliário escolar (carteiras, mesas e cadeiras)|móveis planejados para as repartições|mesas,
armários e cadeiras de escritório|cadeiras giratórias ergonômicas|estantes de aço e arquivos
deslizantes|mobiliário para as unidades básicas de saúde|poltronas e longarinas para
auditório|móveis para as creches municipais""",
    ),
    "papelaria": _subject(
        "goods",
        38,
        70_000,
        """
material de expediente e papelaria|resmas de papel sulfite A4|kits de material escolar para os
alunos|material pedagógico e de expediente|canetas, pastas, envelopes e cadernos|carimbos e
material de escritório|papel, grampeadores e arquivos de mesa|materiais escolares e artigos de
papelaria""",
    ),
    "engenharia": _subject(
        "works",
        95,
        1_400_000,
        """
construção de escola com doze salas de aula|reforma e ampliação da unidade básica de
saúde|execução de obra de construção de quadra poliesportiva coberta|construção de creche padrão
FNDE|reforma do prédio da câmara municipal|elaboração de projetos básico e executivo de
engenharia|construção de muro de arrimo e contenção de encosta|obra de revitalização de praça
pública|construção de unidades habitacionais|implantação de rede de esgotamento sanitário|obra de
construção do centro de convivência do idoso""",
    ),
    "engenharia_rodoviaria": _subject(
        "works",
        48,
        2_100_000,
        """
pavimentação asfáltica em CBUQ de vias urbanas|recapeamento asfáltico e sinalização
viária|pavimentação em bloquete de diversas ruas|recuperação de estradas vicinais|construção de
ponte em concreto armado na zona rural|tapa-buraco com massa asfáltica|drenagem pluvial e
pavimentação do bairro|conservação e manutenção de rodovias estaduais|implantação de ciclovia e
calçadas|fornecimento de massa asfáltica usinada a quente e emulsão RR-2C""",
    ),
    "servicos_prediais": _subject(
        "service",
        42,
        750_000,
        """
limpeza, asseio e conservação predial com dedicação exclusiva de mão de obra|serviços de
jardinagem e poda|dedetização, desratização e desinsetização|portaria e recepção|serviços de
copeiragem e limpeza|zeladoria e serviços gerais terceirizados|limpeza de caixas d'água e fossas|
conservação de áreas verdes e roçada""",
    ),
    "produtos_limpeza": _subject(
        "goods",
        40,
        90_000,
        """
material de limpeza e higiene|produtos de limpeza, copa e cozinha|detergente, desinfetante e água
sanitária|papel higiênico, papel toalha e sabonete líquido|sacos de lixo e vassouras|álcool em gel
e álcool 70%|saneantes e descartáveis|materiais de higienização para as escolas""",
    ),
    "manutencao_predial": _subject(
        "service",
        36,
        420_000,
        """
manutenção predial preventiva e corretiva com fornecimento de materiais|manutenção de aparelhos de
ar condicionado|manutenção preventiva e corretiva de elevadores|pintura e pequenos reparos nos
prédios públicos|manutenção da rede elétrica e hidráulica predial|impermeabilização de lajes e
telhados|instalação e manutenção de ar-condicionado tipo split|manutenção de sistema de combate a
incêndio""",
    ),
    "medicamentos": _subject(
        "goods",
        85,
        320_000,
        """
medicamentos da farmácia básica|medicamentos para atendimento de demandas judiciais|medicamentos
injetáveis para o pronto atendimento|fármacos controlados da portaria 344|medicamentos da relação
municipal - REMUME|insulinas análogas e medicamentos para diabetes|antibióticos e soluções
parenterais de grande volume|medicamentos por maior desconto na tabela CMED|medicamentos
oncológicos para o hospital""",
    ),
    "equipamentos_medicos": _subject(
        "goods",
        34,
        280_000,
        """
equipamentos médico-hospitalares|aparelho de ultrassom e eletrocardiógrafo|ventiladores pulmonares
e monitores multiparâmetros|equipamentos odontológicos e cadeira odontológica|desfibriladores e
oxímetros|camas hospitalares elétricas e macas|autoclaves e equipamentos para centro de
esterilização|manutenção de equipamentos médicos e hospitalares|aparelho de raios X digital""",
    ),
    "insumos_hospitalares": _subject(
        "goods",
        62,
        210_000,
        """
material médico-hospitalar de consumo|luvas de procedimento, seringas e agulhas|material
odontológico de consumo|fraldas geriátricas e infantis|reagentes e insumos de laboratório|tiras
reagentes para glicemia e lancetas|curativos, gazes e ataduras|sondas, cateteres e equipos|gases
medicinais e oxigênio hospitalar|órteses, próteses e materiais especiais - OPME""",
    ),
    "vigilancia": _subject(
        "service",
        22,
        680_000,
        """
vigilância patrimonial armada e desarmada|monitoramento eletrônico por câmeras - CFTV|instalação
de alarmes e videomonitoramento|segurança para eventos e festividades|vigilância armada em postos
de 12x36 horas|circuito fechado de televisão e controle de acesso|serviços de vigilância
desarmada diurna e noturna""",
    ),
    "transporte_servicos": _subject(
        "service",
        55,
        520_000,
        """
transporte escolar de alunos da zona rural|locação de veículos sem motorista|fretamento de ônibus
para transporte de pacientes - TFD|locação de caminhões e máquinas pesadas com operador|transporte
de passageiros em van e micro-ônibus|agenciamento de transporte por aplicativo|serviço de
transporte de cargas e mudanças|locação de veículos tipo passeio e utilitários""",
    ),
    "frota_veicular": _subject(
        "goods",
        58,
        350_000,
        """
pneus, câmaras e protetores para a frota|peças e acessórios para veículos leves e
pesados|manutenção preventiva e corretiva da frota veicular|veículo zero quilômetro tipo
ambulância|combustível (gasolina comum, etanol e diesel S10)|óleos lubrificantes e filtros para a
frota|gerenciamento de frota com cartão de abastecimento|caminhão compactador de lixo zero
quilômetro|retífica de motores dos veículos da frota|serviço de borracharia e lavagem de
veículos""",
    ),
    "materiais_eletricos": _subject(
        "goods",
        34,
        120_000,
        """
material elétrico para manutenção da iluminação pública|luminárias LED para iluminação
pública|lâmpadas, reatores e relés fotoelétricos|cabos elétricos, disjuntores e tomadas|materiais
elétricos diversos para os prédios públicos|postes, braços e luminárias|transformadores e
quadros de distribuição|fios, eletrodutos e material elétrico de baixa tensão""",
    ),
    "materiais_hidraulicos": _subject(
        "goods",
        22,
        85_000,
        """
material hidráulico para manutenção da rede de água|tubos e conexões de PVC|bombas submersas e
motobombas|hidrômetros e registros|tubos de concreto e manilhas|materiais hidráulicos e
sanitários|conexões, torneiras e caixas d'água|tubos de PEAD e conexões para adutora""",
    ),
    "outros": _subject(
        "service",
        158,
        60_000,
        """
contratação de show artístico para as festividades do município|locação de palco, som e
iluminação para eventos|serviços de publicidade e propaganda|locação de imóvel para funcionamento
de órgão público|inscrição de servidores em curso de capacitação|assessoria jurídica
especializada|coleta, transporte e destinação final de resíduos sólidos|serviços funerários e
urnas mortuárias|seguro de vida e acidentes pessoais para estagiários|passagens aéreas nacionais|
material esportivo e troféus|instrumentos musicais para a banda municipal|gás liquefeito de
petróleo - GLP|brinquedos e parque infantil|sementes, mudas e insumos agrícolas|credenciamento de
leiloeiros oficiais|serviços gráficos e impressão de formulários|serviços bancários de
processamento da folha de pagamento|exames laboratoriais e consultas especializadas|arbitragem
esportiva""",
    ),
}

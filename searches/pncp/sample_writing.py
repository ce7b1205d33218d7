"""How the bodies of the generated set write: openings, endings, and the source's dirt. Floor 1."""

import random
import re
import unicodedata

OPENINGS: dict[str, tuple[str, ...]] = {
    "goods": (
        "Aquisição de {}",
        "Registro de preços para futura e eventual aquisição de {}",
        "Aquisição parcelada de {}",
        "Contratação de empresa para fornecimento de {}",
        "Constitui objeto deste processo a aquisição de {}",
        "Registro de Preço para eventual fornecimento, de forma parcelada, de {}",
        "{}",
        "Compra de {}",
    ),
    "service": (
        "Contratação de empresa especializada em {}",
        "Contratação de empresa para prestação de serviços de {}",
        "Registro de preços para prestação de serviços de {}",
        "Prestação de serviços de {}",
        "Contratação de pessoa jurídica para {}",
        "{}",
        "Serviços continuados de {}",
    ),
    "works": (
        "Contratação de empresa de engenharia para {}",
        "Contratação de empresa especializada para execução de {}",
        "Execução, sob regime de empreitada por preço global, de {}",
        "Contratação de pessoa jurídica do ramo de engenharia para {}",
        "{}",
    ),
    "sale": ("Alienação de bens móveis inservíveis: {}", "Leilão de bens inservíveis, lote de {}"),
}

#: Of what is auctioned, by modalities 1 and 13.
AUCTIONED: tuple[str, ...] = (
    "veículos, máquinas e sucatas",
    "imóveis urbanos de propriedade do município",
    "sucata ferrosa e equipamentos de informática antieconômicos",
    "veículos oficiais em fim de vida útil",
)

#: {} is the unit; most notices end in one of these.
ENDINGS: tuple[str, ...] = (
    "",
    "",
    ", para atender as necessidades de {}",
    ", em atendimento às demandas de {}",
    ", conforme condições, quantidades e exigências estabelecidas no Termo de Referência",
    ", conforme especificações constantes do Edital e seus anexos",
    ", pelo período de 12 (doze) meses",
    ", destinados a {}, conforme Termo de Referência (Anexo I)",
    " - {}",
    ". Processo com participação exclusiva de ME/EPP",
)

PREFIXES: tuple[str, ...] = (
    "[LICITANET] - ",
    "[Portal de Compras Públicas] - ",
    " - ",
    "OBJETO: ",
    "[BLL] ",
)

#: How hurried hands write the commonest words.
ABBREVIATIONS: tuple[tuple[str, str], ...] = (
    ("Aquisição", "Aquis."),
    ("Contratação", "Contrat."),
    ("para ", "p/ "),
    ("manutenção", "manut."),
    ("serviços", "serv."),
    ("fornecimento", "fornec."),
    ("equipamentos", "equip."),
    ("Secretaria Municipal", "Sec. Mun."),
)


def as_written(draw: random.Random, text: str) -> str:
    """Dirty a text as the source's are: capitals, lost accents, abbreviations, prefixes, blanks."""
    if draw.random() < 0.12:
        for word, short in draw.sample(ABBREVIATIONS, 3):
            text = text.replace(word, short)
    if draw.random() < 0.10:
        text = unaccented(text)
    if draw.random() < 0.38:
        text = text.upper()
    if draw.random() < 0.05:
        text = draw.choice(PREFIXES) + text
    if draw.random() < 0.08:
        text = draw.choice((f"{text} ", f" {text}", f"{text}\n", text.replace(", ", ",\n", 1)))
    return text


def unaccented(text: str) -> str:
    """Return the text without accents and cedillas."""
    return re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", text))

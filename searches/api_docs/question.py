"""What may be asked: the body of POST /api/buscar (contract, section 5). Floor 6.

Said strictly: what the door takes besides (digits as text, small letters, "" for nothing) is
patience, and no promise.
"""

from searches.api_docs.parts import (
    DAY,
    ID,
    TEXT,
    UF,
    Schema,
    list_of,
    one_of,
    optional,
    said,
)
from searches.domain import brazil, matching, tables
from searches.domain.notice import NoticeStatus
from searches.domain.query import (
    ANY_STATUS,
    DEFAULT_DAYS,
    DEFAULT_PAGE_SIZE,
    LARGEST_VALUE,
    LARGEST_WHOLE,
    LONGEST_PERIOD_DAYS,
    LONGEST_TEXT,
    MOST_ENTRIES,
    PAGE_SIZES,
    Mode,
    Order,
)
from searches.domain.terms import MAX_TERM_LENGTH, MAX_TERMS, MIN_PREFIX_LENGTH
from searches.url_ids import IdConverter
from searches.wording import whole as with_dots

EXAMPLE = {"ufs": ["SP", "RJ"], "setor_id": "vestuario"}

_LINE: Schema = {**TEXT, "maxLength": LONGEST_TEXT}
_DIGITS = len(str(LARGEST_VALUE)) - 1
_MONEY: Schema = {
    "type": ["number", "string", "null"],
    "minimum": 0,
    "maximum": int(LARGEST_VALUE),
    "pattern": rf"^[0-9]{{1,{_DIGITS}}}(\.[0-9]{{1,4}})?$",
    "default": None,
}
PAGE: Schema = {"type": "integer", "minimum": 1, "maximum": LARGEST_WHOLE}
PAGE_SIZE = one_of(PAGE_SIZES, "integer")
STATUS = one_of((ANY_STATUS, *(status.value for status in NoticeStatus)))
ORDER = one_of(order.value for order in Order)
MODE = one_of(mode.value for mode in Mode)
SPHERE = one_of(tables.SPHERES)
MODALITY = one_of(tables.MODALITY_BY_CODE, "integer")
MUNICIPALITY: Schema = {**TEXT, "pattern": f"^({'|'.join(brazil.BY_IBGE)})[0-9]{{5}}$"}


def _list(items: Schema) -> Schema:
    return optional(list_of(items, maxItems=MOST_ENTRIES, default=[]))


def question() -> Schema:
    """Return the schema of a question; sectors are read from their files, so not at the start."""
    sectors = one_of(sector.id for sector in matching.all_sectors())
    nothing = {"default": None}
    return {
        "type": "object",
        "description": "Um setor ou termos próprios são precisos. null vale como o campo que falta "
        "(menos em `ufs`). Tudo o que está errado volta de uma vez, por campo (422).",
        "required": ["ufs"],
        "additionalProperties": False,
        "anyOf": [
            {"required": ["setor_id"], "properties": {"setor_id": {"type": "string"}}},
            {
                "required": ["termos_busca"],
                "properties": {"termos_busca": {"type": "string", "pattern": r"\S"}},
            },
        ],
        "properties": {
            "ufs": said(
                list_of(UF, minItems=1, maxItems=MOST_ENTRIES),
                "Siglas dos estados; as repetidas contam uma vez.",
            ),
            "modo_busca": said(
                optional(MODE),
                f"`{Mode.PUBLISHED.value}`: publicadas no período. `{Mode.OPEN.value}`: ainda "
                "recebem propostas, publicadas quando for; o período não é usado.",
                default=Mode.PUBLISHED.value,
            ),
            "data_inicial": said(
                optional(DAY),
                f"Primeiro dia. Não depois do último, que fica no máximo {LONGEST_PERIOD_DAYS} "
                f"dias adiante, nem no futuro. Sem ele, os {DEFAULT_DAYS} dias até o último.",
                **nothing,
            ),
            "data_final": said(
                optional(DAY),
                "Último dia, incluído no período; não no futuro. Sem ele, hoje em Brasília.",
                **nothing,
            ),
            "setor_id": said(
                optional(sectors),
                "Um de `/api/setores`. Pode faltar quando há `termos_busca`.",
                **nothing,
            ),
            "termos_busca": said(
                optional(_LINE),
                "Com vírgula: frases; sem: palavras. Toma o lugar dos termos do setor. Valem "
                "palavras inteiras do objeto, sem acento nem maiúscula, no singular ou no plural. "
                f"Até {MAX_TERMS} termos de até {MAX_TERM_LENGTH} letras; * no fim de uma palavra "
                f"com {MIN_PREFIX_LENGTH} letras ou mais vale por qualquer final. Sem hífen "
                "antes. Só palavras comuns demais (de, para) não bastam.",
                **nothing,
            ),
            "exclusion_terms": said(
                _list(_LINE),
                "Quem tem um destes termos no objeto fica de fora. Sem hífen antes; nenhum pode "
                "estar entre os termos buscados.",
            ),
            "modalidades": said(
                _list(MODALITY),
                "Códigos de `/api/modalidades`; nenhum: as competitivas.",
                default=list(tables.COMPETITIVE),
            ),
            "esferas": said(
                _list(SPHERE),
                ", ".join(f"{code}: {name}" for code, name in tables.SPHERES.items())
                + ". Nenhuma: todas.",
            ),
            "municipios": said(
                _list(MUNICIPALITY), "Códigos IBGE, de 7 dígitos. Nenhum: todos os municípios."
            ),
            "orgaos": said(
                _list(_LINE), "Partes de nomes de órgãos, sem acento nem maiúscula. Nenhuma: todos."
            ),
            "valor_minimo": said(
                _MONEY,
                f"Em reais, de 0 a {with_dots(LARGEST_VALUE)}; número ou texto decimal. Com um "
                "dos dois limites, o que não informa valor fica de fora.",
            ),
            "valor_maximo": said(_MONEY, "Em reais; não menos que `valor_minimo`."),
            "status": said(
                optional(STATUS),
                "Deduzido das datas e da situação.",
                default=ANY_STATUS,
            ),
            "ordenacao": said(
                optional(ORDER), "A ordem de `licitacoes`.", default=Order.NEWEST.value
            ),
            "pagina": said(optional(PAGE), "Qual página do resultado volta.", default=1),
            "itens_por_pagina": said(
                optional(PAGE_SIZE),
                "Quantas licitações tem uma página.",
                default=DEFAULT_PAGE_SIZE,
            ),
            "search_id": said(
                optional({**ID, "pattern": f"^{IdConverter.regex}$"}),
                "Um UUID feito por quem pede: pedir de novo com ele devolve a mesma busca. O de "
                "uma busca de outra pessoa é recusado (409).",
                **nothing,
            ),
        },
    }

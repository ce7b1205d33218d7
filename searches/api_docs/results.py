"""What a search and its result look like, and the public tables. Floor 6."""

from searches import messages
from searches.api_docs.parts import (
    COUNT,
    DAY,
    ID,
    MOMENT,
    MONEY,
    OPTIONAL_MOMENT,
    OPTIONAL_MONEY,
    OPTIONAL_TEXT,
    TEXT,
    UF,
    WHOLE,
    YES_OR_NO,
    Schema,
    list_of,
    one_of,
    optional,
    ref,
    said,
    whole,
)
from searches.api_docs.question import (
    MODALITY,
    MODE,
    MUNICIPALITY,
    ORDER,
    PAGE,
    PAGE_SIZE,
    SPHERE,
    STATUS,
)
from searches.domain.filtering import Reason
from searches.domain.lifecycle import Status
from searches.domain.notice import NoticeStatus
from searches.domain.progress import Stage
from searches.domain.summary import CLOSING_SOON, MOST_HIGHLIGHTS, SOON_DAYS, VALUE_BANDS
from searches.units import UnitStatus

SEARCH_STATUS = one_of(status.value for status in Status)
STAGE = one_of(stage.value for stage in Stage)
PROGRESS: Schema = {"type": "integer", "minimum": -1, "maximum": 100}
#: Where a file is (contract, section 6).
STORAGE = optional(one_of(("object_storage", "database")))
PERCENT: Schema = {"type": "integer", "minimum": 0, "maximum": 100}
_TEXTS = list_of(TEXT)
_SPAN = list_of(WHOLE, minItems=2, maxItems=2)
#: How far a UF was read once it is read no more.
_READ = one_of(
    status.value for status in UnitStatus if status not in (UnitStatus.WAITING, UnitStatus.READING)
)


def _once_judged(schema: Schema) -> Schema:
    """Return the schema of what is {} until all is judged, and when it never comes to that."""
    return {"anyOf": [schema, {"type": "object", "maxProperties": 0}]}


def _figures(name: str, key: Schema) -> Schema:
    return list_of(whole({name: key, "total": COUNT, "valor": MONEY}))


NOTICE = whole(
    {
        "numero_controle_pncp": TEXT,
        "objeto": TEXT,
        "informacao_complementar": TEXT,
        "orgao": TEXT,
        "unidade": TEXT,
        "cnpj": TEXT,
        "esfera": TEXT,
        "uf": TEXT,
        "municipio": TEXT,
        "codigo_ibge": TEXT,
        "modalidade_id": WHOLE,
        "modalidade": TEXT,
        "situacao_id": WHOLE,
        "situacao": TEXT,
        "status": one_of(status.value for status in NoticeStatus),
        "valor_estimado": said(OPTIONAL_MONEY, "Em reais; null: não informado"),
        "data_publicacao": MOMENT,
        "data_abertura": OPTIONAL_MOMENT,
        "data_encerramento": OPTIONAL_MOMENT,
        "dias_restantes": {"type": ["integer", "null"]},
        "termos": _TEXTS,
        "trechos": said(list_of(_SPAN), "Onde os termos estão no objeto: início e fim"),
        "relevancia": PERCENT,
        "link_pncp": TEXT,
        "link_origem": OPTIONAL_TEXT,
        "portal": TEXT,
        "alterada_depois": said(YES_OR_NO, "Mudou no PNCP depois desta busca"),
    }
)
PARAMETERS = whole(
    {
        "ufs": list_of(UF),
        "modo_busca": MODE,
        "data_inicial": DAY,
        "data_final": DAY,
        "setor_id": OPTIONAL_TEXT,
        "termos_busca": TEXT,
        "exclusion_terms": _TEXTS,
        "modalidades": list_of(MODALITY),
        "esferas": list_of(SPHERE),
        "municipios": list_of(MUNICIPALITY),
        "orgaos": _TEXTS,
        "valor_minimo": OPTIONAL_MONEY,
        "valor_maximo": OPTIONAL_MONEY,
        "status": STATUS,
        "ordenacao": ORDER,
        "pagina": PAGE,
        "itens_por_pagina": PAGE_SIZE,
    },
    description="O pedido como foi entendido, com o que faltava preenchido",
)
SUMMARY = whole(
    {
        "total": COUNT,
        "valor_total": MONEY,
        "sem_valor": said(COUNT, "Quantas não informam valor"),
        "recebendo_proposta": COUNT,
        CLOSING_SOON: said(COUNT, f"Quantas encerram em até {SOON_DAYS} dias"),
        "estados": COUNT,
        "por_uf": _figures("uf", TEXT),
        "por_modalidade": _figures("modalidade", TEXT),
        "por_semana": said(_figures("semana", DAY), "Pela segunda-feira de cada semana"),
        "por_faixa_de_valor": said(
            list_of(
                whole({"ate": OPTIONAL_MONEY, "total": COUNT}),
                minItems=len(VALUE_BANDS) + 1,
                maxItems=len(VALUE_BANDS) + 1,
            ),
            "A última faixa não tem fim: `ate` é null",
        ),
        "destaques": list_of(
            whole(
                {
                    name: NOTICE["properties"][name]
                    for name in (
                        *("numero_controle_pncp", "objeto", "orgao", "uf", "valor_estimado"),
                        *("data_encerramento", "relevancia", "link_pncp", "link_origem"),
                    )
                }
            ),
            maxItems=MOST_HIGHLIGHTS,
        ),
    },
    description="Números do resultado",
)
COVERAGE = whole(
    {
        "status": _READ,
        "motivo": said(OPTIONAL_TEXT, "Código do que faltou", examples=["source.down"]),
        "pagina_que_falhou": {"type": ["integer", "null"], "minimum": 1},
        "lidas": COUNT,
        "encontradas": COUNT,
        "do_acervo": said(COUNT, "Das lidas, as que já se tinham e não foi preciso pedir"),
        "repetidas": COUNT,
        "ilegiveis": COUNT,
        "paginas_lidas": COUNT,
        "paginas_total": COUNT,
    },
    description="Até onde um estado foi lido",
)
MATCHING = whole(
    {
        "termos": said(_TEXTS, "Os termos próprios; nenhum quando valem os do setor"),
        "minimo": said(COUNT, "De quantos termos um objeto precisava"),
        "minimo_usado": said(COUNT, "De quantos acabou precisando"),
        "excluidas_a_pedido": said(COUNT, "Quantas as exclusões do pedido tiraram"),
        "relaxado": said(YES_OR_NO, "Ninguém tinha o mínimo: valeu um termo"),
        "sugestoes": said(_TEXTS, "Palavras parecidas, quando nada foi encontrado"),
    },
    description="O mínimo de termos e o que veio dele",
)
SEARCH = whole(
    {
        "search_id": ID,
        "status": SEARCH_STATUS,
        "stage": STAGE,
        "progress": PROGRESS,
        "parametros": ref("Parametros"),
        "resumo": said(
            _once_judged(ref("Resumo")),
            "Vem um pouco antes do fim, quando tudo está julgado; {} até lá, e para sempre numa "
            "busca que acabou antes disso.",
        ),
        "licitacoes": said(list_of(ref("Licitacao")), "Enquanto roda, o que já se encontrou"),
        "total_raw": COUNT,
        "total_filtrado": COUNT,
        "filter_stats": whole(
            {reason.value: said(COUNT, messages.REASONS[reason]) for reason in Reason},
            description="Quantas ficaram de fora, por motivo: total_raw menos total_filtrado",
        ),
        "cobertura": {
            "type": "object",
            "description": "Por estado; vem com o resumo, ou com o fim; {} até lá",
            "propertyNames": UF,
            "additionalProperties": ref("Cobertura"),
        },
        "termos_utilizados": _TEXTS,
        "stopwords_removidas": _TEXTS,
        "correspondencia": said(_once_judged(ref("Correspondencia")), "Vem com o resumo"),
        "download_url": OPTIONAL_TEXT,
        "excel_available": YES_OR_NO,
        "storage": STORAGE,
        "erro": said(
            OPTIONAL_TEXT,
            "Código do que deu errado; artifact.large: só o Excel, grande demais",
            examples=list(messages.ERRORS),
        ),
        "pagina": PAGE,
        "itens_por_pagina": PAGE_SIZE,
        "total_paginas": said(COUNT, "Pelo menos 1"),
        "criada_em": MOMENT,
        "ultima_atualizacao": MOMENT,
    }
)
ACCEPTED = whole(
    {
        "search_id": ID,
        "status_url": said(TEXT, "A busca e o resultado"),
        "progress_url": said(TEXT, "Os eventos por SSE"),
        "ws_url": said(TEXT, "Os eventos por WebSocket"),
        "download_url": said(TEXT, "O Excel, quando terminar"),
    }
)
CANCELLED = whole({"search_id": ID, "status": SEARCH_STATUS})
ERROR = whole(
    {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": said(TEXT, "Para programas", examples=["query.invalid", "search.rate"]),
                "message": said(TEXT, "Para pessoas"),
                "field": said(TEXT, "O primeiro campo errado"),
                "fields": {
                    "type": "object",
                    "description": "Tudo o que está errado no pedido, por campo",
                    "additionalProperties": _TEXTS,
                },
            },
        }
    }
)

SECTOR_ROW = whole({"id": TEXT, "nome": TEXT, "descricao": TEXT}, additionalProperties=False)
MODALITY_ROW = whole(
    {
        "codigo": MODALITY,
        "nome": TEXT,
        "padrao": said(YES_OR_NO, "Buscada quando nenhuma é pedida"),
    },
    additionalProperties=False,
)
UF_ROW = whole({"sigla": UF, "nome": TEXT, "regiao": TEXT}, additionalProperties=False)

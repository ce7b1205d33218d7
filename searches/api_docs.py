"""What the OpenAPI document says of bodies and answers that the code reads and writes itself.

Floor 6.
"""

from typing import Any

from django.conf import settings

from exports.workbook import CONTENT_TYPE
from searches.domain.lifecycle import Status
from searches.domain.notice import NoticeStatus
from searches.domain.progress import Stage
from searches.domain.query import PAGE_SIZES, Mode, Order

DESCRIPTION = (
    "Busca de licitações do PNCP. Autenticação: cookie de sessão com CSRF, ou "
    '`Authorization: Bearer TOKEN`. Erros: `{"error": {"code", "message", "field"?}}`.'
)

_TEXT: dict[str, Any] = {"type": "string"}
_WHOLE: dict[str, Any] = {"type": "integer"}
_OPTIONAL_TEXT = ["string", "null"]
_MOMENT = {"type": "string", "format": "date-time"}
_OPTIONAL_MOMENT = {"type": _OPTIONAL_TEXT, "format": "date-time"}
#: Money comes and goes as decimal text; numbers are taken, too.
_MONEY = {"type": ["number", "string", "null"], "minimum": 0}
_TEXTS = {"type": "array", "items": {"type": "string"}}
_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["ufs"],
    "additionalProperties": False,
    "properties": {
        "ufs": {**_TEXTS, "description": "Siglas dos estados", "examples": [["SP", "RJ"]]},
        "modo_busca": {"type": "string", "enum": [mode.value for mode in Mode]},
        "data_inicial": {"type": _OPTIONAL_TEXT, "format": "date"},
        "data_final": {"type": _OPTIONAL_TEXT, "format": "date"},
        "setor_id": {"type": _OPTIONAL_TEXT, "examples": ["vestuario"]},
        "termos_busca": {
            "type": _OPTIONAL_TEXT,
            "description": "Com vírgula: frases; sem: palavras. Substitui os termos do setor.",
        },
        "exclusion_terms": _TEXTS,
        "modalidades": {"type": "array", "items": {"type": "integer"}},
        "esferas": {"type": "array", "items": {"type": "string", "enum": list("FEMD")}},
        "municipios": {**_TEXTS, "description": "Códigos IBGE de 7 dígitos"},
        "orgaos": {**_TEXTS, "description": "Partes de nomes"},
        "valor_minimo": _MONEY,
        "valor_maximo": _MONEY,
        "status": {
            "type": "string",
            "enum": ["todos", "recebendo_proposta", "em_julgamento", "encerrada"],
        },
        "ordenacao": {"type": "string", "enum": [order.value for order in Order]},
        "pagina": {"type": "integer", "minimum": 1},
        "itens_por_pagina": {"type": "integer", "enum": list(PAGE_SIZES)},
        "search_id": {"type": _OPTIONAL_TEXT, "format": "uuid"},
    },
}
_EXAMPLE = {"ufs": ["SP", "RJ"], "setor_id": "vestuario"}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "field": {"type": "string"},
                "fields": {
                    "type": "object",
                    "description": "Tudo o que está errado no pedido, por campo",
                    "additionalProperties": _TEXTS,
                },
            },
        }
    },
}


def _whole(properties: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that always has all of its properties."""
    return {"type": "object", "required": list(properties), "properties": properties}


_ACCEPTED = _whole(
    dict.fromkeys(("search_id", "status_url", "progress_url", "ws_url", "download_url"), _TEXT)
)
_SPAN = {"type": "array", "items": _WHOLE, "minItems": 2, "maxItems": 2}
_NOTICE: dict[str, Any] = {
    "numero_controle_pncp": _TEXT,
    "objeto": _TEXT,
    "informacao_complementar": _TEXT,
    "orgao": _TEXT,
    "unidade": _TEXT,
    "cnpj": _TEXT,
    "esfera": _TEXT,
    "uf": _TEXT,
    "municipio": _TEXT,
    "codigo_ibge": _TEXT,
    "modalidade_id": _WHOLE,
    "modalidade": _TEXT,
    "situacao_id": _WHOLE,
    "situacao": _TEXT,
    "status": {"type": "string", "enum": [status.value for status in NoticeStatus]},
    "valor_estimado": {"type": _OPTIONAL_TEXT, "description": "Em reais; null: não informado"},
    "data_publicacao": _MOMENT,
    "data_abertura": _OPTIONAL_MOMENT,
    "data_encerramento": _OPTIONAL_MOMENT,
    "dias_restantes": {"type": ["integer", "null"]},
    "termos": _TEXTS,
    "trechos": {"type": "array", "items": _SPAN, "description": "Onde os termos estão no objeto"},
    "relevancia": {"type": "integer", "minimum": 0, "maximum": 100},
    "link_pncp": _TEXT,
    "link_origem": {"type": _OPTIONAL_TEXT},
    "portal": _TEXT,
    "alterada_depois": {"type": "boolean", "description": "Mudou no PNCP depois desta busca"},
}
_COUNTS = {"type": "object", "additionalProperties": _WHOLE}
_STATUS = {"type": "string", "enum": [status.value for status in Status]}
_SEARCH: dict[str, Any] = {
    "search_id": {"type": "string", "format": "uuid"},
    "status": _STATUS,
    "stage": {"type": "string", "enum": [stage.value for stage in Stage]},
    "progress": {"type": "integer", "minimum": -1, "maximum": 100},
    "parametros": {"type": "object", "description": "O pedido como foi entendido"},
    "resumo": {"type": "object", "description": "Números do resultado; vazio até o fim"},
    "licitacoes": {"type": "array", "items": _whole(_NOTICE)},
    "total_raw": _WHOLE,
    "total_filtrado": _WHOLE,
    "filter_stats": _COUNTS,
    "cobertura": {"type": "object", "additionalProperties": {"type": "object"}},
    "termos_utilizados": _TEXTS,
    "stopwords_removidas": _TEXTS,
    "correspondencia": {
        "type": "object",
        "description": "O mínimo de termos, quantas as exclusões do pedido tiraram, e sugestões",
    },
    "download_url": {"type": _OPTIONAL_TEXT},
    "excel_available": {"type": "boolean"},
    "storage": {"type": _OPTIONAL_TEXT, "enum": ["object_storage", "database", None]},
    "erro": {
        "type": _OPTIONAL_TEXT,
        "description": "Código do que deu errado; artifact.large: só o Excel, grande demais",
    },
    "pagina": _WHOLE,
    "itens_por_pagina": _WHOLE,
    "total_paginas": _WHOLE,
    "criada_em": _MOMENT,
    "ultima_atualizacao": _MOMENT,
}
_RESULT = _whole(_SEARCH)
_CANCELLED = _whole({"search_id": _TEXT, "status": _STATUS})


def _answers(*errors: int, **success: Any) -> dict[str, Any]:
    """Return the answers of an operation: `sSTATUS` = (what it is, schema or None, media type)."""
    answers: dict[str, Any] = {}
    for status, (text, schema, *media) in success.items():
        answer: dict[str, Any] = {"description": text}
        if schema:
            answer["content"] = {(media or ["application/json"])[0]: {"schema": schema}}
        answers[status.removeprefix("s")] = answer
    for code in errors:
        answers[str(code)] = {
            "description": "Erro",
            "content": {"application/json": {"schema": _ERROR}},
        }
    return {"responses": answers}


_FILE = {"type": "string", "format": "binary"}

START = {
    "summary": "Começar uma busca",
    "description": "Com `Prefer: wait=N` responde com o resultado, se a busca terminar a tempo.",
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _REQUEST, "example": _EXAMPLE}},
    },
    "parameters": [
        {
            "in": "header",
            "name": "Prefer",
            "schema": {"type": "string"},
            "description": "wait=N espera o resultado por até N segundos (120)",
        }
    ],
    **_answers(
        400, 401, 409, 413, 422, 429, 503, s200=("Resultado, com Prefer: wait", _RESULT),
        s202=("Aceita", _ACCEPTED),
    ),
}  # fmt: skip
RESULT = {
    "summary": "Ver uma busca e uma página do resultado",
    "description": "Em qualquer momento da busca; sem parâmetros, a página que ela pediu.",
    **_answers(401, 404, 422, 503, s200=("A busca", _RESULT)),
}
STREAM = {
    "summary": "Acompanhar uma busca (SSE)",
    "description": "`Last-Event-ID` ou `?after=` continua depois de um corte.",
    "parameters": [
        {"in": "query", "name": "after", "schema": {"type": "integer", "minimum": 0}},
        {"in": "header", "name": "Last-Event-ID", "schema": {"type": "integer", "minimum": 0}},
    ],
    **_answers(
        401, 404, 503, s200=("Os eventos", _TEXT, "text/event-stream"), s204=("Nada de novo", None)
    ),
}
CANCEL = {
    "summary": "Cancelar uma busca",
    "description": "Pedir de novo, ou depois do fim, não muda nada.",
    **_answers(401, 404, 503, s202=("Cancelamento pedido", _CANCELLED)),
}
DOWNLOAD = {
    "summary": "Baixar o Excel de uma busca",
    "description": "Do banco de dados, ou por uma URL assinada que vale pouco tempo.",
    **_answers(
        401,
        404,
        409,
        410,
        422,
        503,
        s200=("O arquivo", _FILE, CONTENT_TYPE),
        s206=("Um trecho do arquivo, com Range", _FILE, CONTENT_TYPE),
        s302=("URL assinada", None),
        s304=("O mesmo arquivo, com If-None-Match", None),
        s416=("Um trecho que o arquivo não tem", None),
    ),
}


def table(summary: str) -> dict[str, Any]:
    """Return what is said of one of the public tables."""
    rows = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
    return {
        "summary": summary,
        "description": "Não precisa de autenticação.",
        "security": [],
        **_answers(s200=("A tabela", rows)),
    }


def finished(document: dict[str, Any]) -> dict[str, Any]:
    """Return ninja's document as it is meant: only the answers that are written here, one
    operation for GET and HEAD, and how to authenticate."""
    for operations in document["paths"].values():
        operations.pop("head", None)
        for operation in operations.values():
            operation["responses"] = {
                status: answer
                for status, answer in operation["responses"].items()
                if isinstance(status, str)  # ninja's own, a bare "OK", has a number
            }
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "Com X-CSRFToken em tudo o que não é GET.",
        },
    }
    document["security"] = [{"token": []}, {"session": []}]
    return document

"""What the OpenAPI document says of bodies and answers that the code reads and writes itself.

Floor 6.
"""

from typing import Any

from django.conf import settings

from searches.domain.query import PAGE_SIZES, Mode, Order

DESCRIPTION = (
    "Busca de licitações do PNCP. Autenticação: cookie de sessão com CSRF, ou "
    '`Authorization: Bearer TOKEN`. Erros: `{"error": {"code", "message", "field"?}}`.'
)

_OPTIONAL_TEXT = ["string", "null"]
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
        "valor_minimo": {"type": ["number", "null"], "minimum": 0},
        "valor_maximo": {"type": ["number", "null"], "minimum": 0},
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
            },
        }
    },
}
_ACCEPTED: dict[str, Any] = {
    "type": "object",
    "required": ["search_id", "status_url", "progress_url", "ws_url", "download_url"],
    "properties": {
        name: {"type": "string"}
        for name in ("search_id", "status_url", "progress_url", "ws_url", "download_url")
    },
}
_RESULT: dict[str, Any] = {
    "type": "object",
    "required": ["search_id", "status", "progress", "total_raw", "total_filtrado", "filter_stats"],
    "properties": {
        "search_id": {"type": "string", "format": "uuid"},
        "status": {
            "type": "string",
            "enum": ["queued", "running", "complete", "partial", "error", "cancelled"],
        },
        "progress": {"type": "integer"},
        "resumo": {"type": "object"},
        "licitacoes": {"type": "array", "items": {"type": "object"}},
        "total_raw": {"type": "integer"},
        "total_filtrado": {"type": "integer"},
        "filter_stats": {"type": "object", "additionalProperties": {"type": "integer"}},
        "cobertura": {"type": "object"},
        "termos_utilizados": _TEXTS,
        "stopwords_removidas": _TEXTS,
        "download_url": {"type": _OPTIONAL_TEXT},
        "excel_available": {"type": "boolean"},
        "storage": {"type": _OPTIONAL_TEXT},
        "pagina": {"type": "integer"},
        "itens_por_pagina": {"type": "integer"},
        "ultima_atualizacao": {"type": "string", "format": "date-time"},
    },
}


def _answers(*errors: int, **success: Any) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for status, (text, schema) in success.items():
        answer: dict[str, Any] = {"description": text}
        if schema:
            answer["content"] = {"application/json": {"schema": schema}}
        answers[status.removeprefix("s")] = answer
    for code in errors:
        answers[str(code)] = {
            "description": "Erro",
            "content": {"application/json": {"schema": _ERROR}},
        }
    return {"responses": answers}


START = {
    "summary": "Começar uma busca",
    "description": "Com `Prefer: wait=N` responde com o resultado, se a busca terminar a tempo.",
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _REQUEST}},
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
        400, 401, 409, 422, 429, 503, s200=("Resultado, com Prefer: wait", _RESULT),
        s202=("Aceita", _ACCEPTED),
    ),
}  # fmt: skip
RESULT = {
    "summary": "Ver uma busca e uma página do resultado",
    "description": "Em qualquer momento da busca; sem parâmetros, a página que ela pediu.",
    **_answers(401, 404, 422, s200=("A busca", _RESULT)),
}
STREAM = {
    "summary": "Acompanhar uma busca (SSE)",
    "description": "`Last-Event-ID` ou `?after=` continua depois de um corte.",
    **_answers(401, 404, s200=("text/event-stream", None), s204=("Nada de novo", None)),
}
CANCEL = {
    "summary": "Cancelar uma busca",
    "description": "Pedir de novo, ou depois do fim, não muda nada.",
    **_answers(401, 404, s202=("Cancelamento pedido", {"type": "object"})),
}
DOWNLOAD = {
    "summary": "Baixar o Excel de uma busca",
    "description": "Do banco de dados, ou por uma URL assinada que vale pouco tempo.",
    **_answers(401, 404, 409, 410, 422, 503, s200=("O arquivo", None), s302=("URL assinada", None)),
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

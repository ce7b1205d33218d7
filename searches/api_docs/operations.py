"""The calls: what each takes and answers, and the document as a whole. Floor 6."""

from typing import Any

from django.conf import settings

from exports.workbook import CONTENT_TYPE
from searches.api_docs import events, results
from searches.api_docs.parts import ID, TEXT, Schema, list_of, ref
from searches.api_docs.question import EXAMPLE, PAGE, PAGE_SIZE, question
from searches.preferences import LONGEST_WAIT_SECONDS

DESCRIPTION = (
    "Busca de licitações do PNCP. Autenticação: cookie de sessão com CSRF, ou "
    '`Authorization: Bearer TOKEN`. Erros: `{"error": {"code", "message", "field"?}}`.\n\n'
    f"{events.WHERE}"
)

_HEADERS: dict[str, Schema] = {
    "Accept-Ranges": {"schema": {"const": "bytes"}},
    "Content-Disposition": {
        "schema": TEXT,
        "example": 'attachment; filename="licitacoes_vestuario_2026-11-27.xlsx"',
    },
    "Content-Range": {"schema": TEXT, "example": "bytes 0-9/14520"},
    "ETag": {"schema": TEXT, "description": "Do conteúdo do arquivo"},
    "Location": {"schema": TEXT},
    "Preference-Applied": {"schema": TEXT, "example": "wait=30"},
    "Retry-After": {
        "schema": {"type": "integer", "minimum": 1},
        "description": "Em quantos segundos pedir de novo",
    },
    "WWW-Authenticate": {"schema": {"const": "Bearer"}},
}
#: Headers of errors, always there unless it says otherwise.
_OF_ERRORS: dict[int, dict[str, Schema]] = {
    401: {"WWW-Authenticate": {"required": True}},
    429: {"Retry-After": {"required": True}},
    503: {"Retry-After": {}},
}


def _headers(*names: str) -> dict[str, Schema]:
    return {name: {"required": True, **_HEADERS[name]} for name in names}


def _answer(text: str, schema: Schema | None = None, media: str = "application/json") -> Schema:
    return {"description": text, **({"content": {media: {"schema": schema}}} if schema else {})}


def _answers(*errors: int, **success: Schema) -> dict[str, Any]:
    """Return the answers of an operation: `sSTATUS`, and errors by their status."""
    answers = {status.removeprefix("s"): answer for status, answer in success.items()}
    for code in errors:
        answer = answers[str(code)] = _answer("Erro", ref("Erro"))
        if code in _OF_ERRORS:
            answer["headers"] = {
                name: {**more, **_HEADERS[name]} for name, more in _OF_ERRORS[code].items()
            }
    return {"responses": answers}


def _parameter(place: str, name: str, schema: Schema, text: str, **more: Any) -> Schema:
    return {"in": place, "name": name, "schema": schema, "description": text, **more}


_FILE = {"type": "string", "format": "binary"}
_SEQ = {"type": "integer", "minimum": 0}
_OF_THE_FILE = ("ETag", "Accept-Ranges")

START = {
    "summary": "Começar uma busca",
    "description": "Com `Prefer: wait=N` responde com o resultado, se a busca terminar a tempo.",
    "requestBody": {
        "required": True,
        "description": f"Até {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20} MB",
        "content": {"application/json": {"schema": ref("Pedido"), "example": EXAMPLE}},
    },
    "parameters": [
        _parameter(
            "header",
            "Prefer",
            TEXT,
            f"`wait=N` espera o resultado por até N segundos ({LONGEST_WAIT_SECONDS} no máximo)",
        )
    ],
    **_answers(
        *(400, 401, 409, 413, 422, 429, 503),
        s200=_answer("Resultado, com Prefer: wait", ref("Busca"))
        | {"headers": _headers("Preference-Applied")},
        s202=_answer("Aceita", ref("Aceita")) | {"headers": _headers("Location")},
    ),
}
RESULT = {
    "summary": "Ver uma busca e uma página do resultado",
    "description": "Em qualquer momento da busca; sem parâmetros, a página que ela pediu. Uma "
    "página depois da última vem sem licitações.",
    "parameters": [
        _parameter("query", "pagina", PAGE, "Qual página"),
        _parameter("query", "itens_por_pagina", PAGE_SIZE, "Quantas licitações em cada uma"),
    ],
    **_answers(401, 404, 422, 503, s200=_answer("A busca", ref("Busca"))),
}
STREAM = {
    "summary": "Acompanhar uma busca (SSE)",
    "description": f"`Last-Event-ID` ou `?after=` continua depois de um corte.\n\n{events.WHERE}",
    "parameters": [
        _parameter("query", "after", _SEQ, "O número do último evento recebido"),
        _parameter("header", "Last-Event-ID", _SEQ, "O mesmo; vale mais que `after`"),
    ],
    **_answers(
        *(401, 404, 503),
        s200=_answer("Os eventos", events.STREAMED, "text/event-stream"),
        s204=_answer("A busca terminou e não há nada de novo"),
    ),
}
CANCEL = {
    "summary": "Cancelar uma busca",
    "description": "Pedir de novo, ou depois do fim, não muda nada.",
    **_answers(401, 404, 503, s202=_answer("Cancelamento pedido", ref("Cancelamento"))),
}
DOWNLOAD = {
    "summary": "Baixar o Excel de uma busca",
    "description": "Do banco de dados, ou por uma URL assinada que vale pouco tempo. 409 enquanto "
    "a busca roda, e quando ela não tem arquivo; 410 quando ele não está mais guardado.",
    "parameters": [
        _parameter("query", "id", ID, "A busca", required=True),
        _parameter("header", "Range", TEXT, "Um trecho do arquivo: `bytes=0-9`"),
        _parameter("header", "If-Range", TEXT, "O trecho só se o arquivo ainda for este (ETag)"),
        _parameter("header", "If-None-Match", TEXT, "Nada se o arquivo ainda for este (ETag)"),
    ],
    **_answers(
        *(401, 404, 409, 410, 422, 503),
        s200=_answer("O arquivo", _FILE, CONTENT_TYPE)
        | {"headers": _headers("Content-Disposition", *_OF_THE_FILE)},
        s206=_answer("Um trecho do arquivo, com Range", _FILE, CONTENT_TYPE)
        | {"headers": _headers("Content-Disposition", "Content-Range", *_OF_THE_FILE)},
        s302=_answer("URL assinada") | {"headers": _headers("Location")},
        s304=_answer("O mesmo arquivo, com If-None-Match") | {"headers": _headers(*_OF_THE_FILE)},
        s416=_answer("Um trecho que o arquivo não tem")
        | {"headers": _headers("Content-Range", *_OF_THE_FILE)},
    ),
}


def _table(summary: str, row: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "description": "Não precisa de autenticação.",
        "security": [],
        **_answers(s200=_answer("A tabela", list_of(ref(row)))),
    }


SECTORS = _table("Setores que se podem pedir", "Setor")
MODALITIES = _table(
    "Modalidades do PNCP; `padrao` marca as buscadas quando nenhuma é pedida", "Modalidade"
)
UNITS = _table("As 27 unidades da federação", "UF")


def _schemas() -> dict[str, Schema]:
    return {
        "Pedido": question(),
        "Aceita": results.ACCEPTED,
        "Busca": results.SEARCH,
        "Parametros": results.PARAMETERS,
        "Resumo": results.SUMMARY,
        "Licitacao": results.NOTICE,
        "Cobertura": results.COVERAGE,
        "Correspondencia": results.MATCHING,
        "Cancelamento": results.CANCELLED,
        "Evento": events.EVENT,
        "Eventos": events.POLLED,
        "Setor": results.SECTOR_ROW,
        "Modalidade": results.MODALITY_ROW,
        "UF": results.UF_ROW,
        "Erro": results.ERROR,
    }


def finished(document: dict[str, Any]) -> dict[str, Any]:
    """Return ninja's document as it is meant: only the answers that are written here, one
    operation for GET and HEAD, the schemas by their names, and how to authenticate."""
    for operations in document["paths"].values():
        operations.pop("head", None)
        for operation in operations.values():
            operation["responses"] = {
                status: answer
                for status, answer in operation["responses"].items()
                if isinstance(status, str)  # ninja's own, a bare "OK", has a number
            }
    document["components"]["schemas"] = _schemas()
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

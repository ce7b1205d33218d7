"""What is told while a search runs (contract, section 6). Floor 6."""

from searches.api_docs.parts import (
    COUNT,
    MOMENT,
    OPTIONAL_TEXT,
    TEXT,
    UF,
    YES_OR_NO,
    Schema,
    list_of,
    one_of,
    ref,
    said,
    whole,
)
from searches.api_docs.results import PROGRESS, SEARCH_STATUS, STAGE, STORAGE
from searches.domain.progress import BANDS, LAST_STAGES, Stage
from searches.sse import RETRY_MILLISECONDS
from searches.streams import HEARTBEAT_SECONDS
from searches.units import UnitStatus

_COUNTS: Schema = {"total_raw": COUNT, "total_filtrado": COUNT}
#: Of each stage: what its detail always has, and what it may have besides.
_DETAILS: dict[Stage, tuple[Schema, Schema]] = {
    Stage.QUEUED: ({}, {}),
    Stage.CONNECTING: ({}, {"attempt": COUNT}),
    Stage.FETCHING: (
        {
            "uf": said(UF, "Um estado; as contagens são dele e absolutas"),
            "uf_index": said(COUNT, "Quantos estados terminaram"),
            "uf_total": COUNT,
            "uf_status": one_of(status.value for status in UnitStatus),
            "items_found": COUNT,
            "items_matched": COUNT,
            "pages_done": COUNT,
            "pages_total": COUNT,
            "from_store": said(COUNT, "Das lidas, as que já se tinham"),
            "reason": said(TEXT, "Código do que faltou, ou vazio"),
        },
        {"retrying": said(COUNT, "Quantos estados são lidos de novo")},
    ),
    Stage.FILTERING: ({}, _COUNTS),
    Stage.SUMMARY: (_COUNTS, {}),
    Stage.EXCEL: ({}, {"rows": COUNT, "storage": STORAGE, "fallback_reason": OPTIONAL_TEXT}),
}
_LAST: tuple[Schema, Schema] = (
    {**_COUNTS, "download_url": OPTIONAL_TEXT, "storage": STORAGE},
    {
        "ufs_incompletas": list_of(UF),
        "ufs_nao_lidas": list_of(UF),
        "code": said(TEXT, "Código do que deu errado"),
    },
)


def _detail(stage: Stage) -> Schema:
    always, sometimes = _DETAILS.get(stage, _LAST)
    resumes = said(YES_OR_NO, "A busca foi interrompida e espera para continuar daqui")
    return {
        "if": {"properties": {"stage": {"const": stage.value}}},
        "then": {
            "properties": {
                "detail": whole(always)
                | {"properties": {**always, **sometimes, "resumes": resumes}}
            }
        },
    }


def _band(stage: Stage) -> str:
    first, last = BANDS[stage]
    return f"{stage.value} {first}" if first == last else f"{stage.value} {first}-{last}"


EVENT = whole(
    {
        "seq": said({"type": "integer", "minimum": 1}, "Conta a partir de 1, sem saltos"),
        "stage": STAGE,
        "progress": said(
            PROGRESS,
            f"Não diminui antes do fim. Por etapa: {', '.join(map(_band, Stage))}",
        ),
        "message": said(TEXT, "Para pessoas"),
        "status": SEARCH_STATUS,
        "detail": {"type": "object", "description": "Depende da etapa"},
        "at": MOMENT,
    },
    additionalProperties=False,
    allOf=[_detail(stage) for stage in Stage],
    description="Um evento do progresso. O último é de uma destas etapas: "
    + ", ".join(stage.value for stage in Stage if stage in LAST_STAGES),
)
POLLED = whole(
    {
        "events": list_of(ref("Evento")),
        "last_seq": COUNT,
        "finished": said(YES_OR_NO, "Não virá mais nenhum"),
    },
    description="O que GET /buscas/{search_id}/eventos.json?after=SEQ responde",
)
WHERE = (
    "Os mesmos eventos, com os mesmos números, de três maneiras, todas com o token ou a sessão: "
    "SSE (`GET /api/buscar-progress/{search_id}`), WebSocket (o `ws_url` da busca: cada mensagem é "
    "um Evento) e consultas repetidas (`GET /buscas/{search_id}/eventos.json?after=SEQ`, que "
    "responde com Eventos). `?after=SEQ` continua depois do evento SEQ."
)
STREAMED: Schema = {
    **TEXT,
    "description": "Cada evento são as linhas `id: SEQ` e `data: {…}` (um Evento em JSON, "
    f"components/schemas/Evento). Um comentário vem a cada {HEARTBEAT_SECONDS:.0f} s; `retry: "
    f"{RETRY_MILLISECONDS}`. Depois do último evento a resposta termina.",
    "examples": ['id: 1\ndata: {"seq": 1, "stage": "queued", …}\n\n'],
}

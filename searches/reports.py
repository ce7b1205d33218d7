"""The Excel file of a search: which sheets, which columns, which name. Floor 4."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, BinaryIO
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from exports import workbook
from exports.errors import ArtifactError
from exports.models import Artifact
from exports.services import store_artifact
from exports.workbook import (
    Chart,
    Column,
    Figure,
    Figures,
    Group,
    Kind,
    Marked,
    Parameters,
    Table,
    Urgent,
)
from searches import messages, selectors, wording
from searches.database import apart
from searches.domain import tables
from searches.domain.brazil import BRASILIA, BY_CODE
from searches.domain.notice import NoticeStatus, infer_status
from searches.domain.query import SearchQuery
from searches.domain.stored import stored_query
from searches.domain.summary import (
    CLOSING_SOON,
    SOON_DAYS,
    URGENT_DAYS,
    Step,
    course,
    days_left,
)
from searches.domain.text import pieces
from searches.models import Search


class ReportFailed(Exception):
    """The file could not be made, or could not be kept anywhere."""


def download_path(search_id: UUID) -> str:
    """Return the door of a search's file; never the address of the file itself."""
    return f"{reverse('api:download')}?id={search_id}"


def storage_of(artifact: Artifact | None) -> str | None:
    """Return where a file is: object_storage or database; None when there is none."""
    return None if artifact is None else artifact.storage


@apart
def store_report(search_id: UUID) -> Artifact:
    """Write a search's result as an Excel file and keep it. Raises ReportFailed."""
    search = Search.objects.select_related("owner_user").get(pk=search_id)
    now = timezone.now()
    stamp = now.astimezone(BRASILIA).strftime("%Y%m%d_%H%M%S")
    try:
        return store_artifact(
            owner_user=search.owner_user,
            owner_visitor=search.owner_visitor,
            key=f"{stamp}_{search.pk}.xlsx",
            filename=file_name(search, now=now),
            content_type=workbook.CONTENT_TYPE,
            write=lambda file: write_report(search, file, now=now),
            retention_days=settings.BIDIQ_EXPORT_RETENTION_DAYS,
        )
    except ArtifactError as error:
        raise ReportFailed(str(error)) from error


def file_name(search: Search, *, now: datetime) -> str:
    """Return the name a browser saves the file by."""
    query = stored_query(search.query)
    what = "termos" if query.terms else query.sector
    return f"licitacoes_{what}_{now.astimezone(BRASILIA):%Y-%m-%d}.xlsx"


def write_report(search: Search, file: BinaryIO, *, now: datetime) -> int:
    """Write the workbook; return how many notices it has."""
    query = stored_query(search.query)
    sheets: list[workbook.Sheet] = [
        _notices(search, query, now=now),
        _figures(search, query, now=now),
        _parameters(search, query, now=now),
    ]
    return workbook.write_workbook(file, title=wording.question(query), sheets=sheets)


#: Characters of a list in one cell.
_LONGEST_LIST = 500
URGENT = Urgent(red_days=URGENT_DAYS, amber_days=SOON_DAYS)
COLUMNS = (
    Column("Código PNCP", width=32),
    Column("Objeto", width=70, wrap=True),
    Column("Órgão", width=40, wrap=True),
    Column("CNPJ", width=18),
    Column("UF", width=6),
    Column("Município", width=24),
    Column("Modalidade", width=24),
    Column("Situação", width=22),
    Column("Valor estimado", Kind.MONEY, total=True, untold=wording.money(None)),
    Column("Publicação", Kind.DATETIME),
    Column("Abertura", Kind.DATETIME),
    Column("Encerramento", Kind.DATETIME),
    Column("Dias restantes", Kind.INTEGER, urgent=URGENT),
    Column("Termos", width=30, wrap=True),
    Column("Relevância", Kind.INTEGER),
    Column("Link PNCP", Kind.LINK),
    Column("Link origem", Kind.LINK),
)


def _notices(search: Search, query: SearchQuery, *, now: datetime) -> Table:
    return Table("Licitações", COLUMNS, _rows(search, query, now=now))


def _rows(search: Search, query: SearchQuery, *, now: datetime) -> Iterator[Sequence[object]]:
    """Yield a row for each match, in the order that was asked, a chunk at a time."""
    matches = selectors.results(search, order=query.order).values_list(
        "notice__control_number", "notice__object", "spans", "notice__body", "notice__cnpj",
        "notice__uf", "notice__municipality", "notice__modality_name", "notice__situation_name",
        "notice__value", "notice__published_at", "notice__opens_at", "notice__closes_at",
        "notice__situation", "terms", "relevance", "notice__portal_url", "notice__origin_url",
    )  # fmt: skip
    for row in matches.iterator(chunk_size=2000):
        number, text, spans, *texts, value, published_at, opens_at, closes_at = row[:-5]
        situation, terms, relevance, portal, origin = row[-5:]
        # Of what closed this morning or is suspended none: the sheet draws few as urgent.
        status = infer_status(situation=situation, closes_at=closes_at, awarded=False, now=now)
        left = days_left(closes_at, now) if status is NoticeStatus.RECEIVING else None
        yield (
            number,
            Marked(tuple(pieces(text, spans))),
            *texts,
            value,
            _local(published_at),
            _local(opens_at),
            _local(closes_at),
            left,
            ", ".join(terms),
            relevance,
            portal,
            origin or None,
        )


def _local(moment: datetime | None) -> datetime | None:
    """Return Brasília's wall clock: Excel knows no zones."""
    return None if moment is None else moment.astimezone(BRASILIA).replace(tzinfo=None)


def _figures(search: Search, query: SearchQuery, *, now: datetime) -> Figures:
    summary = search.summary
    step, steps = course(summary)
    title, heading, form = wording.COURSES[step]
    money = Column("Valor estimado", Kind.MONEY)
    count = Column("Licitações", Kind.INTEGER)

    def rows(name: str, key: str) -> list[list[object]]:
        return [
            [entry[key], entry["total"], _sum(entry["valor"])] for entry in summary.get(name, ())
        ]

    return Figures(
        "Resumo",
        [
            Figure(
                "Números",
                [Column("Indicador", width=34), Column("Valor", Kind.TEXT)],
                [
                    ["Licitações encontradas", search.total_kept],
                    ["Licitações lidas", search.total_raw],
                    ["Valor estimado somado", _sum(summary.get("valor_total", "0"))],
                    ["Sem valor informado", summary.get("sem_valor", 0)],
                    ["Recebendo proposta", summary.get("recebendo_proposta", 0)],
                    [f"Encerram em {SOON_DAYS} dias", summary.get(CLOSING_SOON, 0)],
                ],
            ),
            Figure(
                "Por estado",
                [Column("UF"), count, money],
                rows("por_uf", "uf"),
                chart=Chart.BAR,
            ),
            Figure(
                "Por modalidade",
                [Column("Modalidade", width=34), count, money],
                rows("por_modalidade", "modalidade"),
                chart=Chart.BAR,
            ),
            Figure(
                title,
                # A date would be shown with its day.
                [Column(heading, Kind.DATE if step is Step.WEEK else Kind.TEXT), count, money],
                [
                    [
                        day if step is Step.WEEK else f"{day:{form}}",
                        total,
                        _sum(value) if total else None,
                    ]
                    for day, total, value in steps
                ],
                chart=Chart.LINE,
            ),
        ],
        heading=wording.question(query),
        note=f"Feito em {now.astimezone(BRASILIA):%d/%m/%Y %H:%M}, horário de Brasília.\n"
        f"{_missing(search)}",
    )


def _sum(value: str | Decimal) -> object:
    """Return a sum of money; values are never zero: then none is told."""
    return Decimal(value) or wording.money(None)


def _missing(search: Search) -> str:
    """Say which states are not in the figures, or only in part; nothing when all were read."""
    said = [
        f"{what} {wording.join([wording.in_state(uf) for uf in ufs])}"
        for status, what in (("failed", "nada foi lido"), ("partial", "só uma parte foi lida"))
        if (ufs := [uf for uf, entry in search.coverage.items() if entry["status"] == status])
    ]
    return f"Resultado incompleto: {'; '.join(said)}." if said else ""


def _parameters(search: Search, query: SearchQuery, *, now: datetime) -> Parameters:
    asked: list[tuple[str, object]] = [
        ("Busca", str(search.pk)),
        ("Feita em", _local(now)),
        ("Setor", _sector(query)),
        ("Termos", _listed(query.terms)),
        ("Palavras comuns, não usadas", _listed(query.stopwords_removed)),
        ("Mínimo de termos", _floor(search.matching) if query.terms else ""),
        ("Termos excluídos", _listed(query.exclusions)),
        ("Estados", ", ".join(query.ufs)),
        ("Modo", "Abertas agora" if query.mode.value == "abertas" else "Por publicação"),
        ("Período", _period(query)),
        (
            "Modalidades",
            "; ".join(f"{code} {tables.modality_name(code)}" for code in query.modalities),
        ),
        ("Esferas", ", ".join(tables.SPHERES.get(code, code) for code in query.spheres)),
        ("Municípios (IBGE)", _listed(query.municipalities)),
        ("Órgãos", _listed(query.bodies)),
        ("Valor mínimo", query.smallest_value),
        ("Valor máximo", query.largest_value),
        ("Situação", wording.STATUSES[query.status] if query.status else "todas"),
        ("Ordem", wording.ORDERS[query.order]),
    ]
    counts: list[tuple[str, object]] = [
        ("Lidas", search.total_raw),
        ("Encontradas", search.total_kept),
        *(
            (f"De fora: {messages.reason_text(reason, query)}", count)
            for reason, count in search.rejections.items()
            if count
        ),
    ]
    demo = ", simulado: dados de demonstração" if settings.BIDIQ_DEMO else ""
    return Parameters(
        "Parâmetros",
        [
            # A value of zero was asked for like any other.
            Group("O que foi pedido", [pair for pair in asked if pair[1] not in (None, "")]),
            Group("Contagem", counts),
            Group(
                "Cobertura por estado",
                [
                    (BY_CODE[uf].name if uf in BY_CODE else uf, _coverage(entry))
                    for uf, entry in search.coverage.items()
                ],
            ),
        ],
        heading=wording.question(query),
        note=f"Fonte: Portal Nacional de Contratações Públicas (PNCP){demo}.",
    )


def _sector(query: SearchQuery) -> str:
    name = wording.sector_name(query.sector)
    return f"{name}: os termos substituem as suas palavras-chave" if name and query.terms else name


def _listed(items: Sequence[str]) -> str | list[str]:
    """Return a short list as one text; of a long one each item has its row: a row has an end."""
    text = ", ".join(items)
    return text if len(text) <= _LONGEST_LIST else list(items)


def _floor(matching: dict[str, Any]) -> str:
    """Say how many of the own terms an object must have, and that it was relaxed."""
    asked, used = matching.get("minimo"), matching.get("minimo_usado")
    return f"{used}: nenhuma tinha {asked}" if matching.get("relaxado") else str(asked or "")


def _period(query: SearchQuery) -> str:
    if query.mode.value == "abertas":
        return ""
    return f"{query.first_day:%d/%m/%Y} a {query.last_day:%d/%m/%Y}"


def _coverage(entry: dict[str, Any]) -> str:
    read = (
        f"{wording.counted(entry['lidas'], 'lida', 'lidas')}, "
        f"{wording.counted(entry['encontradas'], 'encontrada', 'encontradas')}"
    )
    if unreadable := messages.unreadable_text(entry.get("ilegiveis", 0)):
        read += f", {unreadable}"
    reason = entry.get("motivo")
    why = f" ({messages.unit_text(reason, entry.get('pagina_que_falhou'))})" if reason else ""
    match entry["status"]:
        case "complete":
            return f"completa: {read}"
        case "partial":
            return f"incompleta: {read}{why}"
        case _:
            return f"não foi lida{why}"

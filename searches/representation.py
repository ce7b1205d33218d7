"""Searches and results as JSON, for the API and for scripts. Floor 4."""

from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.urls import reverse

from searches import selectors
from searches.domain.brazil import BRASILIA
from searches.domain.filtering import Reason
from searches.domain.progress import Stage, percent
from searches.domain.query import SearchQuery
from searches.domain.stored import stored_query
from searches.domain.summary import days_left
from searches.models import Match, Notice, Search
from searches.reports import download_path
from searches.units import coverage_of


def accepted(search: Search, *, websocket_root: str) -> dict[str, Any]:
    """Return where a search that was just accepted can be watched. `websocket_root`: ws://host."""
    return {
        "search_id": str(search.pk),
        "status_url": reverse("api:search", args=[search.pk]),
        "progress_url": reverse("api:progress", args=[search.pk]),
        "ws_url": f"{websocket_root}/ws/buscas/{search.pk}/",
        "download_url": download_path(search.pk),
    }


def result(
    search: Search, *, page: int | None, page_size: int | None, now: datetime
) -> dict[str, Any]:
    """Return a search with a page of its result; correct at any moment of its life."""
    query = stored_query(search.query)
    matches = selectors.results(search, order=query.order)
    paginator = Paginator(matches, page_size or query.page_size)
    # Not get_page(), which gives the last one again: who reads until nothing comes must end.
    number = page or query.page
    first = (number - 1) * paginator.per_page
    artifact = search.artifact
    available = artifact is not None and not artifact.is_expired(now=now)
    return {
        "search_id": str(search.pk),
        "status": search.status,
        "stage": search.stage,
        "progress": percent(Stage(search.stage)) if search.is_terminal else search.progress,
        "parametros": search.query,
        "resumo": search.summary,
        "licitacoes": [
            notice(match, now=now, ended_at=search.finished_at)
            for match in matches[first : first + paginator.per_page]
        ],
        "total_raw": search.total_raw,
        "total_filtrado": search.total_kept,
        "filter_stats": {reason.value: 0 for reason in Reason} | search.rejections,
        "cobertura": coverage_of(search),
        "termos_utilizados": list(terms_used(search, query)),
        "stopwords_removidas": list(query.stopwords_removed),
        "correspondencia": search.matching,
        "download_url": download_path(search.pk) if available else None,
        "excel_available": available,
        "storage": artifact.storage if artifact is not None else None,
        "erro": search.error_code or None,
        "pagina": number,
        "itens_por_pagina": paginator.per_page,
        "total_paginas": paginator.num_pages,
        "criada_em": search.created_at.isoformat(),
        "ultima_atualizacao": (
            search.finished_at or search.heartbeat_at or search.created_at
        ).isoformat(),
    }


def terms_used(search: Search, query: SearchQuery) -> tuple[str, ...]:
    """Return the user's own terms, or the ones of the sector that really matched something."""
    if query.terms:
        return query.terms
    found: dict[str, None] = {}
    for terms in search.matches.filter(hidden=False).values_list("terms", flat=True)[:5000]:
        found.update(dict.fromkeys(terms))
    return tuple(found)


def notice(match: Match, *, now: datetime, ended_at: datetime | None) -> dict[str, Any]:
    """Return one result; money as decimal text, moments in Brasília's time.

    The notice is as it is known now: of one that changed since the search ended, the figures of the
    search tell what it was.
    """
    row: Notice = match.notice
    return {
        "numero_controle_pncp": row.control_number,
        "objeto": row.object,
        "informacao_complementar": row.extra,
        "orgao": row.body,
        "unidade": row.unit_name,
        "cnpj": row.cnpj,
        "esfera": row.sphere,
        "uf": row.uf,
        "municipio": row.municipality,
        "codigo_ibge": row.ibge,
        "modalidade_id": row.modality,
        "modalidade": row.modality_name,
        "situacao_id": row.situation,
        "situacao": row.situation_name,
        "status": row.status(now).value,
        "valor_estimado": None if row.value is None else str(row.value),
        "data_publicacao": _local(row.published_at),
        "data_abertura": _local(row.opens_at),
        "data_encerramento": _local(row.closes_at),
        "dias_restantes": days_left(row.closes_at, now),
        "termos": match.terms,
        "trechos": match.spans,
        "relevancia": match.relevance,
        "link_pncp": row.portal_url,
        "link_origem": row.origin_url or None,
        "portal": row.platform,
        "alterada_depois": row.changed_since(ended_at),
    }


def _local(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(BRASILIA).isoformat()

"""Questions as they were stored: to be shown, whatever may be asked today. Floor 0."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from searches.domain import matching
from searches.domain.notice import NoticeStatus
from searches.domain.query import DEFAULT_PAGE_SIZE, Choice, Mode, Order, SearchQuery


def stored_query(data: Mapping[str, Any]) -> SearchQuery:
    """Rebuild what `SearchQuery.to_json` wrote, without asking whether it may be asked today.

    What today's tables do not know (a sector, a modality) stays as its code; of an order, a mode or
    a status that is no more the usual one is read, and so is a field that came later. To ask it
    anew is for `SearchQuery.from_json`, which says what is wrong.
    """
    text = data.get("termos_busca") or ""
    terms = _terms(text)
    return SearchQuery(
        ufs=_entries(data, "ufs"),
        mode=_choice(Mode, data.get("modo_busca")) or Mode.PUBLISHED,
        first_day=date.fromisoformat(data["data_inicial"]),
        last_day=date.fromisoformat(data["data_final"]),
        sector=data.get("setor_id"),
        terms=terms.terms,
        terms_text=text,
        stopwords_removed=terms.stopwords_removed,
        exclusions=_entries(data, "exclusion_terms"),
        modalities=_entries(data, "modalidades"),
        spheres=_entries(data, "esferas"),
        municipalities=_entries(data, "municipios"),
        bodies=_entries(data, "orgaos"),
        smallest_value=_value(data, "valor_minimo"),
        largest_value=_value(data, "valor_maximo"),
        status=_choice(NoticeStatus, data.get("status")),
        order=_choice(Order, data.get("ordenacao")) or Order.NEWEST,
        page=data.get("pagina") or 1,
        page_size=data.get("itens_por_pagina") or DEFAULT_PAGE_SIZE,
    )


def _terms(text: str) -> matching.ParsedTerms:
    """Read the user's terms; what cannot be read any more is one term, as it was written."""
    whole = matching.ParsedTerms((text,) if text else (), ())
    try:
        parsed = matching.parse_terms(text)
    except matching.TermsError:
        return whole
    return parsed if parsed.terms else whole


def _entries(data: Mapping[str, Any], name: str) -> tuple[Any, ...]:
    return tuple(data.get(name) or ())


def _value(data: Mapping[str, Any], name: str) -> Decimal | None:
    written = data.get(name)
    return None if written is None else Decimal(written)


def _choice(options: type[Choice], written: Any) -> Choice | None:
    try:
        return options(written)
    except ValueError:  # "todos" of the status is none of them either
        return None

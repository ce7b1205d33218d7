"""The form's page: what is chosen, what is wrong and where. Floor 6."""

from datetime import date, datetime, timedelta
from typing import Any

from searches import wording
from searches.domain.query import DEFAULT_DAYS, PAGE_SIZES, Order
from searches.forms import MORE_FILTERS, SearchForm

#: Periods offered as buttons: days.
PERIODS = (1, 7, 15, 30, 90)
#: The fields in the order of the page, called in the summary of errors as their labels are.
FIELD_NAMES = {
    "setor_id": "Setor",
    "termos_busca": "Meus termos",
    "modo_busca": "Período",
    "data_inicial": "De",
    "data_final": "até",
    "ufs": "Estados",
    "modalidades": "Modalidades",
    "esferas": "Esferas",
    "valor_minimo": "Valor mínimo",
    "valor_maximo": "Valor máximo",
    "exclusion_terms": "Sem estes termos",
    "orgaos": "Órgãos",
    "municipios": "Municípios",
    "status": "Situação",
    "ordenacao": "Ordem",
    "itens_por_pagina": "Itens por página",
}


def form_context(form: SearchForm, *, now: datetime) -> dict[str, Any]:
    """Return what the form's template needs."""
    today = now.date()
    values = form.values
    errors = _at_what_is_shown(form)
    chosen = {str(uf).upper() for uf in values.get("ufs") or ()}
    return {
        "form": form,
        "values": values,
        "errors": errors,
        "error_list": [
            (FIELD_NAMES.get(name, name), f"campo-{name}", " ".join(errors[name]))
            for name in sorted(errors, key=lambda name: (*FIELD_NAMES, name).index(name))
        ],
        "today": today.isoformat(),
        "first_day": values.get("data_inicial") or _days_ago(today, DEFAULT_DAYS),
        "last_day": values.get("data_final") or today.isoformat(),
        "periods": [(days, _days_ago(today, days)) for days in PERIODS],
        "units": [(unit, wording.in_state(unit.code), unit.code in chosen) for unit in form.units],
        "regions": [
            (name, wording.in_region(name), " ".join(codes)) for name, codes in form.regions.items()
        ],
        "chosen_count": len(chosen),
        "chosen_place": wording.place(chosen) if chosen else "nenhum estado escolhido",
        "sectors": form.sectors,
        "modalities": [(str(m.code), m.name) for m in form.modalities],
        "usual_modalities": wording.USUAL_MODALITIES,
        "spheres": form.spheres.items(),
        "smallest_value": wording.number_as_typed(values.get("valor_minimo")),
        "largest_value": wording.number_as_typed(values.get("valor_maximo")),
        "orders": [(order.value, name) for order, name in wording.ORDERS.items()],
        # What answers the question best comes first, as while the search runs.
        "order": values.get("ordenacao") or Order.RELEVANCE.value,
        "page_sizes": [str(size) for size in PAGE_SIZES],
        "page_size": str(values.get("itens_por_pagina") or 20),
        "statuses": [("todos", "todas"), *((s.value, t) for s, t in wording.STATUSES.items())],
        "status": values.get("status") or "todos",
        "more_is_open": bool(set(errors) & set(MORE_FILTERS)),
    }


def _days_ago(today: date, days: int) -> str:
    return (today - timedelta(days=days - 1)).isoformat()


def _at_what_is_shown(form: SearchForm) -> dict[str, list[str]]:
    """Return the errors; what is missing stands at the field that the user had before him."""
    errors = dict(form.errors)
    if form.what == "termos" and "setor_id" in errors and "termos_busca" not in errors:
        errors["termos_busca"] = errors.pop("setor_id")
    return errors

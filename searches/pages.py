"""What the pages show: a search's rows turned into what templates need. Floor 6."""

from datetime import datetime
from typing import Any

from django.core.paginator import Page
from django.http import QueryDict
from django.urls import reverse

from searches import representation
from searches.domain.query import SearchQuery
from searches.forms import SearchForm
from searches.models import Search


def form_context(form: SearchForm, *, now: datetime) -> dict[str, Any]:
    return {"form": form, "today": now.date()}


def history_context(page: "Page[Search]", *, now: datetime) -> dict[str, Any]:
    return {"page": page}


def detail_context(search: Search, params: QueryDict, *, now: datetime) -> dict[str, Any]:
    return {
        "search": search,
        "query": SearchQuery.from_json(search.query),
        "result": representation.result(search, page=None, page_size=None, now=now),
    }


def repeat_url(search: Search) -> str:
    return reverse("searches:repeat", args=[search.pk])

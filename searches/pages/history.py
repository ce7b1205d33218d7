"""The history's page. Floor 6."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.paginator import Page

from searches import askings, messages, wording
from searches.domain.lifecycle import Status
from searches.domain.stored import stored_query
from searches.models import Search
from searches.owners import Owner
from searches.pages import report
from searches.pages.comparing import compare_href
from searches.places import Places


@dataclass(frozen=True, slots=True)
class Row:
    """One search of the history."""

    search: Search
    question: str
    in_full: str  # where that is cut: nothing else tells it from one that begins alike
    label: str  # of its buttons, for those who do not see the line
    period: str
    conditions: str
    asked_at: str
    state: str
    problem: str
    counts: str
    excel: dict[str, Any]
    compare_href: str


def history_context(page: "Page[Search]", *, owner: Owner, now: datetime) -> dict[str, Any]:
    """Return what the history's template needs."""
    before = askings.predecessors(page.object_list, owner)
    places = Places()
    return {
        "page": page,
        "rows": [
            _row(search, before.get(search.pk), places, now=now) for search in page.object_list
        ],
        "count": wording.counted(page.paginator.count, "busca", "buscas"),
        "previous_number": str(page.previous_page_number()) if page.has_previous() else "",
        "next_number": str(page.next_page_number()) if page.has_next() else "",
    }


def state_text(search: Search) -> str:
    """Say where a search stands."""
    state = messages.STATES[Status(search.status)]
    return f"{state}, {search.progress}\u00a0%" if search.status == Status.RUNNING else state


def _row(search: Search, before: UUID | None, places: Places, *, now: datetime) -> Row:
    query = stored_query(search.query)
    found = wording.counted(search.total_kept, "encontrada", "encontradas")
    read = wording.counted(search.total_raw, "lida", "lidas")
    # What one that was stopped had read is on its page too.
    has_result = search.status in {Status.COMPLETE, Status.PARTIAL}
    has_counts = has_result or (search.is_terminal and search.total_raw > 0)
    return Row(
        search=search,
        question=wording.question(query),
        in_full=wording.whole_question(query, wording.period(query), name_of=places.name_of),
        label=f"{wording.question(query)}, {wording.moment(search.created_at)}",
        period=wording.period(query),
        conditions=" · ".join(wording.conditions(query, name_of=places.name_of)),
        asked_at=wording.moment(search.created_at),
        state=state_text(search),
        problem=messages.error_text(search.error_code) if search.error_code else "",
        counts=f"{found} em {read}" if has_counts else "",
        excel=report.excel(search, now=now),
        compare_href=compare_href(search, before) if before else "",
    )

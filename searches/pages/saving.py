"""The page of saved searches. Floor 6."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse

from searches import askings, wording
from searches.domain.brazil import BRASILIA
from searches.domain.errors import QueryError
from searches.domain.lifecycle import TERMINAL, DigestState, Status
from searches.domain.query import SearchQuery
from searches.domain.stored import stored_query
from searches.models import SavedSearch, Search
from searches.pages.history import state_text
from searches.places import Places
from searches.services import saved as services

#: No line parts it.
_MAIL = "e\N{NON-BREAKING HYPHEN}mail"


@dataclass(frozen=True, slots=True)
class LastRun:
    """The latest run of a saved search."""

    href: str
    asked_at: str
    state: str
    status: str
    counts: str
    new_text: str
    new_href: str
    mail: str


@dataclass(frozen=True, slots=True)
class Row:
    """One saved search."""

    saved: SavedSearch
    question: str
    in_full: str  # where that is cut
    period: str
    conditions: str
    next_run: str
    ask_anew: str  # where, when it can be asked no more as it is
    last: LastRun | None


def saved_context(
    saved: QuerySet[SavedSearch], *, now: datetime, address: str, problem: str = ""
) -> dict[str, Any]:
    """Return what the page of saved searches needs; `address`: where mail goes to, if confirmed."""
    places, last_runs = Places(), _with_last_runs(saved)
    new = askings.new_counts(run for _, run in last_runs if run)
    rows = [_row(each, run, new, places, now=now) for each, run in last_runs]
    return {
        "rows": rows,
        "count": wording.counted(len(rows), "busca salva", "buscas salvas"),
        "to_delete": _to_delete(len(rows)) if problem == "too_many" else "",
        "habit": _habit(len(rows), daily=sum(bool(row.next_run) for row in rows)),
        "address": address,
        "lacks_address": not address and any(row.saved.wants_mail for row in rows),
        "problem": problem,
    }


def _to_delete(count: int) -> str:
    """Say how many of so many go before another can be saved: a login may have brought some."""
    over = count - services.MOST_SAVED + 1
    return "uma" if over == 1 else wording.whole(over)


def other_days(saved: SavedSearch, search: Search) -> dict[str, str]:
    """Return what is said to who saves a question that is kept already, about other days."""
    kept, asked = (wording.rolling_period(stored_query(each.query)) for each in (saved, search))
    action = reverse("searches:save", args=[search.pk])
    return {"name": saved.name, "kept": kept, "asked": asked, "action": action}


def _habit(count: int, *, daily: int) -> str:
    """Say how many of so many saved searches are repeated."""
    if not daily:
        return "Está pausada." if count == 1 else "Estão todas pausadas."
    if daily < count:
        many = "é repetida" if daily == 1 else "são repetidas"
        return f"{daily} {many} toda manhã e {'marca' if daily == 1 else 'marcam'} o que é novo."
    return f"{'É' if count == 1 else 'Cada uma é'} repetida toda manhã e marca o que é novo."


def _with_last_runs(
    saved: QuerySet[SavedSearch],
) -> list[tuple[SavedSearch, Search | None]]:
    """Return each with its latest run, in two queries however many they are."""
    latest = Search.objects.filter(saved=OuterRef("pk")).order_by("-created_at").values("pk")[:1]
    found = list(saved.annotate(last_run_id=Subquery(latest)))
    runs = Search.objects.select_related("digest").in_bulk(each.last_run_id for each in found)
    return [(each, runs.get(each.last_run_id)) for each in found]


def _row(
    saved: SavedSearch,
    run: Search | None,
    new: Mapping[UUID, int],
    places: Places,
    *,
    now: datetime,
) -> Row:
    query = stored_query(saved.query)
    return Row(
        saved=saved,
        question=wording.question(query),
        in_full=wording.whole_question(
            query, wording.rolling_period(query), name_of=places.name_of
        ),
        period=wording.rolling_period(query),
        conditions=" · ".join(wording.conditions(query, name_of=places.name_of)),
        next_run=_next_run(saved.next_run_at, now=now),
        ask_anew=_form_href(run) if _is_outdated(saved) else "",
        last=_last_run(run, new.get(run.pk)) if run else None,
    )


def _is_outdated(saved: SavedSearch) -> bool:
    try:
        SearchQuery.from_json(saved.query)
    except QueryError:
        return True
    return False


def _form_href(run: Search | None) -> str:
    """Return the form's address, with a run's question in it."""
    return f"{reverse('searches:form')}?de={run.pk}" if run else reverse("searches:form")


def _next_run(at: datetime | None, *, now: datetime) -> str:
    if at is None:
        return ""
    local = at.astimezone(BRASILIA)
    if at <= now:
        return "daqui a pouco"
    day = "hoje" if local.date() == now.astimezone(BRASILIA).date() else "amanhã"
    return f"{day} às {local:%H:%M}"


def _last_run(run: Search, new: int | None) -> LastRun:
    """Return a run as it is shown; `new`: how many notices, None when there is none before it."""
    href = reverse("searches:detail", args=[run.pk])
    has_result = run.status in {Status.COMPLETE, Status.PARTIAL}
    new_text = new_href = ""
    if has_result and new is not None:
        new_text = wording.counted(new, "nova", "novas") if new else "nada de novo"
        new_href = f"{href}?novas=1#resultados" if new else ""
    return LastRun(
        href=href,
        asked_at=wording.moment(run.created_at),
        state=state_text(run),
        status=run.status,
        counts=wording.counted(run.total_kept, "encontrada", "encontradas") if has_result else "",
        new_text=new_text,
        new_href=new_href,
        mail=_mail_text(run),
    )


def _mail_text(run: Search) -> str:
    digest = getattr(run, "digest", None)
    if digest is None:
        return ""
    if digest.state == DigestState.SENT and digest.sent_at:
        return f"{_MAIL} enviado em {wording.moment(digest.sent_at)}"
    if digest.state == DigestState.FAILED:
        return f"não foi possível enviar o {_MAIL}; o que é novo vai no próximo"
    if digest.state == DigestState.WAITING and run.status in TERMINAL:
        return f"{_MAIL} ainda não enviado, nova tentativa em breve" if digest.attempts else ""
    return ""

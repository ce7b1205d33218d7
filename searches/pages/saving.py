"""The page of saved searches. Floor 6."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from searches import selectors, wording
from searches.domain.brazil import BRASILIA
from searches.domain.lifecycle import TERMINAL, DigestState, Status
from searches.domain.stored import stored_query
from searches.models import SavedSearch, Search
from searches.pages.history import state_text
from searches.places import Places


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
    period: str
    conditions: str
    next_run: str
    last: LastRun | None


def saved_context(
    saved: Iterable[SavedSearch], *, now: datetime, address: str, problem: str = ""
) -> dict[str, Any]:
    """Return what the page of saved searches needs; `address`: where mail goes to, if confirmed."""
    places = Places()
    rows = [_row(each, places, now=now) for each in saved]
    return {
        "rows": rows,
        "count": wording.counted(len(rows), "busca salva", "buscas salvas"),
        "habit": _habit(len(rows), daily=sum(bool(row.next_run) for row in rows)),
        "address": address,
        "lacks_address": not address and any(row.saved.wants_mail for row in rows),
        "problem": problem,
    }


def _habit(count: int, *, daily: int) -> str:
    """Say how many of so many saved searches are repeated."""
    if not daily:
        return "Está pausada." if count == 1 else "Estão todas pausadas."
    if daily < count:
        many = "é repetida" if daily == 1 else "são repetidas"
        return f"{daily} {many} toda manhã e {'marca' if daily == 1 else 'marcam'} o que é novo."
    return f"{'É' if count == 1 else 'Cada uma é'} repetida toda manhã e marca o que é novo."


def _row(saved: SavedSearch, places: Places, *, now: datetime) -> Row:
    query = stored_query(saved.query)
    run = saved.runs.order_by("-created_at").select_related("digest").first()
    return Row(
        saved=saved,
        question=wording.question(query, in_full=True),
        period=wording.rolling_period(query),
        conditions=" · ".join(wording.conditions(query, name_of=places.name_of, in_full=True)),
        next_run=_next_run(saved.next_run_at, now=now),
        last=_last_run(run) if run else None,
    )


def _next_run(at: datetime | None, *, now: datetime) -> str:
    if at is None:
        return ""
    local = at.astimezone(BRASILIA)
    if at <= now:
        return "daqui a pouco"
    day = "hoje" if local.date() == now.astimezone(BRASILIA).date() else "amanhã"
    return f"{day} às {local:%H:%M}"


def _last_run(run: Search) -> LastRun:
    href = reverse("searches:detail", args=[run.pk])
    has_result = run.status in {Status.COMPLETE, Status.PARTIAL}
    new_text = new_href = ""
    earlier = selectors.earlier_runs(run)
    if has_result and earlier.exists():
        new = selectors.unseen(run.matches.filter(hidden=False), earlier).count()
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
        return f"e-mail enviado em {wording.moment(digest.sent_at)}"
    if digest.state == DigestState.FAILED:
        return "não foi possível enviar o e-mail"
    if digest.state == DigestState.WAITING and run.status in TERMINAL:
        return "e-mail ainda não enviado, nova tentativa em breve" if digest.attempts else ""
    return ""

"""What is new in a result, next to earlier ones of the same question. Floor 6."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import reverse

from searches import askings, wording
from searches.models import Search
from searches.owners import Owner


@dataclass(frozen=True, slots=True)
class Comparison:
    """The earlier results that a result is held against."""

    earlier: QuerySet[Search]  # what one of them has shown is not new
    since: str
    href: str  # of the latest of them
    gone_count: int  # shown by the latest of them, and not in this one
    chosen: str = ""  # the one that the address names


def comparison(search: Search, owner: Owner, params: QueryDict) -> Comparison | None:
    """Return what a result is compared with: the earlier search that `?desde=` names, or else the
    earlier runs of its saved question. Nonsense and strangers' searches are ignored alike."""
    chosen = params.get("desde", "")
    try:
        earlier = askings.earlier(search, owner).filter(pk=UUID(chosen))
    except ValueError:
        earlier = Search.objects.none()
    latest = earlier.first()
    if latest is None:
        chosen, earlier = "", askings.earlier_runs(search)
        latest = earlier.first()
    if latest is None:
        return None
    gone = askings.unseen(latest.matches.filter(hidden=False), Search.objects.filter(pk=search.pk))
    return Comparison(
        earlier=earlier,
        since=wording.moment(latest.created_at),
        href=reverse("searches:detail", args=[latest.pk]),
        gone_count=gone.count(),
        chosen=chosen,
    )


def since_last(search: Search, owner: Owner) -> tuple[str, str] | None:
    """Return (what is new since the question was asked before, in words, and where to see it)."""
    before = askings.predecessors([search], owner).get(search.pk)
    if before is None:
        return None
    shown = search.matches.filter(hidden=False)
    count = askings.unseen(shown, Search.objects.filter(pk=before)).count()
    text = wording.counted(count, "nova", "novas") if count else "Nada de novo"
    return f"{text} desde a última busca", compare_href(search, before)


def compare_href(search: Search, earlier: UUID) -> str:
    """Return the address of a result held against an earlier one."""
    return f"{reverse('searches:detail', args=[search.pk])}?desde={earlier}#resultados"

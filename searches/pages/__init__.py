"""What the pages show: a search's rows turned into what templates need. Floor 6."""

from datetime import datetime
from typing import Any

from django.http import QueryDict

from searches import messages, selectors, wording
from searches.domain.lifecycle import Status
from searches.domain.stored import stored_query
from searches.domain.summary import SOON_DAYS
from searches.models import Search
from searches.owners import Owner
from searches.pages import report, tiles
from searches.pages.asking import form_context
from searches.pages.charts import charts
from searches.pages.comparing import comparison, since_last
from searches.pages.history import history_context
from searches.pages.listing import OPEN, Listing
from searches.pages.report import of_the_incomplete
from searches.pages.running import Told, as_counted, begun_ufs, ending, found_count, running
from searches.pages.saving import other_days, saved_context
from searches.places import Places
from searches.units import coverage_of

__all__ = [
    "detail_context",
    "detail_template",
    "form_context",
    "history_context",
    "of_the_incomplete",
    "other_days",
    "saved_context",
]

#: `?fragmento=` -> the part of the page that results.js asks for again.
_FRAGMENTS = {"resultados": "searches/_live_results.html"}


def detail_template(params: QueryDict) -> str:
    """Return the template of a search's page, or of the part of it that is asked for."""
    return _FRAGMENTS.get(params.get("fragmento", ""), "searches/detail.html")


def detail_context(
    search: Search, params: QueryDict, *, owner: Owner, now: datetime
) -> dict[str, Any]:
    """Return what a search's page needs at this moment of its life."""
    query, name_of = stored_query(search.query), Places().name_of
    held_against = comparison(search, owner, params)
    # Events told since the row was read are left to the stream: tiles, bar and list are of one
    # moment.
    told: Told = (
        {} if search.is_terminal else selectors.latest_of_each_uf(search.pk, upto=search.last_seq)
    )
    ufs = query.ufs if search.is_terminal else begun_ufs(told)
    listing = Listing(search, query, params, comparison=held_against, within=ufs, now=now)
    if not search.is_terminal:
        told = as_counted(told, listing.live_counts)
    context = {
        "search": search,
        "key": str(search.pk),
        "listing": listing,
        "found_until_now": found_count(told),
        "question": wording.question(query),
        "period": wording.period(query),
        "conditions": wording.conditions(query, name_of=name_of, says_usual=True),
        "in_full": wording.whole_question(
            query, wording.period(query), name_of=name_of, says_usual=True
        ),
        "removed_words": wording.few(wording.quoted(query.stopwords_removed), others="outras"),
    }
    if params.get("fragmento") in _FRAGMENTS:
        return context
    if not search.is_terminal:
        return {**context, "running": running(search, query, told, now=now)}
    has_result = search.status in {Status.COMPLETE, Status.PARTIAL}
    context |= {
        "ending": ending(search),
        "has_result": has_result,
        "has_matches": bool(search.total_kept) if has_result else listing.live_count > 0,
        "nothing_read": search.status == Status.CANCELLED and not search.total_raw,
        "is_partial": search.status == Status.PARTIAL,
        "coverage": report.coverage(search),
        "left_out": report.left_out(search, query),
        "left_out_total": wording.whole(sum(search.rejections.values())),
        "excel": report.excel(search, now=now),
        "too_large": messages.too_large_text(search.error_code),
        "since_last": since_last(search, owner) if held_against is None else None,
        "suggestions": search.matching.get("sugestoes", []),
        "relaxed": search.matching if search.matching.get("relaxado") else None,
    }
    if context["has_matches"] or listing.hidden_count:
        drawn = tiles.result_tiles(
            listing.uf_counts,
            search.coverage,
            asked=frozenset(query.ufs),
            chosen=frozenset(listing.ufs),
            links=listing.uf_links(),
            nouns=("oculta", "ocultas") if listing.shows_hidden else ("encontrada", "encontradas"),
        )
    else:
        told = {uf: tiles.as_told(entry) for uf, entry in coverage_of(search).items()}
        drawn = tiles.progress_tiles(told, asked=frozenset(query.ufs))
    context |= {"tiles": drawn, "signs": tiles.legend(drawn)}
    if has_result:
        context |= {
            "figures": report.figures(
                search,
                query,
                receiving=listing.closing[OPEN],
                closing_soon=listing.closing[str(SOON_DAYS)],
            ),
            "highlights": report.highlights(search, now=now),
            "charts": charts(search.summary) if search.total_kept else [],
            "nothing_there": "" if search.total_raw else report.nothing_there(search, query),
            "ways_out": report.ways_out(search, query) if not search.total_kept else [],
        }
    if missing := report.incomplete_ufs(search):
        part = of_the_incomplete(search, query)
        context |= {
            "incomplete_text": report.incomplete_text(search),
            "incomplete_place": wording.place(missing),
            "repeat_place": wording.place(part.ufs) if part else "",
        }
    return context

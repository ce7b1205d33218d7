"""The verdict on everything in scope, once all is read. Floor 3."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from django.db import transaction

from searches import selectors
from searches.domain import matching
from searches.domain.errors import ClaimLost
from searches.domain.filtering import Decider, Reason, Tally, Verdict
from searches.domain.lifecycle import Status
from searches.domain.notice import Notice
from searches.domain.progress import ending
from searches.domain.query import SearchQuery
from searches.domain.summary import summarise
from searches.models import Search
from searches.services import events, matches
from searches.services import searches as services
from searches.services.events import Payloads

#: Suggestions look at this many objects at most.
SUGGESTION_SAMPLE = 2000


@dataclass
class Outcome:
    """What a search found."""

    tally: Tally
    #: How many the question's own exclusions left out, not its sector's.
    own_excluded: int = 0
    #: Of each UF how many were judged.
    read: Counter[str] = field(default_factory=Counter)
    summary: dict[str, Any] = field(default_factory=dict)
    matching: dict[str, Any] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        return self.tally.counts()

    def judged(self, coverage: dict[str, Any]) -> dict[str, Any]:
        """Return the coverage with the counts of this judgement, which is the last.

        The floor of terms may have been relaxed since a UF was read, and others may have stored
        notices of it, or newer copies.
        """
        found = {row["uf"]: row["total"] for row in self.summary["por_uf"]}
        return {
            uf: entry
            | {
                "lidas": self.read[uf],
                "encontradas": found.get(uf, 0),
                "do_acervo": min(entry["do_acervo"], self.read[uf]),
            }
            for uf, entry in coverage.items()
        }

    def columns(self) -> dict[str, Any]:
        return {**self.tally.columns(), "summary": self.summary, "matching": self.matching}


def judge_all(
    search: Search, query: SearchQuery, decider: Decider, *, coverage: dict[str, Any]
) -> Outcome:
    """Judge every stored notice in scope and keep the result for good: matches, figures, coverage.

    When the floor of matching terms leaves nothing although some terms were found, it is relaxed
    to one, and the outcome says so. Raises ClaimLost.
    """
    asked = decider.matcher.floor
    outcome, rows = _judge(search, query, decider)
    below = outcome.tally.reasons[Reason.BELOW_FLOOR.value]
    relaxed = asked > 1 and not outcome.tally.kept and below > 0
    if relaxed:
        decider = Decider(query, now=decider.now, floor=1)
        outcome, rows = _judge(search, query, decider)
    outcome.matching = {
        "termos": list(decider.matcher.terms) if query.terms else [],
        "minimo": asked,
        "minimo_usado": decider.matcher.floor,
        "excluidas_a_pedido": outcome.own_excluded,
        "relaxado": relaxed,
        "sugestoes": _suggestions(search, query, decider) if not outcome.tally.kept else [],
    }
    figures = outcome.columns() | {"coverage": outcome.judged(coverage)}
    matches.replace(search.pk, rows, attempt=search.attempt, figures=figures)
    return outcome


def _judge(
    search: Search, query: SearchQuery, decider: Decider
) -> tuple[Outcome, list[tuple[int, Verdict]]]:
    """Judge all in scope; of the notices themselves none is held, there may be very many."""
    outcome = Outcome(Tally())
    rows: list[tuple[int, Verdict]] = []

    def kept() -> Iterator[tuple[Notice, int]]:
        scope = selectors.scope(source=search.source_id, query=query, now=decider.now)
        for key, notice in selectors.domain_notices(scope):
            verdict = decider.decide(notice)
            outcome.tally.add(verdict)
            outcome.read[notice.uf] += 1
            excluded_by = verdict.match.excluded_by if verdict.match else None
            outcome.own_excluded += excluded_by in query.exclusions
            if verdict.is_listed:
                rows.append((key, verdict))
            if verdict.kept:
                yield notice, verdict.match.relevance if verdict.match else 0

    outcome.summary = summarise(kept(), now=decider.now)
    return outcome, rows


def _suggestions(search: Search, query: SearchQuery, decider: Decider) -> list[str]:
    """Return near words when own terms found nothing."""
    if not query.terms:
        return []
    scope = selectors.scope(source=search.source_id, query=query, now=decider.now)
    sample = islice(selectors.domain_notices(scope), SUGGESTION_SAMPLE)
    texts = (notice.object for _, notice in sample)
    return list(matching.suggest_terms(query.terms, texts, exclusions=query.exclusions))


def finish_early(
    search: Search,
    status: Status,
    *,
    counted: Mapping[int, bool],
    tally: Tally,
    coverage: dict[str, Any],
    code: str = "",
) -> Payloads:
    """End a running search with what its attempt has counted until now, and list no more.

    `counted`: the notices that are matches -> whether hidden. Others may stand there: what an
    attempt before has found, or what was a match until a newer copy came. A result that is stored
    already stays as it is. Raises ClaimLost.
    """
    # Looked for outside: on SQLite nobody else writes in a transaction. Seldom there is any.
    strays = matches.strays(search.pk, counted)
    with transaction.atomic():
        before = transaction.savepoint()
        # Before the search is locked, as `matches.replace` does, which may still be at work.
        matches.put_right(search.pk, strays)
        current = events.held(search.pk, search.attempt).select_for_update(no_key=True).first()
        if current is None:
            raise ClaimLost
        figures, detail = {}, services.last_detail(current)
        if current.is_judged:
            transaction.savepoint_rollback(before)
        else:
            figures, detail = tally.columns() | {"coverage": coverage}, detail | tally.counts()
        return services.finish(
            search.pk,
            status,
            ending(status, detail, code=code),
            attempt=search.attempt,
            error_code=code,
            **figures,
        )


def merged(tallies: Iterable[Tally]) -> Tally:
    """Add up the tallies of units."""
    total = Tally()
    for tally in tallies:
        total += tally
    return total

"""decide(notice, query) -> Verdict: kept, or left out for exactly one reason. Floor 0.

One reason each is what makes the counters add up: total = kept + the sum of the reasons.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from searches.domain import matching
from searches.domain.brazil import BRASILIA
from searches.domain.notice import Notice, NoticeStatus
from searches.domain.query import Mode, SearchQuery
from searches.domain.text import one_line, plain


class Reason(StrEnum):
    """Why a notice was left out, in the order in which the reasons are tried."""

    UF = "uf"
    MODALITY = "modalidade"
    PERIOD = "periodo"  # published outside it, or, for open ones, the deadline has passed
    EXCLUDED = "exclusao"
    NO_TERM = "sem_termo"
    SPHERE = "esfera"
    MUNICIPALITY = "municipio"
    BODY = "orgao"
    STATUS = "status"
    VALUE_UNKNOWN = "valor_nao_informado"  # a range was asked and the source tells no value
    VALUE = "valor"
    BELOW_FLOOR = "abaixo_do_minimo"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a notice. `match` is there for those whose subject was what decided."""

    reason: Reason | None
    match: matching.MatchResult | None = None

    @property
    def kept(self) -> bool:
        return self.reason is None

    @property
    def is_listed(self) -> bool:
        """Whether it stands in the list: kept, or there for who asks for more."""
        return self.reason in (None, Reason.BELOW_FLOOR)


_OFF_SUBJECT = {
    matching.Decision.EXCLUDED: Reason.EXCLUDED,
    matching.Decision.NO_TERM: Reason.NO_TERM,
}


class Decider:
    """A query made ready to judge many notices at one moment."""

    def __init__(self, query: SearchQuery, *, now: datetime, floor: int | None = None) -> None:
        self.query = query
        self.now = now
        self.matcher = matcher_for(query, floor=floor)
        self._ufs = frozenset(query.ufs)
        self._modalities = frozenset(query.modalities)
        self._spheres = frozenset(query.spheres)
        self._municipalities = frozenset(query.municipalities)
        self._bodies = tuple(filter(None, (one_line(plain(body)) for body in query.bodies)))
        # "From 0 on" asks for nothing, so a value that is not told is no reason either.
        self._has_range = bool(query.smallest_value) or query.largest_value is not None
        self._smallest = query.smallest_value or Decimal(0)
        self._largest = query.largest_value

    def decide(self, notice: Notice) -> Verdict:
        """Judge one notice: scope, subject, then the other filters.

        So a filter's counter says how many of those about the subject it kept out, which is what
        its owner would gain by letting go of it. Too few terms come last: those are shown when
        asked for, and must pass every other filter.
        """
        if reason := self._out_of_scope(notice):
            return Verdict(reason)
        found = self.matcher.match(notice.object)
        if reason := _OFF_SUBJECT.get(found.decision):
            return Verdict(reason, found)
        if reason := self._filtered(notice):
            return Verdict(reason)
        if found.decision is matching.Decision.BELOW_FLOOR:
            return Verdict(Reason.BELOW_FLOOR, found)
        return Verdict(None, found)

    def is_in_scope(self, notice: Notice) -> bool:
        """Return whether a notice belongs to the UFs, modalities and period that were asked."""
        return self._out_of_scope(notice) is None

    def _out_of_scope(self, notice: Notice) -> Reason | None:
        if notice.uf not in self._ufs:
            return Reason.UF
        if notice.modality not in self._modalities:
            return Reason.MODALITY
        return None if self._in_period(notice) else Reason.PERIOD

    def _filtered(self, notice: Notice) -> Reason | None:
        query = self.query
        if self._spheres and notice.sphere not in self._spheres:
            return Reason.SPHERE
        if self._municipalities and notice.ibge not in self._municipalities:
            return Reason.MUNICIPALITY
        if self._bodies:
            names = f"{plain(notice.body)}\n{plain(notice.unit_name)}"
            if not any(body in names for body in self._bodies):
                return Reason.BODY
        status = notice.status(self.now)
        if query.status not in (None, status):
            return Reason.STATUS
        # A deadline ahead is not enough: revoked and suspended ones keep theirs.
        if query.mode is Mode.OPEN and status is not NoticeStatus.RECEIVING:
            return Reason.STATUS
        if self._has_range:
            if notice.value is None:
                return Reason.VALUE_UNKNOWN
            if notice.value < self._smallest:
                return Reason.VALUE
            if self._largest is not None and notice.value > self._largest:
                return Reason.VALUE
        return None

    def _in_period(self, notice: Notice) -> bool:
        if self.query.mode is Mode.OPEN:
            return notice.closes_at is not None and notice.closes_at > self.now
        day = notice.published_at.astimezone(BRASILIA).date()
        return self.query.first_day <= day <= self.query.last_day


def matcher_for(query: SearchQuery, *, floor: int | None = None) -> matching.Matcher:
    """Return the matcher of a query: its own terms when there are any, else its sector's."""
    if query.terms:
        return matching.term_matcher(query.terms, query.exclusions, floor=floor)
    if query.sector is None:  # parse_query refuses this
        raise ValueError("a query has a sector or terms")
    return matching.sector_matcher(query.sector, query.exclusions)


class Tally:
    """Counts verdicts by reason."""

    def __init__(self) -> None:
        self.total = 0
        self.kept = 0
        self.reasons: dict[str, int] = {reason.value: 0 for reason in Reason}

    def add(self, verdict: Verdict) -> None:
        self.total += 1
        if verdict.reason is None:
            self.kept += 1
        else:
            self.reasons[verdict.reason.value] += 1

    def __iadd__(self, other: "Tally") -> "Tally":
        self.total += other.total
        self.kept += other.kept
        for reason, count in other.reasons.items():
            self.reasons[reason] += count
        return self

    def counts(self) -> dict[str, int]:
        """Return the totals in the words of the contract."""
        return {"total_raw": self.total, "total_filtrado": self.kept}

    def columns(self) -> dict[str, Any]:
        """Return the totals as columns of a search."""
        return {
            "total_raw": self.total,
            "total_kept": self.kept,
            "rejections": dict(self.reasons),
        }

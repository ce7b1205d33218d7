"""The list of results: filters, order and pages, all in the address. Floor 6."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from searches import askings, selectors, wording
from searches.domain.brazil import BRASILIA
from searches.domain.query import PAGE_SIZES, Order, SearchQuery
from searches.domain.summary import SOON_DAYS, URGENT_DAYS, VALUE_BANDS
from searches.domain.tables import MODALITY_BY_CODE
from searches.models import Match, Search
from searches.pages.cards import Card, card
from searches.pages.comparing import Comparison

UNKNOWN_VALUE = "sem"
#: Deadlines offered as chips: days from now; and all that can still be answered.
DEADLINES = (URGENT_DAYS, SOON_DAYS, 15, 30)
OPEN = "abertas"
#: The parameters of the filters, all off.
_UNFILTERED: dict[str, Any] = {"uf": (), "modalidade": (), "faixa": (), "prazo": "", "novas": ""}
#: While a search runs only the best are shown; the rest comes with the result.
LIVE_COUNT = 30


@dataclass(frozen=True, slots=True)
class Chip:
    """One choice of a filter: a link that turns it on or off."""

    label: str
    count: int
    href: str
    is_on: bool


def band_label(band: int) -> str:
    """Name a value band: até R$ 50 mil, R$ 50 mil a R$ 200 mil, acima de R$ 5 mi."""
    if band == 0:
        return f"até {wording.short_money(VALUE_BANDS[0])}"
    low = wording.short_money(VALUE_BANDS[band - 1])
    if band == len(VALUE_BANDS):
        return f"acima de {low}"
    return f"{low} a {wording.short_money(VALUE_BANDS[band])}"


def _band_condition(band: str) -> Q:
    if band == UNKNOWN_VALUE:
        return Q(notice__value=None)
    low, high = (None, *VALUE_BANDS)[int(band)], (*VALUE_BANDS, None)[int(band)]
    condition = Q(notice__value__gte=low) if low is not None else Q(notice__value__gte=Decimal(0))
    return condition if high is None else condition & Q(notice__value__lt=high)


BANDS = (*(str(band) for band in range(len(VALUE_BANDS) + 1)), UNKNOWN_VALUE)


class Listing:
    """What of a result is shown, by the parameters of the address; nonsense in them is ignored."""

    def __init__(
        self,
        search: Search,
        query: SearchQuery,
        params: QueryDict,
        *,
        comparison: Comparison | None,
        within: tuple[str, ...],
        now: datetime,
    ) -> None:
        self.search, self.query, self.now = search, query, now
        #: The country's lists bring matches of UFs whose tiles still say that they wait.
        self.within = within
        self.comparison = comparison
        self.only_new = comparison is not None and params.get("novas") == "1"
        self.ufs = tuple(uf for uf in dict.fromkeys(params.getlist("uf")) if uf in query.ufs)
        self.modalities = tuple(
            code
            for code in dict.fromkeys(params.getlist("modalidade"))
            if code.isascii() and code.isdigit() and len(code) < 9
        )
        self.bands = tuple(band for band in dict.fromkeys(params.getlist("faixa")) if band in BANDS)
        days = params.get("prazo", "")
        self.days = days if days in {OPEN, *map(str, DEADLINES)} else ""
        self.shows_hidden = params.get("ocultas") == "1"
        default = query.order if search.is_terminal else Order.RELEVANCE
        wanted = params.get("ordem", "")
        self.order = Order(wanted) if wanted in set(Order) else default
        size = params.get("itens", "")
        self.page_size = int(size) if size in map(str, PAGE_SIZES) else query.page_size
        # The page that was asked for is of the list as it was asked for.
        self.page_number = params.get("pagina") or ("1" if params else str(query.page))
        self._default_order = default

    # --- addresses --------------------------------------------------------------------------

    def _parts(self) -> dict[str, Any]:
        return {
            "uf": self.ufs,
            "modalidade": self.modalities,
            "faixa": self.bands,
            "prazo": self.days,
            "desde": self.comparison.chosen if self.comparison else "",
            "novas": "1" if self.only_new else "",
            "ocultas": "1" if self.shows_hidden else "",
            "ordem": self.order.value if self.order is not self._default_order else "",
            "itens": str(self.page_size) if self.page_size != self.query.page_size else "",
        }

    def href(self, **changes: Any) -> str:
        """Return the address of this page with some of its parameters changed; page 1 again."""
        address = QueryDict(mutable=True)
        for name, value in {**self._parts(), **changes}.items():
            if isinstance(value, tuple):
                address.setlist(name, list(value))
            elif value:
                address[name] = value
        return f"?{address.urlencode()}#resultados"

    def page_href(self, number: int) -> str:
        return self.href(pagina=str(number))

    def _toggled(self, name: str, value: str) -> str:
        current: tuple[str, ...] = self._parts()[name]
        kept = tuple(other for other in current if other != value)
        return self.href(**{name: kept if value in current else (*current, value)})

    # --- rows -------------------------------------------------------------------------------

    def _conditions(self, *, but: str = "") -> Q:
        condition = Q()
        if self.ufs and but != "uf":
            condition &= Q(notice__uf__in=self.ufs)
        if self.modalities and but != "modalidade":
            condition &= Q(notice__modality__in=[int(code) for code in self.modalities])
        if self.bands and but != "faixa":
            any_band = Q()
            for band in self.bands:
                any_band |= _band_condition(band)
            condition &= any_band
        if self.days and but != "prazo":
            condition &= self._closes_within(self.days)
        return condition

    def _closes_within(self, days: str) -> Q:
        """Return the condition as the figures count: days of the calendar, still to be answered."""
        condition = selectors.receiving(self.now)
        if days == OPEN:
            return condition
        last_day = self.now.astimezone(BRASILIA).date() + timedelta(days=int(days) + 1)
        return condition & Q(notice__closes_at__lt=datetime.combine(last_day, time(), BRASILIA))

    @cached_property
    def closing(self) -> dict[str, int]:
        """How many of all that was found can be answered (OPEN), or only for so many days."""
        return self._closing_among(selectors.results(self.search, order=self.query.order))

    def _closing_among(self, rows: QuerySet[Match]) -> dict[str, int]:
        names = (OPEN, *map(str, DEADLINES))
        counts = rows.order_by().aggregate(
            **{f"n{days}": Count("pk", filter=self._closes_within(days)) for days in names}
        )
        return {days: counts[f"n{days}"] for days in names}

    def _all(self) -> QuerySet[Match]:
        matches = selectors.results(
            self.search, order=self.order, hidden=self.shows_hidden, now=self.now
        )
        if len(self.within) < len(self.query.ufs):
            matches = matches.filter(notice__uf__in=self.within)
        return matches

    def _matches(self) -> QuerySet[Match]:
        return self._new(self._all()) if self.only_new else self._all()

    def _new(self, matches: QuerySet[Match], *, hidden: bool | None = None) -> QuerySet[Match]:
        """Return those that are new; a hidden one is not when it was hidden before, too."""
        if self.comparison is None:
            return matches.none()
        or_hidden = self.shows_hidden if hidden is None else hidden
        return askings.unseen(matches, self.comparison.earlier, or_hidden=or_hidden)

    @cached_property
    def page(self) -> "Page[Match]":
        rows = self._matches().filter(self._conditions())
        return Paginator(rows, self.page_size).get_page(self.page_number)

    @cached_property
    def cards(self) -> list[Card]:
        return self._cards(self.page.object_list)

    def _cards(self, rows: Iterable[Match]) -> list[Card]:
        rows = list(rows)
        new = self._new_among(rows)
        ended_at = self.search.finished_at
        return [
            card(match, now=self.now, ended_at=ended_at, is_new=match.pk in new) for match in rows
        ]

    def _new_among(self, rows: list[Match]) -> set[int]:
        shown = Match.objects.filter(pk__in=[match.pk for match in rows])
        return set(self._new(shown).values_list("pk", flat=True))

    @cached_property
    def new_count(self) -> int:
        """How many are new, whatever the filters."""
        return self._new(self._all()).order_by().count()

    @cached_property
    def best(self) -> list[Card]:
        """The best found until now, for a search that runs."""
        return self._cards(self._matches()[:LIVE_COUNT])

    @cached_property
    def live_counts(self) -> dict[str, int]:
        """How many were found until now in each UF that has any."""
        rows = self._matches().order_by()
        return dict(rows.values_list("notice__uf").annotate(Count("pk")))

    @property
    def live_counts_json(self) -> str:
        return json.dumps(self.live_counts)

    @property
    def live_count(self) -> int:
        return sum(self.live_counts.values())

    @cached_property
    def hidden_count(self) -> int:
        return self.search.matches.filter(hidden=True).count()

    # --- choices ----------------------------------------------------------------------------

    @cached_property
    def uf_counts(self) -> dict[str, int]:
        return self._facet("uf", "notice__uf")

    def _facet(self, name: str, field: str) -> dict[Any, int]:
        rows = self._matches().filter(self._conditions(but=name)).order_by()
        return dict(rows.values_list(field).annotate(Count("pk")))

    def uf_links(self) -> dict[str, str]:
        return {uf: self._toggled("uf", uf) for uf in self.query.ufs}

    def modality_chips(self) -> list[Chip]:
        counts = self._facet("modalidade", "notice__modality")
        names = dict(
            self._matches()
            .order_by()
            .values_list("notice__modality", "notice__modality_name")
            .distinct()
        )
        # One odd record does not rename them all.
        names |= {code: MODALITY_BY_CODE[code].name for code in names if code in MODALITY_BY_CODE}
        return [
            Chip(
                names[code],
                counts.get(code, 0),
                self._toggled("modalidade", str(code)),
                str(code) in self.modalities,
            )
            for code in sorted(names, key=lambda code: (-counts.get(code, 0), code))
        ]

    def band_chips(self) -> list[Chip]:
        rows = self._matches().filter(self._conditions(but="faixa")).order_by()
        counts = rows.aggregate(
            **{f"n{band}": Count("pk", filter=_band_condition(band)) for band in BANDS}
        )
        return [
            Chip(
                "não informado" if band == UNKNOWN_VALUE else band_label(int(band)),
                counts[f"n{band}"],
                self._toggled("faixa", band),
                band in self.bands,
            )
            for band in BANDS
        ]

    def deadline_chips(self) -> list[Chip]:
        names = {OPEN: "recebendo propostas"} | {str(n): f"até {n} dias" for n in DEADLINES}
        # Of all that was found the figures tell the same: it is counted once.
        counts = (
            self._closing_among(self._matches().filter(self._conditions(but="prazo")))
            if self._is_narrowed
            else self.closing
        )
        return [
            Chip(
                name,
                counts[days],
                self.href(prazo="" if self.days == days else days),
                self.days == days,
            )
            for days, name in names.items()
        ]

    def orders(self) -> list[Chip]:
        return [
            Chip(name, 0, self.href(ordem=order.value), order is self.order)
            for order, name in wording.ORDERS.items()
        ]

    @property
    def _is_narrowed(self) -> bool:
        """Whether it is not of all that was found, whatever the deadline."""
        return bool(self.ufs or self.modalities or self.bands or self.only_new or self.shows_hidden)

    @property
    def is_filtered(self) -> bool:
        return self._is_narrowed or bool(self.days)

    @property
    def place(self) -> str:
        return wording.place(self.ufs) if self.ufs else ""

    def clear_href(self) -> str:
        return self.href(**_UNFILTERED, ocultas="")

    def new_chip(self) -> Chip:
        rows = self._new(self._all()).filter(self._conditions())  # as the other chips count
        href = self.href(novas="" if self.only_new else "1")
        return Chip("só as novas", rows.order_by().count(), href, self.only_new)

    def hidden_chip(self) -> Chip:
        rows = selectors.results(self.search, order=self.order, hidden=True, now=self.now)
        rows = self._new(rows, hidden=True) if self.only_new else rows
        count = rows.filter(self._conditions()).order_by().count()
        href = self.href(ocultas="" if self.shows_hidden else "1")
        return Chip("com poucos dos termos", count, href, self.shows_hidden)

    def hidden_href(self) -> str:
        """Show all the hidden ones, where nothing else is shown."""
        return self.href(**_UNFILTERED, ocultas="1")

    def pages(self) -> list[tuple[str, str]]:
        """Return (number, address) of the pages to link; an empty address is a gap."""
        numbers = self.page.paginator.get_elided_page_range(
            self.page.number, on_each_side=2, on_ends=1
        )
        return [
            (wording.whole(number), self.page_href(number)) if isinstance(number, int) else ("", "")
            for number in numbers
        ]

    @property
    def current(self) -> str:
        return wording.whole(self.page.number)

    @property
    def start(self) -> str:
        return str(self.page.start_index())

    @property
    def shown(self) -> str:
        """Say which of all are on this page, and in which order: also for paper."""
        first, last = map(wording.whole, (self.page.start_index(), self.page.end_index()))
        order = f"{wording.ORDERS[self.order]} primeiro"
        return f"{first} a {last}, {order}" if self.page.has_other_pages() else order

    def previous_href(self) -> str:
        page = self.page
        return self.page_href(page.previous_page_number()) if page.has_previous() else ""

    def next_href(self) -> str:
        return self.page_href(self.page.next_page_number()) if self.page.has_next() else ""

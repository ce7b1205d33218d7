"""One result as it is shown. Floor 6."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from searches import wording
from searches.domain.summary import SOON_DAYS, URGENT_DAYS, days_left
from searches.domain.text import pieces, web_address
from searches.models import Match

#: An object longer than this is folded: some run over pages.
LONG_OBJECT = 480


@dataclass(frozen=True, slots=True)
class Card:
    """What is shown of a match."""

    key: str
    object: SafeString
    rest: SafeString  # what is folded away
    body: str
    place: str
    modality: str
    value: str
    has_value: bool
    deadline: str
    closes: str
    urgency: str  # urgent, soon, open, over or none
    published: str
    situation: str  # only when it is not the usual one
    terms: str
    relevance: int
    portal_url: str
    origin_url: str
    is_hidden: bool
    is_new: bool  # next to the earlier results it is compared with
    is_changed: bool  # since the search ended: its figures tell what it was


def card(
    match: Match, *, now: datetime, ended_at: datetime | None = None, is_new: bool = False
) -> Card:
    """Return a match as it is shown. `ended_at`: when its search did."""
    row = match.notice
    left = days_left(row.closes_at, now)
    is_stopped = row.is_stopped(now)
    cut = _cut(row.object)
    return Card(
        key=str(match.notice_id),
        object=marked(row.object, match.spans, stop=cut),
        rest=marked(row.object, match.spans, start=cut),
        body=row.body,
        place=f"{row.municipality}/{row.uf}" if row.municipality else row.uf,
        modality=row.modality_name,
        value="valor não informado" if row.value is None else wording.money(row.value),
        has_value=row.value is not None,
        deadline=wording.STOPPED if is_stopped else wording.deadline(row.closes_at, left, now=now),
        closes=wording.closing(row.closes_at, left) if row.closes_at else "",
        urgency="over" if is_stopped else _urgency(row.closes_at, left, now=now),
        published=wording.day(row.published_at),
        situation=row.unusual_situation,
        terms=wording.join(match.terms),
        relevance=match.relevance,
        portal_url=web_address(row.portal_url),
        origin_url=web_address(row.origin_url),
        is_hidden=match.hidden,
        is_new=is_new,
        is_changed=row.changed_since(ended_at),
    )


def _urgency(closes_at: datetime | None, left: int | None, *, now: datetime) -> str:
    if closes_at is None or left is None:
        return "none"
    if closes_at <= now:
        return "over"
    if left <= URGENT_DAYS:
        return "urgent"
    return "soon" if left <= SOON_DAYS else "open"


def _cut(text: str) -> int:
    """Return where a long text is folded: at a space before the limit."""
    if len(text) <= LONG_OBJECT * 1.25:
        return len(text)
    space = text.rfind(" ", LONG_OBJECT // 2, LONG_OBJECT)
    return space if space > 0 else LONG_OBJECT


def marked(
    text: str, spans: Sequence[Sequence[int]], *, start: int = 0, stop: int | None = None
) -> SafeString:
    """Return a stretch of a text as HTML, escaped, with the half-open spans marked."""
    parts = (
        format_html("<mark>{}</mark>", piece) if is_marked else conditional_escape(piece)
        for piece, is_marked in pieces(text, spans, start=start, stop=stop)
    )
    return mark_safe("".join(parts))  # noqa: S308  (every part was escaped above)

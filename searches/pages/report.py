"""What stands around a result: figures, what was left out and why, coverage, ways out. Floor 6."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.text import Truncator

from searches import messages, selectors, wording
from searches.domain.brazil import BY_IBGE, UNITS
from searches.domain.filtering import Reason
from searches.domain.lifecycle import Status
from searches.domain.query import MOST_DAYS, Mode, Order, SearchQuery
from searches.domain.summary import MOST_HIGHLIGHTS, SOON_DAYS, days_left
from searches.domain.tables import MODALITIES
from searches.domain.text import fold
from searches.models import Notice, Search

_HIGHLIGHT_CHARS = 130


@dataclass(frozen=True, slots=True)
class Figure:
    """A number to read from afar, with what it is and what it does not say."""

    number: str
    label: str
    note: str = ""
    is_words: bool = False  # no number: it may run over two lines


def figures(
    search: Search, query: SearchQuery, *, receiving: int, closing_soon: int
) -> list[Figure]:
    """Return the four figures of a result.

    `receiving` and `closing_soon` as of now, as the chips count them: deadlines pass later.
    """
    summary = search.summary
    value = Decimal(summary.get("valor_total", "0"))
    without = int(summary.get("sem_valor", 0))
    counted = wording.counted
    return [
        Figure(
            wording.whole(search.total_kept),
            "encontrada" if search.total_kept == 1 else "encontradas",
            f"em {counted(search.total_raw, 'lida', 'lidas')}",
        ),
        Figure(
            # A value is never zero: then none is told.
            wording.short_money(value) if value else wording.money(None),
            "valor somado",
            _of_the_sum(value, without),
            is_words=not value,
        ),
        Figure(
            wording.whole(closing_soon),
            f"{'encerra' if closing_soon == 1 else 'encerram'} em {SOON_DAYS} dias",
            f"de {counted(receiving, 'que recebe', 'que recebem')} propostas",
        ),
        Figure(
            wording.whole(summary.get("estados", 0)),
            "estado" if summary.get("estados", 0) == 1 else "estados",
            f"de {counted(len(query.ufs), 'pedido', 'pedidos')}",
        ),
    ]


def _of_the_sum(value: Decimal, without: int) -> str:
    """Say a sum to the cent, as the Excel file has it, and what it does not count."""
    exact = wording.money(value)
    counted = f"{wording.counted(without, 'não tem', 'não têm')} valor" if without else ""
    return (
        "; ".join(
            part for part in (exact if wording.short_money(value) != exact else "", counted) if part
        )
        or "todas com valor"
    )


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One reason why notices were left out."""

    text: str
    count: str


def left_out(search: Search, query: SearchQuery) -> list[LeftOut]:
    """Return the reasons that apply, the commonest first; with the found ones they add up."""
    return [LeftOut(text, wording.whole(count)) for count, _, text in _reasons(search, query)]


def _reasons(search: Search, query: SearchQuery) -> list[tuple[int, str, str]]:
    """Return (count, reason, in words) of all that was left out, the commonest first.

    What a sector excludes is counted with what its user does: here they are two, and the sector's,
    which nobody can change, has no reason. So has what was counted before they could be told apart.
    """
    counts = {reason: int(count) for reason, count in search.rejections.items()}
    rows = []
    if not query.terms:
        both, own = counts.pop(Reason.EXCLUDED, 0), search.matching.get("excluidas_a_pedido")
        text = messages.reason_text(Reason.EXCLUDED, query)
        if own is not None:
            rows.append((own, Reason.EXCLUDED.value, messages.EXCLUDED_BY_USER))
            both, text = both - own, messages.OTHER_SUBJECT
        rows.append((both, "", text))
    rows += [(n, reason, messages.reason_text(reason, query)) for reason, n in counts.items()]
    return sorted((row for row in rows if row[0]), key=lambda row: -row[0])


@dataclass(frozen=True, slots=True)
class Covered:
    """What was read of one UF."""

    uf: str
    name: str
    status: str
    status_text: str
    problem: str
    read: str
    found: str
    from_store: str
    pages: str
    unreadable: str  # how many records could not be read, in words; "" for none


_STATUS_TEXTS = {
    "complete": "completa",
    "partial": "incompleta",
    "failed": "não foi lida",
}


def coverage(search: Search) -> list[Covered]:
    """Return what was read of each UF, the incomplete ones first."""
    rows = []
    for uf, entry in search.coverage.items():
        rows.append(
            Covered(
                uf=uf,
                name=wording.state_name(uf),
                status=entry["status"],
                status_text=_STATUS_TEXTS.get(entry["status"], entry["status"]),
                problem=_problem(entry),
                read=wording.whole(entry["lidas"]),
                found=wording.whole(entry["encontradas"]),
                from_store=wording.whole(entry["do_acervo"]),
                pages=_pages(entry),
                unreadable=messages.unreadable_text(entry.get("ilegiveis", 0)),
            )
        )
    return sorted(rows, key=lambda row: (row.status == "complete", fold(row.name)))


def _pages(entry: dict[str, Any]) -> str:
    """Say how many pages were read; of how many, when the first page of each list told it."""
    done, total = entry["paginas_lidas"], entry["paginas_total"]
    if not done:
        return ""
    if (entry.get("pagina_que_falhou") or 1) > 1:
        return f"{wording.whole(done)} de {wording.counted(total, 'página', 'páginas')}"
    return wording.counted(done, "página lida", "páginas lidas")


def _problem(entry: dict[str, Any]) -> str:
    code = entry.get("motivo")
    return messages.unit_text(code, entry.get("pagina_que_falhou")) if code else ""


def incomplete_ufs(search: Search) -> list[str]:
    """Return the UFs of which something is missing."""
    return [uf for uf, entry in search.coverage.items() if entry["status"] != "complete"]


def incomplete_text(search: Search) -> str:
    """Say what was not read and what only in part, and why, and that the rest is there."""
    groups: dict[tuple[bool, str], list[str]] = {}
    for uf in incomplete_ufs(search):
        entry = search.coverage[uf]
        group = entry["status"] != "failed", str(entry.get("motivo") or "")
        groups.setdefault(group, []).append(uf)
    said = [_incomplete(search, ufs, is_begun=group[0]) for group, ufs in sorted(groups.items())]
    return " ".join([*said, "O resto está aqui."])


def _incomplete(search: Search, ufs: list[str], *, is_begun: bool) -> str:
    """Say what became of some UFs for the same reason; of one alone also at which page."""
    entry = search.coverage[ufs[0]]
    problem = _problem(entry if len(ufs) == 1 else {**entry, "pagina_que_falhou": None})
    said = messages.missing_text(ufs, is_begun=is_begun)
    return f"{said}{': ' if problem else ''}{problem}."


def of_the_incomplete(search: Search, query: SearchQuery) -> SearchQuery | None:
    """Return the question of the UFs that were not read whole, with their municipalities alone.

    None when that is no smaller one, or when nothing asked for can be missing there.
    """
    missing = incomplete_ufs(search)
    places = [code for code in query.municipalities if BY_IBGE.get(code[:2]) in missing]
    if query.municipalities:
        missing = [uf for uf in missing if uf in {BY_IBGE[code[:2]] for code in places}]
    if not 0 < len(missing) < len(query.ufs):
        return None
    return replace(query, ufs=tuple(missing), municipalities=tuple(places), page=1)


@dataclass(frozen=True, slots=True)
class Highlight:
    """One of the few notices to look at first."""

    object: str
    body: str
    uf: str
    value: str
    deadline: str
    closes: str
    is_soon: bool
    url: str


def highlights(search: Search, *, now: datetime) -> list[Highlight]:
    """Return the few to look at first, of those that can still be answered, as they are now.

    Chosen at the end of the search: since then tenders are revoked and deadlines move. Nothing
    when the whole list is as short.
    """
    if search.total_kept <= MOST_HIGHLIGHTS:
        return []
    chosen = [entry["numero_controle_pncp"] for entry in search.summary.get("destaques", ())]
    matches = selectors.results(search, order=Order.NEWEST).filter(
        selectors.receiving(now), notice__control_number__in=chosen
    )
    notices = {match.notice.control_number: match.notice for match in matches}
    return [_highlight(notices[number], now=now) for number in chosen if number in notices]


def _highlight(notice: Notice, *, now: datetime) -> Highlight:
    closes_at = notice.closes_at
    left = days_left(closes_at, now)
    return Highlight(
        object=Truncator(notice.object).chars(_HIGHLIGHT_CHARS),
        body=notice.body,
        uf=notice.uf,
        value="valor não informado" if notice.value is None else wording.money(notice.value),
        deadline=wording.deadline(closes_at, left, now=now),
        closes=wording.closing(closes_at, left) if closes_at else "",
        is_soon=left is not None and left <= SOON_DAYS,
        url=notice.page_url,
    )


#: What to change in the question for each reason of rejection; where nothing helps, nothing.
_WAYS_OUT: dict[str, str] = {
    Reason.NO_TERM: "use outros termos, ou um setor inteiro",
    Reason.BELOW_FLOOR: "veja as que têm poucos dos seus termos, ou peça menos termos",
    Reason.EXCLUDED: "tire alguma exclusão",
    Reason.VALUE: "alargue a faixa de valor",
    Reason.VALUE_UNKNOWN: "tire a faixa de valor: muitas licitações não informam o seu",
    Reason.STATUS: "peça todas as situações",
    Reason.SPHERE: "peça todas as esferas",
    Reason.MUNICIPALITY: "peça todos os municípios",
    Reason.BODY: "tire o filtro de órgão",
}


def wider(query: SearchQuery) -> list[str]:
    """Return what a question can ask more of."""
    ways = []
    if query.mode is Mode.PUBLISHED and query.days < MOST_DAYS:
        ways.append("mais dias")
    if len(query.ufs) < len(UNITS):
        ways.append("mais estados")
    return ways


def nothing_there(search: Search, query: SearchQuery) -> str:
    """Say that the source lists nothing at all of what was asked, and what to ask instead.

    Of a result that is incomplete it is said of what was read alone.
    """
    missing = set(incomplete_ufs(search))
    read = [uf for uf in query.ufs if uf not in missing]
    who = "O PNCP não tem licitações" if read else "No que foi lido não há licitações"
    is_open = query.mode is Mode.OPEN
    when = " que recebam propostas agora" if is_open else f", {wording.period(query)}"
    there = f"{who}{wording.of_modalities(query)} {wording.place(read or query.ufs)}{when}."
    ways = wider(query)
    if len(query.modalities) < len(MODALITIES):
        ways.append("outras modalidades")
    if is_open:
        ways.append("as publicadas num período")
    return f"{there} Peça {wording.join(ways, 'ou')}." if ways else there


def ways_out(search: Search, query: SearchQuery) -> list[tuple[str, str, str]]:
    """Return (count, reason, what to change) for what was left out, the commonest first."""
    ways = dict(_WAYS_OUT)
    if not query.terms:
        more = f"peça {wording.join(wider(query), 'ou')}, ou " if wider(query) else ""
        ways[Reason.NO_TERM] = f"{more}escreva os seus termos"
        ways[Reason.BELOW_FLOOR] = "veja as que têm poucos dos termos do setor"
    return [
        (wording.whole(count), text, ways[reason])
        for count, reason, text in _reasons(search, query)
        if reason in ways
    ]


def excel(search: Search, *, now: datetime) -> dict[str, Any]:
    """Return what is said of the Excel file: ready, expired, or why there is none."""
    artifact = search.artifact
    if artifact is None:
        failed = search.status in {Status.COMPLETE, Status.PARTIAL}
        return {"state": "failed" if failed else "none"}
    if artifact.is_expired(now=now):
        return {"state": "expired", "ended_at": artifact.ends_at}
    return {
        "state": "ready",
        "size": wording.size(artifact.size_bytes),
        "rows": wording.counted(artifact.rows, "linha", "linhas"),
        # Only a file that belongs elsewhere: without an object storage this is its place.
        "is_fallback": bool(artifact.fallback_reason) and artifact.storage == "database",
    }

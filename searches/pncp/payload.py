"""What PNCP sends, read as Notice and Page: tolerant of dirt, strict about the key. Floor 1."""

import json
import logging
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from html import unescape
from typing import Any

import ftfy
import orjson

from searches.domain.brazil import BRASILIA, BY_IBGE
from searches.domain.errors import SourceMalformed
from searches.domain.notice import Notice
from searches.domain.tables import modality_name, situation_name
from searches.pncp.links import origin_url, portal_url

logger = logging.getLogger(__name__)

#: More than a list can have: the whole country publishes 30,000 pages a year.
MOST_PAGES = 100_000

#: Control characters, lone surrogates and non-characters: neither SQL nor XML can hold them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
#: Some platforms send the text of their own pages.
_ENTITY = re.compile(r"&(?:[a-z]{2,8}[0-9]{0,2}|#[0-9]{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
#: Some encode it twice ("aquisiÃ§Ã£o"), or as Windows does and say that it is Unicode: "d\x92água".
#: \x85 is a line's end, and a quote or a dash behind an "Ã" that ends a word is one.
_MISREAD = re.compile("[\x80-\x84\x86-\x9f]|[ÂÃ][\xa1-\xbfƒˆ‰‡šŠœŒžŽŸ€]|â€")
_QUOTED = re.compile("(?<=Ã)(?=[\u2010-\u203a\u2122](?!\\w))")
#: From here on an amount is a slip: the largest ever seen at the source is 4.4e13. The columns,
#: Decimal(24, 4), hold ten thousand times more.
_TOO_MUCH_MONEY = Decimal(10) ** 16
_CENT_OF_CENT = Decimal("0.0001")
#: Codes are small; anything else is a slip of the sending platform and would overflow a column.
_LARGEST_CODE = 9999
#: Dates beyond these are slips too, and leave the range of some databases. The year 0001 is "not
#: set" to some platforms; a deadline in 9999 is one that nobody has set an end to.
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_FAR_OFF = datetime(_LAST_YEAR, 12, 31, 23, 59, 59, tzinfo=BRASILIA)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. Totals are this page's: they may change while a list is read."""

    number: int  # from 1
    total_pages: int
    total_records: int
    notices: tuple[Notice, ...]
    malformed_count: int = 0  # records without key, object or date: left out

    @property
    def listed_count(self) -> int:
        """Return how many records the source listed on it."""
        return len(self.notices) + self.malformed_count


def parse_page(body: bytes, *, number: int, asked_uf: str | None) -> Page:
    """Read one page; records that cannot be identified are counted and left out.

    Raises SourceMalformed, with the JSON path, when the body is not the source's envelope.
    """
    envelope = _json(body)
    if not isinstance(envelope, dict):
        raise SourceMalformed(f"$: expected an object, got {excerpt(body)!r}")
    records = envelope.get("data")
    if not isinstance(records, list):
        raise SourceMalformed("$.data: expected a list")
    notices: list[Notice] = []
    first_fault = ""
    for index, record in enumerate(records):
        try:
            notices.append(parse_notice(record, asked_uf=asked_uf))
        except SourceMalformed as fault:
            first_fault = first_fault or f"$.data[{index}]{str(fault).removeprefix('$')}"
    malformed_count = len(records) - len(notices)
    if malformed_count:
        logger.warning("page %d: %d records left out: %s", number, malformed_count, first_fault)
    total_pages = _total(envelope, "totalPaginas")
    total_records = _total(envelope, "totalRegistros")
    if total_pages > min(max(1, total_records), MOST_PAGES):
        raise SourceMalformed(f"$.totalPaginas: {total_pages} for {total_records} records")
    told = envelope.get("numeroPagina")
    if records and isinstance(told, int) and told != number:  # somebody's stale copy
        raise SourceMalformed(f"$.numeroPagina: {told} for page {number}")
    return Page(
        number=number,
        total_pages=total_pages,
        total_records=total_records,
        notices=tuple(notices),
        malformed_count=malformed_count,
    )


def parse_notice(record: Any, *, asked_uf: str | None) -> Notice:
    """Read one record of a list.

    Raises SourceMalformed, with the JSON path, when it has no key, no object or no date of
    publication; whatever else is missing or odd becomes empty, None or 0.
    """
    if not isinstance(record, dict):
        raise SourceMalformed("$: expected an object")
    get = record.get
    control_number = _text(get("numeroControlePNCP"), 60)
    if not control_number:
        raise SourceMalformed("$.numeroControlePNCP: missing")
    subject = _text(get("objetoCompra"), 5120)
    if not subject:
        raise SourceMalformed("$.objetoCompra: missing")
    published_at = _moment(get("dataPublicacaoPncp")) or _moment(get("dataInclusao"))
    if published_at is None:
        raise SourceMalformed("$.dataPublicacaoPncp: missing or not a date")
    body = _object(get("orgaoEntidade"))
    unit = _object(get("unidadeOrgao"))
    modality, situation = _code(get("modalidadeId")), _code(get("situacaoCompraId"))
    ibge = _ibge(unit.get("codigoIbge"))
    return Notice(
        control_number=control_number,
        object=subject,
        extra=_text(get("informacaoComplementar"), 5120),
        body=_text(body.get("razaoSocial"), 300),
        cnpj=_text(body.get("cnpj"), 14) or control_number[:14],
        sphere=_text(body.get("esferaId"), 1).upper(),
        unit_name=_text(unit.get("nomeUnidade"), 300),
        uf=(_text(unit.get("ufSigla"), 2).upper() or asked_uf or BY_IBGE.get(ibge[:2], "")),
        municipality=_text(unit.get("municipioNome"), 150),
        ibge=ibge,
        modality=modality,
        modality_name=_text(get("modalidadeNome"), 100) or modality_name(modality),
        situation=situation,
        situation_name=_text(get("situacaoCompraNome"), 100) or situation_name(situation),
        value=_money(get("valorTotalEstimado")),
        awarded_value=_money(get("valorTotalHomologado")),
        published_at=published_at,
        opens_at=_moment(get("dataAberturaProposta")),
        closes_at=_deadline(get("dataEncerramentoProposta")),
        updated_at=(
            _moment(get("dataAtualizacaoGlobal")) or _moment(get("dataAtualizacao")) or published_at
        ),
        portal_url=portal_url(control_number),
        origin_url=origin_url(_text(get("linkSistemaOrigem"))),
        platform=_text(get("usuarioNome"), 300),
    )


def excerpt(body: bytes) -> str:
    """Return the start of a body as one line of at most 200 characters, for messages and logs."""
    return _text(body[:2000].decode("utf-8", "replace"), 200)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        # orjson refuses what one careless platform can put into a page of fifty good records: a
        # byte that is not UTF-8, half a surrogate pair, a raw control character.
        return json.loads(body.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        # A number of thousands of digits is a ValueError as well.
        raise SourceMalformed(f"$: not JSON: {excerpt(body)!r}") from None


def _total(envelope: dict[str, Any], name: str) -> int:
    value = envelope.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise SourceMalformed(f"$.{name}: expected a count")
    return value


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any, longest: int | None = None) -> str:
    """Return a trimmed line of text; "" for what is not text."""
    if not isinstance(value, str):
        return ""
    if "&" in value:
        value = _ENTITY.sub(lambda found: unescape(found[0]), value)
    if _MISREAD.search(value):
        value = "".join(map(ftfy.fix_encoding, _QUOTED.split(value)))
    text = " ".join(value.split())
    if not text.isprintable():
        text = " ".join(_UNPRINTABLE.sub("", text).split())
    return text if longest is None or len(text) <= longest else text[:longest].rstrip()


def _code(value: Any) -> int:
    """Return a domain table's code, known or not; 0 for what is not a code."""
    if isinstance(value, str):
        value = value.strip()
        if not (value.isascii() and value.isdigit() and len(value) <= 4):
            return 0
        value = int(value)
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 < value <= _LARGEST_CODE else 0


def _ibge(value: Any) -> str:
    text = str(value).strip() if isinstance(value, str | int) else ""
    return text if len(text) == 7 and text.isascii() and text.isdigit() else ""


def _money(value: Any) -> Decimal | None:
    """Return reais; None for 0, which at the source means secret or not told, and for nonsense."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        # Through str: Decimal(0.1) would be 0.1000000000000000055.
        amount = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    if not amount.is_finite() or not 0 < amount < _TOO_MUCH_MONEY:
        return None
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -4:
        amount = amount.quantize(_CENT_OF_CENT)
    return amount or None


def _deadline(value: Any) -> datetime | None:
    """Return a deadline; a date alone lasts to its end."""
    if isinstance(value, str) and len(day := value.strip()) == 10:
        value = f"{day}T23:59:59"
    return _moment(value, beyond=_FAR_OFF)


def _moment(value: Any, *, beyond: datetime | None = None) -> datetime | None:
    """Return a moment in Brasília's zone; a text without zone is Brasília's already.

    `beyond` stands for what comes after the last year that can be stored.
    """
    if not isinstance(value, str) or len(value) < 10:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        if moment.year > _LAST_YEAR:
            return beyond
        if moment.year < _FIRST_YEAR:
            return None
        if moment.tzinfo is None:
            return moment.replace(tzinfo=BRASILIA)
        return moment.astimezone(BRASILIA)
    except (ValueError, OverflowError):
        return None

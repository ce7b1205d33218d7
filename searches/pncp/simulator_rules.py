"""What the source asks of a request: its parameters, with its words of refusal. Floor 1."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from searches.domain.planning import Endpoint

LISTS: tuple[str, ...] = tuple(Endpoint)
SMALLEST_PAGE, LARGEST_PAGE = 10, 50
LONGEST_SPAN_DAYS = 365  # the source's own, whatever we take it to be
_INT32, _INT64 = 2**31 - 1, 2**63 - 1
#: Narrowing parameters -> where a record has the value.
FILTERS: dict[str, tuple[str, ...]] = {
    "codigoModoDisputa": ("modoDisputaId",),
    "codigoMunicipioIbge": ("unidadeOrgao", "codigoIbge"),
    "cnpj": ("orgaoEntidade", "cnpj"),
    "codigoUnidadeAdministrativa": ("unidadeOrgao", "codigoUnidade"),
}


class Refusal(Exception):
    """The source would refuse this request."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for one page of a list, checked."""

    endpoint: str  # one of LISTS
    first: date | None  # None for proposta
    last: date
    modality: int | None
    uf: str | None
    page: int
    page_size: int
    filters: dict[str, str] = field(default_factory=dict)  # parameter -> value, see FILTERS


def check(endpoint: str, params: Mapping[str, str]) -> Ask:
    """Check the parameters of a list; raises Refusal as the source does."""
    is_open = endpoint == Endpoint.OPEN
    required = ["dataFinal", "pagina"]
    if not is_open:
        required = ["dataInicial", "dataFinal", "codigoModalidadeContratacao", "pagina"]
    for name in required:
        if not params.get(name, "").strip():
            raise Refusal(400, f"Required parameter '{name}' is not present.")
    page = _number(params, "pagina", _INT32)
    if page is None or page < 1:
        raise Refusal(400, "Página deve ser maior ou igual a 1")
    page_size = _number(params, "tamanhoPagina", _INT32)
    if page_size is not None and not SMALLEST_PAGE <= page_size <= LARGEST_PAGE:
        raise Refusal(400, "Tamanho de página inválido")
    modality = _number(params, "codigoModalidadeContratacao", _INT64)
    for name in ("codigoModoDisputa", "idUsuario"):
        _number(params, name, _INT64)
    first = None if is_open else _date(params["dataInicial"], "Data Inicial")
    last = _date(params["dataFinal"], "Data Final")
    if first is not None:
        if first > last:
            raise Refusal(422, "Data Inicial deve ser anterior ou igual à Data Final")
        if (last - first).days > LONGEST_SPAN_DAYS:
            raise Refusal(422, f"Período inicial e final maior que {LONGEST_SPAN_DAYS} dias.")
    return Ask(
        endpoint=endpoint,
        first=first,
        last=last,
        modality=modality,
        uf=params.get("uf", "").strip().upper() or None,
        page=page,
        page_size=LARGEST_PAGE if page_size is None else page_size,
        filters={name: params[name] for name in FILTERS if params.get(name)},
    )


def passes(record: Mapping[str, object], filters: Mapping[str, str]) -> bool:
    """Tell whether a record has all the values asked for."""
    for name, wanted in filters.items():
        value: object = record
        for step in FILTERS[name]:
            value = value.get(step) if isinstance(value, Mapping) else None
        if str(value) != wanted:
            return False
    return True


def _number(params: Mapping[str, str], name: str, largest: int) -> int | None:
    text = params.get(name, "").strip()
    if not text:
        return None
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or abs(int(digits[:20])) > largest:
        raise Refusal(400, f"Failed to convert value '{text[:50]}' of parameter '{name}'")
    return int(text)


def _date(text: str, label: str) -> date:
    try:
        if len(text) != 8 or not (text.isascii() and text.isdigit()):
            raise ValueError(text)
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        raise Refusal(422, f"{label} inválida") from None

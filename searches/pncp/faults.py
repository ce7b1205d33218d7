"""Faults on demand for the simulator: what goes wrong, how often, for which requests. Floor 1."""

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from searches.domain.brazil import BY_CODE

HELP = """\
FALHAS: lista separada por vírgulas de tipo:chave=valor;chave=valor
tipos: 429 (HTML com Retry-After), html429 (sem ele), 422, 500 (texto sob tipo JSON),
  502, 503, 504, 403, html (200 que não é JSON), truncate (JSON cortado), reset (conexão
  derrubada), timeout (segura a resposta), slow (atrasa), down (fora do ar: 503),
  drift (a lista anda entre as páginas), past204 (204 além da última página, em vez de
  400), needmodality (proposta sem modalidade dá 400)
quando: rate=0.05 (parte das chamadas), every=10 (uma em cada N), times=3 (no máximo N),
  after=30 (s depois do início), for=10 (s de duração)
a quem: uf=MG, modality=6, page=2, path=proposta
como: retry_after=2 (429), seconds=5 (timeout, slow)
exemplos: 429:every=10;retry_after=2,500:rate=0.05   down:uf=MG   down:after=30;for=10
"""
KINDS = frozenset(
    {"429", "html429", "422", "500", "502", "503", "504", "403", "html", "truncate", "reset"}
    | {"timeout", "slow", "down", "drift", "past204", "needmodality"}
)
_NUMBERS = frozenset({"rate", "every", "times", "after", "for", "retry_after", "seconds"})
_TEXTS = frozenset({"uf", "modality", "page", "path"})


class BadSpec(ValueError):
    """A specification of faults that cannot be read; the message is for the command line."""


@dataclass(slots=True)
class Fault:
    """One fault; without `rate` and `every` it hits each request that it fits."""

    kind: str
    rate: float | None = None
    every: int | None = None
    times: int | None = None
    after_seconds: float = 0.0
    for_seconds: float = math.inf
    retry_after: float = 60.0
    seconds: float | None = None  # None: timeout holds for good, slow takes 1 s
    match: dict[str, str] = field(default_factory=dict)  # uf, modality, page, path
    fitting_count: int = 0
    hit_count: int = 0


class Faults:
    """A set of faults. A request's luck depends on seed, request and repetition, not on order."""

    def __init__(
        self, faults: list[Fault], *, seed: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.faults = faults
        self._seed = seed
        self._clock = clock
        self._started_at = clock()
        self._seen: Counter[str] = Counter()

    @classmethod
    def read(cls, spec: str, *, seed: int = 1) -> "Faults":
        """Read a specification (see HELP); raises BadSpec."""
        return cls(parse_faults(spec), seed=seed)

    def hitting(self, path: str, params: Mapping[str, str]) -> list[Fault]:
        """Return the faults that hit this request, and count it."""
        if not self.faults:
            return []
        request = f"{path}?{sorted(params.items())}"
        self._seen[request] += 1
        passed_seconds = self._clock() - self._started_at
        return [
            fault
            for number, fault in enumerate(self.faults)
            if _fits(fault, path, params)
            and 0 <= passed_seconds - fault.after_seconds < fault.for_seconds
            and self._hits(fault, f"{self._seed}|{number}|{request}|{self._seen[request]}")
        ]

    def _hits(self, fault: Fault, luck: str) -> bool:
        fault.fitting_count += 1
        if fault.times is not None and fault.hit_count >= fault.times:
            return False
        if fault.every is not None and fault.fitting_count % fault.every:
            return False
        # random.Random(text) is the same on every run; hash(text) is not.
        if fault.rate is not None and random.Random(luck).random() >= fault.rate:  # noqa: S311
            return False
        fault.hit_count += 1
        return True


def parse_faults(spec: str) -> list[Fault]:
    """Read a specification of faults; raises BadSpec, with a message in Portuguese."""
    faults: list[Fault] = []
    for part in filter(None, (part.strip() for part in spec.split(","))):
        kind, _, options = part.partition(":")
        kind = kind.strip()
        if kind not in KINDS and "=" in part and faults:
            # A comma inside one fault, as in "429:every=10,retry_after=2".
            _set_options(faults[-1], part)
            continue
        if kind not in KINDS:
            raise BadSpec(f"falha desconhecida: {kind!r}")
        fault = Fault(kind)
        _set_options(fault, options)
        faults.append(fault)
    return faults


def _set_options(fault: Fault, options: str) -> None:
    for option in filter(None, (option.strip() for option in options.split(";"))):
        name, equals, text = (piece.strip() for piece in option.partition("="))
        if not equals or name not in _NUMBERS | _TEXTS or not text:
            raise BadSpec(f"{fault.kind}: opção desconhecida {option!r}")
        if name in _TEXTS:
            fault.match[name] = text.upper() if name == "uf" else text
            if name == "uf" and fault.match[name] not in BY_CODE:
                raise BadSpec(f"{fault.kind}: {text!r} não é sigla de estado")
            continue
        try:
            number = float(text)
        except ValueError:
            raise BadSpec(f"{fault.kind}: {name} pede um número, não {text!r}") from None
        if not (math.isfinite(number) and number >= 0) or (name == "rate" and number > 1):
            raise BadSpec(f"{fault.kind}: {name}={text} está fora da faixa")
        if name in ("every", "times"):
            if number < 1 or not number.is_integer():
                raise BadSpec(f"{fault.kind}: {name} pede um inteiro a partir de 1")
            setattr(fault, name, int(number))
        elif name in ("after", "for"):
            setattr(fault, f"{name}_seconds", number)
        else:
            setattr(fault, name, number)


def _fits(fault: Fault, path: str, params: Mapping[str, str]) -> bool:
    have = {
        "uf": params.get("uf", "").upper(),
        "modality": params.get("codigoModalidadeContratacao", ""),
        "page": params.get("pagina", ""),
        "path": path.rsplit("/", 1)[-1],
    }
    return all(have[name] == wanted for name, wanted in fault.match.items())

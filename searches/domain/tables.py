"""PNCP's domain tables (source README, section 5). Floor 0.

They only drive the form and the checks: the name shown for a notice comes from its own record, or
from here when that has none, and a code that is not here passes through.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Modality:
    """One way of contracting."""

    code: int
    name: str


MODALITIES: tuple[Modality, ...] = (
    Modality(1, "Leilão - Eletrônico"),
    Modality(2, "Diálogo Competitivo"),
    Modality(3, "Concurso"),
    Modality(4, "Concorrência - Eletrônica"),
    Modality(5, "Concorrência - Presencial"),
    Modality(6, "Pregão - Eletrônico"),
    Modality(7, "Pregão - Presencial"),
    Modality(8, "Dispensa"),
    Modality(9, "Inexigibilidade"),
    Modality(10, "Manifestação de Interesse"),
    Modality(11, "Pré-qualificação"),
    Modality(12, "Credenciamento"),
    Modality(13, "Leilão - Presencial"),
    Modality(14, "Inaplicabilidade da Licitação"),
    Modality(15, "Chamada pública"),
    Modality(16, "Concorrência - Eletrônica Internacional"),
    Modality(17, "Concorrência - Presencial Internacional"),
    Modality(18, "Pregão - Eletrônico Internacional"),
    Modality(19, "Pregão - Presencial Internacional"),
)
MODALITY_BY_CODE: dict[int, Modality] = {modality.code: modality for modality in MODALITIES}


#: Where anybody may bid with a price: concorrência and pregão. The default of a query.
COMPETITIVE: tuple[int, ...] = (4, 5, 6, 7)

SPHERES: dict[str, str] = {"F": "Federal", "E": "Estadual", "M": "Municipal", "D": "Distrital"}

#: situacaoCompraId
PUBLISHED, REVOKED, ANNULLED, SUSPENDED = 1, 2, 3, 4
#: Nothing comes of these any more.
CALLED_OFF = (REVOKED, ANNULLED)
SITUATIONS: dict[int, str] = {
    PUBLISHED: "Divulgada no PNCP",
    REVOKED: "Revogada",
    ANNULLED: "Anulada",
    SUSPENDED: "Suspensa",
}


def modality_name(code: int) -> str:
    """Return a modality's name; what the table does not know, by its code."""
    known = MODALITY_BY_CODE.get(code)
    return known.name if known else f"modalidade {code}"


def situation_name(code: int) -> str:
    """Return a situation's name; what the table does not know, by its code, and "" without one."""
    return SITUATIONS.get(code, f"situação {code}" if code else "")

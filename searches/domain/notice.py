"""Notice: one procurement notice as we understand it, whatever the source wrote. Floor 0."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from searches.domain import tables


class NoticeStatus(StrEnum):
    """Whether somebody can still bid, inferred: the source's own situation does not say."""

    RECEIVING = "recebendo_proposta"
    JUDGING = "em_julgamento"
    CLOSED = "encerrada"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice. Moments are aware (Brasília), money is Decimal in reais, texts are trimmed."""

    control_number: str  # numeroControlePNCP: the key
    object: str  # objetoCompra
    extra: str  # informacaoComplementar
    body: str  # orgaoEntidade.razaoSocial
    cnpj: str  # text: alphanumeric since July 2026
    sphere: str  # orgaoEntidade.esferaId: F, E, M, D or N
    unit_name: str  # unidadeOrgao.nomeUnidade
    uf: str
    municipality: str
    ibge: str  # unidadeOrgao.codigoIbge, 7 digits as text
    modality: int
    modality_name: str
    situation: int
    situation_name: str
    #: None when the source says 0: the budget is secret or was not told, never "free".
    value: Decimal | None
    awarded_value: Decimal | None
    published_at: datetime
    opens_at: datetime | None
    closes_at: datetime | None
    #: dataAtualizacaoGlobal: which of two copies is the newer.
    updated_at: datetime
    portal_url: str  # the public PNCP page, built from the control number
    origin_url: str  # linkSistemaOrigem with a scheme, or "" when it is unusable
    platform: str  # usuarioNome

    def status(self, now: datetime) -> NoticeStatus:
        """Infer the status at a moment (see `infer_status`)."""
        return infer_status(
            situation=self.situation,
            closes_at=self.closes_at,
            awarded=self.awarded_value is not None,
            now=now,
        )


def infer_status(
    *, situation: int, closes_at: datetime | None, awarded: bool, now: datetime
) -> NoticeStatus:
    """Infer whether proposals are received, judged, or all is over.

    1. Revoked or annulled: over.
    2. Suspended: nobody can bid, nothing is decided: with the judges.
    3. The deadline is ahead: receiving, also when some of it has a result already (a standing
       accreditation). It has passed: with the judges, or over when there is a result.
    4. No deadline at all (direct contracting without dispute): nobody can bid: over.
    """
    if situation in tables.CALLED_OFF:
        return NoticeStatus.CLOSED
    if situation == tables.SUSPENDED:
        return NoticeStatus.JUDGING
    if closes_at is not None and now < closes_at:
        return NoticeStatus.RECEIVING
    return NoticeStatus.CLOSED if awarded or closes_at is None else NoticeStatus.JUDGING

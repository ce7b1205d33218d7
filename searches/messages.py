"""Every sentence that users read and that is not in a template. Portuguese; keyed by code.

Pure functions: the database keeps codes, the words are chosen here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from exports.errors import ArtifactTooLarge
from searches import wording
from searches.domain.errors import Problem, QueryError
from searches.domain.filtering import Reason
from searches.domain.lifecycle import MAX_LOSSES, DigestState, Status
from searches.domain.progress import Stage, Told
from searches.domain.query import LARGEST_VALUE, LARGEST_WHOLE, PAGE_SIZES, SearchQuery
from searches.domain.terms import MAX_TERM_LENGTH, MAX_TERMS, MIN_PREFIX_LENGTH
from searches.domain.text import fold

#: What the codes of the database are called.
STATES = {
    Status.QUEUED: "na fila",
    Status.RUNNING: "em andamento",
    Status.COMPLETE: "completa",
    Status.PARTIAL: "incompleta",
    Status.ERROR: "falhou",
    Status.CANCELLED: "cancelada",
}
STAGES = {
    Stage.QUEUED: STATES[Status.QUEUED],
    Stage.CONNECTING: "conectando ao PNCP",
    Stage.FETCHING: "buscando dados",
    Stage.FILTERING: "filtrando",
    Stage.SUMMARY: "resumindo",
    Stage.EXCEL: "gerando o Excel",
    Stage.COMPLETE: STATES[Status.COMPLETE],
    Stage.PARTIAL: STATES[Status.PARTIAL],
    Stage.ERROR: STATES[Status.ERROR],
    Stage.CANCELLED: STATES[Status.CANCELLED],
}
DIGEST_STATES = {
    DigestState.WAITING: "aguarda",
    DigestState.SENT: "enviado",
    DigestState.NOT_NEEDED: "desnecessário",
    DigestState.FAILED: "não enviado",
}

_PROBLEMS = {
    "required": "Escolha pelo menos um estado.",
    "unknown_uf": "“{value}” não é uma sigla de estado.",
    "unknown_field": "Este campo não existe.",
    "text": "Escreva um texto.",
    "too_long": "Use no máximo {limit} caracteres.",
    "list": "Envie uma lista.",
    "too_many": "Envie no máximo {limit} itens.",
    "text_entries": "Cada item da lista deve ser um texto.",
    "future": "A data não pode estar no futuro.",
    "period_order": "A data inicial deve ser anterior ou igual à data final.",
    "period_span": "O período pode ter no máximo {limit} dias.",
    "date": "Escreva uma data válida, no formato AAAA-MM-DD.",
    "unknown_sector": "“{value}” não é um setor conhecido.",
    "sector_or_terms": "Escolha um setor ou escreva os seus termos.",
    "terms.many": f"São termos demais: use no máximo {MAX_TERMS}.",
    "terms.long": f"“{{term}}” é longo demais: use no máximo {MAX_TERM_LENGTH} letras em cada "
    "termo.",
    "terms.prefix": "“{term}”: o * vale só no fim de uma palavra com pelo menos "
    f"{MIN_PREFIX_LENGTH} letras.",
    "terms.minus": "“{term}”: para deixar uma palavra de fora, use “Sem estes termos” e escreva-a "
    "sem o hífen.",
    "exclusion.minus": "“{term}”: escreva sem o hífen. O que está em “Sem estes termos” já fica de "
    "fora.",
    "exclusion.asked": "“{term}” está entre os termos que você busca: tire de um dos dois campos.",
    "terms.common": "Estes termos são comuns demais; diga com outras palavras o que você vende.",
    "terms.none": "Não há nenhuma palavra nestes termos.",
    "unknown_modality": "“{value}” não é o código de uma modalidade.",
    "unknown_sphere": "“{value}” não é uma esfera: use F, E, M ou D.",
    "ibge": "“{value}” não é um código IBGE de município (7 dígitos).",
    "number": "Escreva um número.",
    "value_range": f"O valor deve estar entre 0 e {wording.whole(LARGEST_VALUE)}.",
    "value_order": "O valor máximo deve ser maior ou igual ao mínimo.",
    "whole": f"Escreva um número inteiro de 1 a {wording.whole(LARGEST_WHOLE)}.",
    "page_size": f"Use {wording.join(list(map(str, PAGE_SIZES)), 'ou')} itens por página.",
    "choice": "“{value}” não é uma das opções.",
    "uuid": "Envie um UUID válido.",
}

#: What a search may end with.
ERRORS = {
    "source.down": "O PNCP não respondeu. Nada do que você pediu se perdeu: repita a busca "
    "daqui a alguns minutos.",
    "source.busy": "O PNCP está limitando as consultas. Repita a busca daqui a alguns minutos.",
    "source.rejected": "O PNCP recusou a consulta.",
    "source.malformed": "O PNCP deu uma resposta que não se pode ler.",
    "source.gone": "O site passou a consultar outra fonte enquanto esta busca esperava. "
    "Repita a busca.",
    "worker.lost": f"A busca foi interrompida {MAX_LOSSES} vezes e não será retomada sozinha. "
    "Você pode repeti-la.",
    "internal": "Houve uma falha do nosso lado. Ela foi registrada; repita a busca.",
    # A result, without its file.
    ArtifactTooLarge.code: "O Excel ficou grande demais para ser guardado. Para tê-lo, divida a "
    "busca: menos estados ou menos dias de cada vez.",
}

_UNIT_ERRORS = {
    "source.down": "o PNCP não respondeu",
    "source.busy": "o PNCP limitou as consultas",
    "source.rejected": "o PNCP recusou a consulta",
    "source.malformed": "o PNCP deu uma resposta que não se pode ler",
    "source.drift": "a lista mudou enquanto era lida",
    "search.stopped": "a busca parou antes",
}

#: Why a notice was left out.
REASONS = {
    "uf": "de outro estado",
    "modalidade": "de outra modalidade",
    "periodo": "fora do período",
    "esfera": "de outra esfera",
    "municipio": "de outro município",
    "orgao": "de outro órgão",
    "status": "em outra situação",
    "valor_nao_informado": "sem valor informado",
    "valor": "fora da faixa de valor",
    "exclusao": "com termo que você excluiu",
    "sem_termo": "sem nenhum dos termos",
    "abaixo_do_minimo": "com poucos dos termos",
}


def problem_text(problem: Problem) -> str:
    """Return the sentence for something wrong with a field."""
    return _PROBLEMS[problem.code].format(**problem.params)


def problem_texts(error: QueryError) -> dict[str, list[str]]:
    """Return the sentences of each field of a refused query."""
    return {
        name: [problem_text(problem) for problem in problems]
        for name, problems in error.problems.items()
    }


def too_long_text(limit: int) -> str:
    """Return the sentence for a field with more than so many characters."""
    return problem_text(Problem("too_long", {"limit": wording.whole(limit)}))


def unknown_municipality_text(written: str) -> str:
    """Return the sentence for a municipality that the form does not know, by code or by name."""
    if re.fullmatch(r"[0-9]{7}", written):
        return (
            f"“{written}” não é o código IBGE de um município que conhecemos: confira-o, "
            "ou escreva o nome."
        )
    return (
        f"“{written}” não é um município que conhecemos: confira o nome, "
        "ou escreva o código IBGE, de 7 dígitos."
    )


def municipality_elsewhere_text(name: str, place: str, *, is_one: bool) -> str:
    """Return the sentence for a municipality in none of the chosen states: it is in this place."""
    verb = "está" if is_one else "estão"
    return f"{name} fica {place}, que não {verb} entre os estados escolhidos."


def error_text(code: str) -> str:
    """Return the sentence for an error code that a search ended with."""
    return ERRORS.get(code, ERRORS["internal"])


def too_large_text(code: str) -> str:
    """Return why a search that ended with this code would get no file the next time either."""
    return error_text(code) if code == ArtifactTooLarge.code else ""


def unit_text(code: str, page: int | None) -> str:
    """Return what kept a UF from being read whole, as the end of a sentence."""
    text = _UNIT_ERRORS.get(code, "houve uma falha do nosso lado")
    if code == "source.down" and page:
        return f"{text} à página {wording.whole(page)}"
    return text


def unreadable_text(count: int) -> str:
    """Say how many of the source's records cannot be read; nothing when all can."""
    if not count:
        return ""
    return "1 ilegível na fonte" if count == 1 else f"{wording.whole(count)} ilegíveis na fonte"


EXCLUDED_BY_USER = REASONS[Reason.EXCLUDED]
#: What a sector's own words exclude; the user has excluded nothing.
OTHER_SUBJECT = "de outro assunto, apesar de um termo"


def reason_text(reason: str, query: SearchQuery) -> str:
    """Return the words for a reason of rejection, by the question that rejected."""
    if reason == Reason.EXCLUDED and not query.terms:
        return f"{EXCLUDED_BY_USER}, ou {OTHER_SUBJECT}" if query.exclusions else OTHER_SUBJECT
    return REASONS.get(reason, reason)


def event_text(told: Told) -> str:
    """Return the line that people read for an event."""
    detail = told.detail
    match told.stage:
        case _ if detail.get("resumes"):
            return "A busca foi interrompida e será retomada de onde parou"
        case Stage.QUEUED:
            return "Busca na fila"
        case Stage.CONNECTING:
            return "Conectando ao PNCP"
        case Stage.FETCHING:
            return _fetching_text(detail)
        case Stage.FILTERING:
            return "Filtrando as licitações"
        case Stage.SUMMARY:
            return "Resumindo o resultado"
        case Stage.EXCEL:
            return _excel_text(detail)
        case Stage.COMPLETE:
            return f"Pronto: {_found_text(detail)}"
        case Stage.PARTIAL:
            return f"Pronto, mas incompleto: {_found_text(detail)}. {_partial_text(detail)}"
        case Stage.ERROR:
            return error_text(str(detail.get("code", "internal")))
        case Stage.CANCELLED:
            return "Busca cancelada"


def _fetching_text(detail: Mapping[str, Any]) -> str:
    done, total = detail.get("uf_index", 0), detail.get("uf_total", 0)
    retrying = int(detail.get("retrying", 0))
    again = f", {wording.whole(retrying)} de novo" if retrying else ""
    return f"Buscando dados: {done}/{total} estados{again}"


def _found_text(detail: Mapping[str, Any]) -> str:
    return found_text(int(detail.get("total_filtrado", 0)), int(detail.get("total_raw", 0)))


def found_text(kept: int, raw: int) -> str:
    """Say how many of the notices read were found."""
    found = "1 encontrada" if kept == 1 else f"{wording.whole(kept)} encontradas"
    return f"{found} em {wording.whole(raw)} {'lida' if raw == 1 else 'lidas'}"


def _partial_text(detail: Mapping[str, Any]) -> str:
    unread = detail.get("ufs_nao_lidas", [])
    begun = [uf for uf in detail.get("ufs_incompletas", []) if uf not in unread]
    said = [missing_text(unread, is_begun=False), missing_text(begun, is_begun=True)]
    return "; ".join(filter(None, said))


def missing_text(ufs: Sequence[str], *, is_begun: bool) -> str:
    """Say of which UFs nothing was read, or only a part: Acre e Bahia não foram lidas."""
    if not ufs:
        return ""
    if len(ufs) == 1:
        return f"{wording.state_name(ufs[0])} {'ficou incompleta' if is_begun else 'não foi lida'}"
    is_number = len(ufs) > wording.MOST_NAMES
    names = sorted(map(wording.state_name, ufs), key=fold)
    who = f"{len(ufs)} estados" if is_number else wording.join(names)
    ending = "os" if is_number else "as"
    return f"{who} {f'ficaram incomplet{ending}' if is_begun else f'não foram lid{ending}'}"


def source_text(url: str, *, is_demo: bool) -> str:
    """Say where notices come from; a demonstration without an address has a simulator within."""
    if not is_demo:
        return url
    return f"{url or 'simulador do PNCP'} (demonstração)"


def _excel_text(detail: Mapping[str, Any]) -> str:
    if detail.get("fallback_reason"):
        return "Arquivo guardado no banco de dados enquanto o armazenamento está fora"
    return "Excel pronto" if detail.get("rows") is not None else "Gerando o Excel"

"""The simulator keeps the API's rules: parameters, words, statuses and envelope."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from searches.pncp.demo import simulated
from searches.pncp.sample import Sample
from searches.pncp.simulator import Simulator
from searches.pncp.simulator_rules import FILTERS, LARGEST_PAGE, LISTS, SMALLEST_PAGE
from tests.unit.pncp_support import NOW, SHARED, record, records

PUBLICATION = {
    "dataInicial": "20261118",
    "dataFinal": "20261118",
    "codigoModalidadeContratacao": "6",
    "pagina": "1",
    "tamanhoPagina": "10",
}


class Caller:
    """Asks a simulator and gives status, content type and body."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self.session = session
        self.base_url = base_url

    async def __call__(self, path: str = "publicacao", **params: str | None) -> tuple[int, Any]:
        """Ask for a list with the usual parameters, some changed, or left out when None."""
        base = PUBLICATION if path != "proposta" else {"dataFinal": "20271124", "pagina": "1"}
        asked = {name: value for name, value in {**base, **params}.items() if value is not None}
        return await self.get(f"/v1/contratacoes/{path}", **asked)

    async def get(self, path: str, **params: str) -> tuple[int, Any]:
        async with self.session.get(self.base_url + path, params=params) as response:
            body = await response.read()
            return response.status, orjson.loads(body) if body else None


@pytest.fixture
def simulator() -> Simulator:
    return Simulator(
        [
            *records(25),
            record(numeroControlePNCP="1" * 14 + "-1-000001/2026", unit__ufSigla="SP"),
            record(
                numeroControlePNCP="2" * 14 + "-1-000001/2026",
                modalidadeId=8,
                dataEncerramentoProposta=None,
            ),
            record(
                numeroControlePNCP="3" * 14 + "-1-000001/2026",
                dataEncerramentoProposta="2026-11-24T11:59:59",
                valorTotalEstimado=0.0,
            ),
        ],
        clock=lambda: NOW,
    )


@pytest.fixture
async def ask(simulator: Simulator) -> AsyncIterator[Caller]:
    async with simulator.serving() as url, aiohttp.ClientSession() as session:
        yield Caller(session, url)


async def test_a_page_has_exactly_the_envelope(ask):
    status, page = await ask(pagina="2")
    assert status == 200
    assert list(page) == [
        "data",
        "totalRegistros",
        "totalPaginas",
        "numeroPagina",
        "paginasRestantes",
        "empty",
    ]
    assert [page[name] for name in list(page)[1:]] == [27, 3, 2, 1, False]
    assert len(page["data"]) == 10


@pytest.mark.parametrize(
    ("params", "status", "message"),
    [
        ({"dataInicial": None}, 400, "dataInicial"),
        ({"dataFinal": None}, 400, "dataFinal"),
        ({"codigoModalidadeContratacao": None}, 400, "codigoModalidadeContratacao"),
        ({"codigoModalidadeContratacao": "6,8"}, 400, "codigoModalidadeContratacao"),
        ({"pagina": None}, 400, "pagina"),
        ({"pagina": "0"}, 400, "Página"),
        ({"pagina": "-1"}, 400, "Página"),
        ({"pagina": "x"}, 400, "pagina"),
        ({"pagina": "9" * 30}, 400, "pagina"),
        ({"tamanhoPagina": "9"}, 400, "Tamanho de página inválido"),
        ({"tamanhoPagina": "51"}, 400, "Tamanho de página inválido"),
        ({"tamanhoPagina": "500"}, 400, "Tamanho de página inválido"),
        ({"pagina": "4"}, 400, "Página"),
        ({"dataInicial": "2026-11-18"}, 422, "Data Inicial inválida"),
        ({"dataInicial": "20261318"}, 422, "Data Inicial inválida"),
        ({"dataFinal": "18/11/2026"}, 422, "Data Final inválida"),
        (
            {"dataInicial": "20261119"},
            422,
            "Data Inicial deve ser anterior ou igual à Data Final",
        ),
        ({"dataInicial": "20251117"}, 422, "Período inicial e final maior que 365 dias."),
    ],
)
async def test_a_bad_parameter_is_refused_in_the_sources_words(ask, params, status, message):
    answered, problem = await ask(**params)
    assert answered == status
    assert message in problem["message"]
    assert set(problem) == {"message", "path", "timestamp", "status", "error"}
    assert all(isinstance(value, str) for value in problem.values())


async def test_a_year_and_nothing_are_fine(ask):
    assert (await ask(dataInicial="20251118"))[0] == 200
    assert await ask(uf="AC") == (204, None)
    assert await ask(codigoModalidadeContratacao="19") == (204, None)


async def test_it_narrows_by_uf_municipality_body_and_unit(ask):
    assert (await ask(uf="SP"))[1]["totalRegistros"] == 1
    assert (await ask(codigoMunicipioIbge="3106200"))[1]["totalRegistros"] == 27
    assert await ask(cnpj="9" * 14) == (204, None)
    assert (await ask(codigoUnidadeAdministrativa="1"))[1]["totalRegistros"] == 27


async def test_open_notices_have_their_deadline_ahead_and_need_no_modality(ask):
    status, page = await ask("proposta", tamanhoPagina="50")
    assert (status, page["totalRegistros"]) == (200, 26)
    assert all(entry["dataEncerramentoProposta"] >= "2026-11-24" for entry in page["data"])
    assert await ask("proposta", dataFinal="20261130") == (204, None)
    assert await ask("proposta", codigoModalidadeContratacao="8") == (204, None)


async def test_the_list_of_updates_goes_by_the_global_date(ask):
    assert await ask("atualizacao") == (204, None)
    day = "20261119"
    assert (await ask("atualizacao", dataInicial=day, dataFinal=day))[1]["totalRegistros"] == 27


async def test_one_purchase_has_more_fields_and_an_unknown_one_is_404(ask):
    status, found = await ask.get(f"/v1/orgaos/{'3' * 14}/compras/2026/1")
    assert status == 200
    assert (found["orcamentoSigilosoCodigo"], found["existeResultado"]) == (3, False)
    status, problem = await ask.get(f"/v1/orgaos/{'3' * 14}/compras/2026/2")
    assert (status, problem["error"]) == (404, "404 NOT_FOUND")
    assert (await ask.get(f"/v1/orgaos/{'3' * 14}/compras/2026/x"))[0] == 400
    assert (await ask.get("/v1/nada"))[0] == 404


async def test_it_answers_under_the_real_prefix_too(ask):
    ask.base_url += "/api/consulta"
    assert (await ask())[0] == 200


def official_document() -> Any:
    path = SHARED / "openapi.json"
    if not path.exists():
        pytest.skip("the official OpenAPI (shared/pncp) is not beside the repository")
    return orjson.loads(path.read_bytes())


@pytest.mark.parametrize("endpoint", LISTS)
async def test_it_knows_and_requires_the_official_parameters(ask, endpoint):
    path = f"/v1/contratacoes/{endpoint}"
    declared = official_document()["paths"][path]["get"]["parameters"]
    good = {
        "dataInicial": "20261118",
        "dataFinal": "20271118" if endpoint == "proposta" else "20261119",
        "codigoModalidadeContratacao": "6",
        "pagina": "1",
        "tamanhoPagina": "10",
    }
    required = {entry["name"] for entry in declared if entry["required"]}
    known = {entry["name"] for entry in declared}
    for name in required:
        rest = {key: value for key, value in good.items() if key in required and key != name}
        assert (await ask.get(path, **rest))[0] == 400
    assert (await ask.get(path, **{name: good[name] for name in required}))[0] == 200
    assert known <= {*good, *FILTERS, "uf", "idUsuario"}
    sizes = next(entry for entry in declared if entry["name"] == "tamanhoPagina")["schema"]
    assert (sizes["minimum"], sizes["maximum"]) == (SMALLEST_PAGE, LARGEST_PAGE)


async def test_only_get_is_known(ask):
    async with ask.session.post(f"{ask.base_url}/v1/contratacoes/publicacao") as response:
        assert response.status == 405


async def test_the_generated_set_is_narrowed_too():
    simulator = Simulator(Sample(1), clock=lambda: NOW)
    async with simulator.serving() as url, aiohttp.ClientSession() as session:
        ask = Caller(session, url)
        _, whole = await ask(uf="SP", tamanhoPagina="50")
        _, part = await ask(uf="SP", tamanhoPagina="50", codigoMunicipioIbge="3550308")
    assert 0 < part["totalRegistros"] < whole["totalRegistros"]
    assert {entry["unidadeOrgao"]["codigoIbge"] for entry in part["data"]} == {"3550308"}


async def test_its_answers_hold_to_the_official_schema():
    document = official_document()
    # The document forgets that fields may be null, and calls the situation a text: in all real
    # records it is a number (source README, section 4).
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        for name, field in schema.get("properties", {}).items():
            if "$ref" in field:
                schema["properties"][name] = {"anyOf": [field, {"type": "null"}]}
            elif field.get("type") not in ("array", "boolean"):
                field["type"] = [field["type"], "null"]
            if name == "situacaoCompraId":
                field.update(type="integer", enum=[1, 2, 3, 4])
    calm = Simulator(Sample(1), clock=lambda: NOW)
    async with calm.serving() as url, aiohttp.ClientSession() as session:
        ask = Caller(session, url)
        seen = 0
        for modality in (1, 4, 6, 8, 9, 12):
            for path in ("publicacao", "atualizacao", "proposta"):
                code = str(modality)
                status, body = await ask(path, codigoModalidadeContratacao=code)
                if status == 204:
                    continue
                assert status == 200
                _validate(document, "PaginaRetornoRecuperarCompraPublicacaoDTO", body)
                seen += len(body["data"])
                entry = body["data"][0]
                cnpj, sequence, year = re.split("-1-|/", entry["numeroControlePNCP"])
                status, one = await ask.get(f"/v1/orgaos/{cnpj}/compras/{year}/{int(sequence)}")
                assert status == 200
                assert one["numeroControlePNCP"] == entry["numeroControlePNCP"]
                _validate(document, "RecuperarCompraDTO", one)
        assert seen > 100
        _, problem = await ask(pagina="0")
        _validate(document, "RespostaErroValidacaoDTO", problem)


def _validate(document: dict[str, Any], name: str, body: Any) -> None:
    known = {"data", *document["components"]["schemas"][name]["properties"]}
    # Seen in real records, younger than the document.
    assert set(body) <= known | {"emendaParlamentar", "dataAtualizacaoGlobal"}
    reference = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    Draft202012Validator(reference).validate(body)


async def test_too_many_requests_get_a_429_in_html():
    simulator = Simulator(records(1), rate_per_minute=30)
    async with simulator.serving() as url, aiohttp.ClientSession() as session:
        answers = []
        for _ in range(12):
            async with session.get(
                f"{url}/v1/contratacoes/publicacao", params=PUBLICATION
            ) as response:
                answers.append((response.status, response.content_type))
                text, headers = await response.text(), response.headers
    assert answers == [(200, "application/json")] * 10 + [(429, "text/html")] * 2
    assert "<title>Limite de Requisições Excedido</title>" in text
    assert int(headers["Retry-After"]) == 2


async def test_it_logs_every_request_from_its_arrival_on(ask, simulator):
    await ask()
    await ask(uf="AC")
    first, second = simulator.requests
    assert (first.path, first.status) == ("/v1/contratacoes/publicacao", 200)
    assert (second.params["uf"], second.status) == ("AC", 204)
    assert second.at >= first.at


async def test_its_clock_decides_what_is_open(ask, simulator):
    simulator.clock = lambda: datetime(2026, 12, 1, 12, 30, 1, tzinfo=UTC)
    assert await ask("proposta") == (204, None)


async def test_a_demonstration_says_why_its_simulator_does_not_start(monkeypatch):
    @asynccontextmanager
    async def serving(self):
        raise OSError(24, "Too many open files")
        yield

    monkeypatch.setattr(Simulator, "serving", serving)
    with pytest.raises(OSError, match="Too many open files"):
        async with simulated():
            pass

"""The form and the history: what was asked is kept, what is wrong stands at its field."""

import io
import re
import time
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from channels.db import database_sync_to_async
from django.conf import LazySettings

from searches.domain.brazil import BRASILIA
from searches.domain.lifecycle import Status
from searches.models import Search
from searches.owners import Owner
from searches.reports import write_report
from tests.integration.conftest import create, record
from tests.integration.pages_support import browser, foods, get, outdate, page, words

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_problem_stands_at_its_field():
    answer = browser().post(
        "/buscas/",
        {"o_que": "setor", "data_inicial": "2026-99-01", "valor_minimo": "<b>", "municipios": "1"},
    )
    assert answer.status_code == 422
    html = answer.content.decode()
    for name in ("ufs", "setor_id", "data_inicial", "valor_minimo", "municipios"):
        assert f'id="erro-{name}"' in html, name
        assert re.search(rf'aria-describedby="[^"]*erro-{name}', html), name
        assert f'href="#campo-{name}"' in html, name
        assert f'id="campo-{name}"' in html, name
    assert 'value="&lt;b&gt;"' in html
    assert "Mais filtros" in html
    assert '<details class="more" data-more open>' in html


def test_the_summary_tells_every_problem_and_names_fields_as_their_labels_do():
    fields = {
        "o_que": "setor", "ufs": ["SP"], "setor_id": "alimentos", "municipios": "Xpto, 3599999",
        "data_inicial": "2026-99-01", "data_final": "x", "exclusion_terms": "-a",
        "valor_minimo": "y",
    }  # fmt: skip
    html = browser().post("/buscas/", fields).content.decode()
    summary = re.findall(r'<section class="error-summary".*?</section>', html, re.DOTALL)[0]
    told = dict(re.findall(r'<li><a href="#campo-(\w+)">.*?</a>: (.*?)</li>', summary))
    names = dict(re.findall(r'<li><a href="#campo-(\w+)">(.*?)</a>', summary))
    assert set(names) == set(fields) - {"o_que", "ufs", "setor_id"}
    for field, name in names.items():
        (label,) = re.findall(rf'<label for="campo-{field}">(.*?)</label>', html)
        assert label == name or label.startswith(f"{name} (")
        assert told[field] == re.findall(rf'id="erro-{field}">(.*?)</p>', html)[0]
    assert "“Xpto” não é" in told["municipios"]
    assert "“3599999” não é o código" in told["municipios"]


def test_the_form_says_what_no_modality_means_and_reads_as_a_sentence():
    html = page("/")
    assert "Nenhuma marcada: as quatro usuais, concorrência e pregão, eletrônicos e " in html
    assert re.search(r'<span class="when-publicacao">publicadas</span>', html)
    assert re.search(r'<span class="when-abertas">que estão</span>', html)


async def test_municipalities_are_asked_for_by_name(simulate, run):
    await simulate([record(1), record(2, ibge="3304557", uf="RJ")])
    await run(ufs=["SP", "RJ"])  # from now on two have another name besides IBGE's

    def asked(written, *ufs):
        client = browser()
        fields = {"o_que": "setor", "setor_id": "alimentos", "municipios": written, "ufs": ufs}
        answer = client.post("/buscas/", fields)
        if answer.status_code != 303:
            return words(answer.content.decode())
        query = Search.objects.latest("created_at").query
        seen = client.get("/").content.decode()
        return query["municipios"], re.findall(r'name="municipios".*value="([^"]*)"', seen)

    ask_by_name = database_sync_to_async(asked)
    assert await ask_by_name("teste", "SP") == (["3550308"], ["São Paulo/SP"])
    assert await ask_by_name("TÉSTE - rj", "SP", "RJ") == (["3304557"], ["Rio de Janeiro/RJ"])
    assert await ask_by_name("Teste, 3509502", "SP", "RJ") == (
        ["3304557", "3550308", "3509502"],
        ["Rio de Janeiro/RJ, São Paulo/SP, Campinas/SP"],
    )
    assert await ask_by_name("mogi-mirim", "SP") == (["3530805"], ["Mogi Mirim/SP"])
    # Five states have one; of a name alone those of the asked states are meant.
    assert await ask_by_name("Bom Jesus", "PI", "RS") == (
        ["2201903", "4302303"],
        ["Bom Jesus/PI, Bom Jesus/RS"],
    )
    assert "“Xpto” não é um município que conhecemos" in await ask_by_name("Xpto", "SP")
    search = await run(municipios=["3550308"])
    assert "município São Paulo/SP" in words(await get(f"/buscas/{search.pk}/"))


@pytest.mark.parametrize(
    ("written", "ufs", "said", "kept"),
    [
        (
            "Curitiba/PR", ["SP"], "Curitiba fica no Paraná, que não está entre os estados "
            "escolhidos.", "Curitiba/PR",
        ),
        (
            "santo antonio", ["SP", "PR"], "Santo Antônio fica no Rio Grande do Norte, que não "
            "está entre os estados escolhidos.", "santo antonio",
        ),
        (
            "4106902", ["SP"], "Curitiba fica no Paraná, que não está entre os estados "
            "escolhidos.", "Curitiba/PR",
        ),
        (
            "Boa Vista, Sorocaba", ["SP"], "Boa Vista fica na Paraíba e em Roraima, que não estão "
            "entre os estados escolhidos.", "Boa Vista, Sorocaba/SP",
        ),
        (
            "Curitiba/SP", ["SP", "PR"], "“Curitiba/SP” não é um município que conhecemos: "
            "confira o nome, ou escreva o código IBGE, de 7 dígitos.", "Curitiba/SP",
        ),
        (
            "3599999", ["SP"], "“3599999” não é o código IBGE de um município que conhecemos: "
            "confira-o, ou escreva o nome.", "3599999",
        ),
    ],
)  # fmt: skip
def test_a_municipality_that_would_find_nothing_is_refused_at_its_field(written, ufs, said, kept):
    fields = {"o_que": "setor", "setor_id": "alimentos", "municipios": written, "ufs": ufs}
    answer = browser().post("/buscas/", fields)
    assert answer.status_code == 422
    html = answer.content.decode()
    assert re.findall(r'id="erro-municipios">(.*?)</p>', html) == [said]
    assert re.findall(r'name="municipios".*value="([^"]*)"', html) == [kept]
    assert not Search.objects.exists()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("municipios", f"a{'-' * 19_000}."),
        ("municipios", "a" * 19_000),
        ("municipios", "x," * 9_000),
        ("municipios", "x," * 400_000),
        ("exclusion_terms", "“" * 19_000),
        ("exclusion_terms", '"“a,' * 4_000),
        ("orgaos", "ç;" * 300_000),
        ("valor_minimo", "1" * 900_000),
        ("valor_maximo", "1.111" * 150_000),
    ],
)
def test_a_huge_text_is_refused_at_once(name, written):
    """One request must not hold up those of all: what grows with the square took minutes here."""
    fields = {"o_que": "setor", "setor_id": "alimentos", "ufs": ["SP"], name: written}
    client = browser()
    client.get("/")  # what is read once is read
    began = time.perf_counter()
    answer = client.post("/buscas/", fields)
    assert time.perf_counter() - began < 1
    assert answer.status_code == 422
    (said,) = re.findall(rf'id="erro-{name}">(.*?)</p>', answer.content.decode())
    assert len(said) < 200
    assert not Search.objects.exists()


def test_the_api_takes_the_codes_of_any_municipality(monkeypatch):
    monkeypatch.setattr("searches.runner.start", lambda search: None)
    body = {"ufs": ["SP"], "setor_id": "alimentos", "municipios": ["4106902", "3599999"]}
    answer = browser().post("/api/buscar", body, content_type="application/json")
    assert answer.status_code == 202


def test_the_form_keeps_what_was_typed():
    html = (
        browser()
        .post(
            "/buscas/",
            {
                "o_que": "termos",
                "termos_busca": "arroz, feijão",
                "ufs": ["SP"],
                "valor_minimo": "1.234,50",
                "valor_maximo": "1",
                "modo_busca": "abertas",
                "orgaos": "saúde; educação",
            },
        )
        .content.decode()
    )
    assert 'value="arroz, feijão"' in html
    assert 'value="1.234,50"' in html
    assert 'value="saúde, educação"' in html
    assert re.search(r'value="SP"[^>]*checked', html)
    assert re.search(r'value="abertas"[^>]*checked', html)
    assert "O valor máximo deve ser maior ou igual ao mínimo." in html


async def test_what_can_be_asked_no_more_is_shown_in_the_form_with_what_is_wrong():
    search = await create(ufs=["SP", "RJ"])
    await outdate(search)
    client = await database_sync_to_async(browser)()
    answer = await database_sync_to_async(client.post)(f"/buscas/{search.pk}/repetir/")
    assert answer.status_code == 422
    html = answer.content.decode()
    assert 'href="#campo-setor_id"' in html
    assert re.search(r'value="RJ"[^>]*checked', html)
    assert await database_sync_to_async(Search.objects.count)() == 1


async def test_what_was_not_read_is_asked_again_alone_and_as_it_was_asked(
    simulate, run, monkeypatch
):
    monkeypatch.setattr("searches.runner.start", lambda search: None)
    campinas, belo_horizonte = "3509502", "3106200"
    found = [record(n, ibge=campinas) for n in (1, 2)]
    await simulate([*found, record(3, uf="MG", ibge=belo_horizonte)], faults="down:uf=MG")
    client, stranger = [await database_sync_to_async(browser)(key) for key in ("alice", "bob")]
    post = database_sync_to_async(client.post)
    asked = {
        "ufs": ["SP", "MG"], "exclusion_terms": ["leite, em pó"], "orgaos": ["saúde, educação"],
        "client": {"attempts": 1},
    }  # fmt: skip

    async def again(search):
        html = await get(f"/buscas/{search.pk}/", client=client)
        action, hidden = re.search(
            r'<form method="post" action="([^"]*)">([^/]*)<button[^>]*>Repetir só em', html
        ).groups()
        assert "Repetir só em Minas Gerais" in words(html)
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', hidden))
        outcome = await database_sync_to_async(stranger.post)(action, fields)
        assert outcome.status_code == 404
        outcome = await post(action, fields)
        assert outcome.status_code == 303
        part = await database_sync_to_async(Search.objects.latest)("created_at")
        return {name: value for name, value in part.query.items() if value != search.query[name]}

    search = await run(**asked)
    assert search.status == Status.PARTIAL
    assert await again(search) == {"ufs": ["MG"]}
    both = await run(**asked, municipios=[campinas, belo_horizonte])
    assert await again(both) == {"ufs": ["MG"], "municipios": [belo_horizonte]}
    # Nothing that was asked for can be missing there: all that is read of it is of no use.
    html = await get(f"/buscas/{(await run(**asked, municipios=[campinas])).pk}/", client=client)
    assert "Minas Gerais não foi lida" in words(html)
    assert "Repetir só" not in html
    assert not re.findall(r'value="MG"[^>]*checked', await get("/", client=client))


async def test_the_form_of_a_strangers_search_is_the_empty_one():
    theirs = await create(
        Owner(visitor="bob"),
        ufs=["AC"],
        setor_id=None,
        termos_busca="zarabatana",
        orgaos=["submarinhos"],
    )
    bobs = await database_sync_to_async(browser)("bob")
    assert 'value="zarabatana"' in await get(f"/?de={theirs.pk}", client=bobs)
    for path in (
        f"/?de={theirs.pk}",
        f"/?de={theirs.pk}&termos=quepes",
        f"/?de={uuid4()}",
        "/?de=x",
    ):
        html = await get(path)
        assert re.findall(r'name="ufs" value="\w\w"[^>]*checked', html) == [], path
        assert not {"zarabatana", "quepes", "submarinhos"} & set(re.findall(r"\w+", html)), path


async def test_the_history_lists_the_owners_searches_alone(simulate, run):
    await simulate(foods(3))
    mine = await run()
    await run(Owner(visitor="bob"))
    html = await get("/buscas/")
    assert words(html).count("Licitações de alimentos e bebidas em São Paulo") >= 1
    assert "1 busca." in words(html)
    assert f"/buscas/{mine.pk}/excel/" in html
    empty = await get("/buscas/", client=await database_sync_to_async(browser)("carol"))
    assert "Nenhuma busca feita neste navegador" in empty


async def test_what_can_be_asked_no_more_is_still_read(simulate, run):
    await simulate(foods(3))
    good = await run()
    old = await outdate(await run())
    assert old.status == Status.COMPLETE
    history = await get("/buscas/")
    assert "Licitações de setor-que-acabou em São Paulo" in words(history)
    assert f"/buscas/{good.pk}/" in history
    seen = words(await get(f"/buscas/{old.pk}/"))
    assert "Licitações de setor-que-acabou em São Paulo" in seen
    assert "Pregão - Eletrônico e modalidade 99" in seen
    assert "esfera x" in seen
    assert "3 licitações" in seen
    # The form takes it in too, for what is wrong to be changed.
    assert re.search(r'value="SP"[^>]*checked', await get(f"/?de={old.pk}"))
    file = io.BytesIO()
    written = await database_sync_to_async(write_report)(old, file, now=datetime.now(BRASILIA))
    assert written == 3


async def test_a_question_of_many_words_stays_readable():
    search = await create(setor_id=None, termos_busca=", ".join(f"termo {n}" for n in range(40)))
    heading = words(re.findall(r"<h1>.*?</h1>", await get(f"/buscas/{search.pk}/"), re.DOTALL)[0])
    assert heading == (
        "Licitações de “termo 0”, “termo 1”, “termo 2”, “termo 3” ou outros 36 em São Paulo"
    )


async def test_the_form_keeps_the_period_of_the_question(simulate, run):
    await simulate(foods(1))
    client = await database_sync_to_async(browser)()

    async def days(path):
        html = await get(path, client=client)
        return re.findall(r'name="data_(?:inicial|final)" value="([^"]*)"', html)

    past = await run(data_inicial="2026-08-01", data_final="2026-08-10")
    assert await days(f"/?de={past.pk}") == ["2026-08-01", "2026-08-10"]
    # Up to the day of asking: the same span, up to today.
    update = database_sync_to_async(Search.objects.filter(pk=past.pk).update)
    await update(created_at=datetime(2026, 8, 10, 12, tzinfo=BRASILIA))
    today = datetime.now(BRASILIA).date()
    assert await days(f"/?de={past.pk}") == [
        (today - timedelta(days=9)).isoformat(),
        today.isoformat(),
    ]
    fields = {
        "o_que": "setor", "setor_id": "alimentos", "ufs": ["SP"],
        "data_inicial": "2026-07-01", "data_final": "2026-07-31",
    }  # fmt: skip
    post = database_sync_to_async(client.post)
    assert (await post("/buscas/", fields)).status_code == 303
    assert await days("/") == ["2026-07-01", "2026-07-31"]


def test_too_many_searches_say_when_to_come_back(settings: LazySettings, monkeypatch):
    settings.BIDIQ_SEARCHES_PER_MINUTE = 1
    from searches import runner

    monkeypatch.setattr(runner, "start", lambda search: None)
    client = browser()
    asked = {"o_que": "setor", "setor_id": "alimentos", "ufs": ["SP"]}
    assert client.post("/buscas/", asked).status_code == 303
    answer = client.post("/buscas/", asked)
    assert answer.status_code == 429
    assert int(answer["Retry-After"]) <= 60
    assert "A próxima pode começar em" in answer.content.decode()

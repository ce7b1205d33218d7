"""What a list that was read whole says: how old it is, and what it has no more."""

import pytest
from django.test import AsyncClient

from searches.domain.brazil import UNITS
from searches.domain.lifecycle import Status
from searches.models import Coverage
from searches.owners import Owner
from searches.pncp.faults import Faults
from searches.pncp.payload import parse_notice
from searches.pncp.simulator_records import FileRecords
from searches.services import notices
from tests.integration.conftest import NOW, record
from tests.integration.pipeline_support import FOOD, grow_old, sync

pytestmark = pytest.mark.django_db(transaction=True)

UFS = [unit.code for unit in UNITS]
REVOKED = {"situacaoCompraId": 2, "situacaoCompraNome": "Revogada"}


def changed(entry, when, **changes):
    return entry | changes | {"dataAtualizacaoGlobal": f"{when:%Y-%m-%dT%H:%M:%S}"}


def pages_since(simulator, count):
    return sorted(int(seen.params["pagina"]) for seen in list(simulator.requests)[count:])


async def test_a_day_that_is_not_over_is_read_whole_again_although_its_total_stands(
    simulate, run, at
):
    today = [record(n, day="2026-08-20") for n in range(1, 121)]
    simulator = await simulate(today)
    question = {
        "modalidades": [6],
        "status": "recebendo_proposta",
        "data_inicial": "2026-08-20",
    }
    assert (await run(**question)).total_kept == 120
    *others, last = today
    simulator.records = FileRecords([*others, changed(last, NOW, **REVOKED)])
    asked = len(simulator.requests)
    at(minutes=12)
    search = await run(**question)
    assert (search.total_kept, search.rejections["status"]) == (119, 1)
    assert pages_since(simulator, asked) == [1, 2, 3]


async def test_a_list_is_as_old_as_the_oldest_of_its_pages(simulate, run, at):
    """A change between the readings of two pages is none that is known."""
    simulator = await simulate(
        [record(n, day="2026-08-20") for n in range(1, 121)], faults="truncate:page=3"
    )
    assert (await run(modalidades=[6])).status == Status.PARTIAL
    simulator.faults.faults.clear()
    at(minutes=9)
    asked = len(simulator.requests)
    assert (await run(modalidades=[6])).status == Status.COMPLETE
    assert pages_since(simulator, asked) == [3]
    ages = await sync(lambda: set(Coverage.objects.values_list("fetched_at", flat=True)))
    assert ages == {NOW}


async def test_what_the_list_of_a_day_has_no_more_is_not_found(simulate, run):
    async def found():
        search = await run(modalidades=[6], data_inicial="2026-08-19", data_final="2026-08-19")
        assert search.status == Status.COMPLETE
        assert search.coverage["SP"]["lidas"] == search.total_raw == search.total_kept
        listed = await sync(lambda: set(search.matches.values_list("notice__object", flat=True)))
        return sorted(text[-1] for text in listed)

    one, two, three = [record(n, object=f"{FOOD} {n}") for n in (1, 2, 3)]
    simulator = await simulate([one, two, three])
    assert await found() == ["1", "2", "3"]
    simulator.records = FileRecords([one, changed(two, NOW, modalidadeId=8)])
    assert await found() == ["1", "2", "3"]  # nothing is missing of the day, it was read
    await grow_old(days=5)
    assert await found() == ["1"]
    simulator.records = FileRecords([])
    await grow_old(days=5)
    assert await found() == ["1"]  # an empty answer is no proof
    simulator.records = FileRecords([one, two, three])  # as they were, and no newer
    await grow_old(days=5)
    assert await found() == ["1", "2", "3"]


@pytest.mark.parametrize(
    "question",
    [
        {"data_inicial": "2026-08-19", "data_final": "2026-08-19"},
        {"modo_busca": "abertas", "data_inicial": None, "data_final": None},
    ],
)
@pytest.mark.parametrize(
    ("copy_at", "total"),
    [
        (49, 50),  # on the page of the first: the source lists it twice
        (50, 51),  # on the next page: in the place of something that moved, perhaps
    ],
)
async def test_copies_are_no_proof_that_something_has_left_a_list(
    simulate, run, at, question, copy_at, total
):
    records = [record(n) for n in range(1, 52)]
    simulator = await simulate(records)
    assert (await run(modalidades=[6], **question)).total_raw == 51
    simulator.records = FileRecords([*records[:copy_at], records[0], *records[copy_at:50]])
    await grow_old(days=5)
    at(minutes=15)
    search = await run(modalidades=[6], **question)
    assert (search.status, search.total_raw) == (Status.COMPLETE, total)


@pytest.mark.parametrize(
    ("ufs", "fault"), [(UFS, ""), (["SP"], "500:page=2;times=1")], ids=["country", "second round"]
)
async def test_what_has_left_a_list_is_known_however_it_was_read(simulate, run, ufs, fault):
    """The first page of the country's list is looked at before it is read, a page that failed comes
    in a second round: what stood on the others is in the ledger."""
    question = {"ufs": ufs, "data_inicial": "2026-08-19", "data_final": "2026-08-19"}
    question |= {"modalidades": [7]}
    records = [record(n, uf=ufs[n % len(ufs)], modality=7, day="2026-08-19") for n in range(1, 121)]
    simulator = await simulate(records)
    assert (await run(**question)).total_raw == 120
    simulator.records = FileRecords(records[1:])
    simulator.faults = Faults.read(fault)
    await grow_old(days=5)
    asked = len(simulator.requests)
    search = await run(**question, client={"attempts": 1})
    assert search.status == Status.COMPLETE
    assert (search.total_raw, sum(row["lidas"] for row in search.coverage.values())) == (119, 119)
    assert pages_since(simulator, asked) == sorted([1, 2, 3, *([2] if fault else [])])


async def test_the_part_of_a_list_that_was_read_again_says_nothing_of_its_older_days(
    simulate, run, at
):
    older = [record(n, day="2026-08-10") for n in range(1, 121)]
    simulator = await simulate([*older, record(121, day="2026-08-20")])
    open_now = {"modo_busca": "abertas", "data_inicial": None, "data_final": None}
    assert (await run(modalidades=[6], **open_now)).total_raw == 121  # so they are in the store
    at(minutes=25)
    simulator.faults = Faults.read("drift:path=publicacao")
    asked = len(simulator.requests)
    search = await run(modalidades=[6])
    assert pages_since(simulator, asked) == [1, 1, 2, 3]
    assert (search.status, search.total_raw) == (Status.COMPLETE, 121)


async def test_what_changed_since_the_search_is_said(simulate, run, alice):
    """Its figures and its file are of its own time, the notices of now."""
    first, second = record(1), record(2)
    await simulate([first, second])
    search = await run(Owner(user_id=alice.pk))
    later = parse_notice(changed(first, NOW, valorTotalEstimado=7), asked_uf=None)
    await sync(lambda: notices.upsert(search.source_id, [later]))
    client = AsyncClient()
    await client.aforce_login(alice)
    listed = (await client.get(f"/api/buscar/{search.pk}")).json()["licitacoes"]
    assert {each["valor_estimado"]: each["alterada_depois"] for each in listed} == {
        "7.0000": True,
        "1000.5000": False,
    }
    page = (await client.get(f"/buscas/{search.pk}/")).content.decode()
    assert page.count("Mudou no PNCP depois desta busca.") == 1


async def test_what_was_read_of_each_uf_adds_up(simulate, run):
    """An older copy of a notice stands in the list of another UF."""
    older = record(1, uf="RR", day="2026-08-10")
    newer = changed(record(1, uf="RO", day="2026-08-19"), NOW)
    await simulate([older, newer, record(2, uf="RR"), record(3, uf="RO")])
    search = await run(ufs=["RO", "RR"], modalidades=[6])
    rows = search.coverage
    assert {uf: rows[uf]["lidas"] for uf in rows} == {"RO": 2, "RR": 1}
    assert sum(row["lidas"] for row in rows.values()) == search.total_raw == 3

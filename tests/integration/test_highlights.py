"""What to look at first: chosen at the end of a search, told as it is when it is looked at."""

import re
from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.utils import timezone

from searches.models import Notice
from tests.integration.conftest import record
from tests.integration.pages_support import get, words

pytestmark = pytest.mark.django_db(transaction=True)


async def test_they_are_told_as_they_are_now(simulate, run):
    now = timezone.now()
    closes = [now + timedelta(days=10 + number) for number in range(7)]
    await simulate(
        [
            record(
                n,
                object=f"Aquisição de gêneros alimentícios {n}",
                dataEncerramentoProposta=f"{at:%Y-%m-%dT12:00:00}",
                valorTotalEstimado=1000 * n,
            )
            for n, at in enumerate(closes, 1)
        ]
    )
    search = await run()

    async def shown() -> list[str]:
        html = await get(f"/buscas/{search.pk}/")
        (section,) = re.findall(r'<section class="highlights".*?</section>', html, re.DOTALL)
        return [words(each) for each in re.findall(r"<li>.*?</li>", section, re.DOTALL)]

    before = await shown()
    assert [re.findall(r"alimentícios (\d)", each) for each in before] == [
        [str(n)] for n in (7, 6, 5, 4, 3)
    ]
    assert "R$ 6.000,00" in before[1]

    async def change(number: int, **columns) -> None:
        row = Notice.objects.filter(object__endswith=f" {number}")
        assert await database_sync_to_async(row.update)(**columns) == 1

    await change(7, situation=2, situation_name="Revogada")
    await change(6, closes_at=now + timedelta(days=40), value=123)
    await change(5, closes_at=now - timedelta(days=1))
    after = await shown()
    assert [re.findall(r"alimentícios (\d)", each) for each in after] == [["6"], ["4"], ["3"]]
    assert "encerra em 40 dias" in after[0]
    assert "R$ 123,00" in after[0]
    assert after[1:] == before[3:]

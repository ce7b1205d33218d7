"""What is kept of a source's address: never its password."""

from importlib import import_module

import pytest
from django.apps import apps

from searches import runner, selectors
from searches.models import Source


@pytest.mark.django_db
def test_a_source_with_another_password_is_the_same_source(settings):
    found = set()
    for credentials in ("", "alice:old@", "alice:new@"):
        settings.PNCP_BASE_URL = f"https://{credentials}pncp.example:8443/api"
        found.add(selectors.source_id())
    assert [source.pk for source in Source.objects.all()] == [*found]
    assert Source.objects.get().base_url == "https://pncp.example:8443/api"


async def test_the_shared_budget_is_of_the_source_without_its_password(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.PNCP_BASE_URL = "https://alice:secret@pncp.example:8443/api"
    async with runner.open_client() as client:
        assert client._limiter._key == "bidiq:limiter:pncp.example:8443"


@pytest.mark.django_db
def test_passwords_that_were_kept_are_forgotten():
    def kept(*urls: str) -> list[str]:
        Source.objects.all().delete()
        sources = [Source.objects.create(base_url=url) for url in urls]
        module = import_module("searches.migrations.0015_sources_without_credentials")
        module.forget_credentials(apps, None)
        found = dict(Source.objects.values_list("pk", "base_url"))
        return [found[source.pk].replace(str(source.pk), "N") for source in sources]

    assert kept("https://a:b@x/api", "demo", "https://y/api") == [
        *("https://x/api", "demo", "https://y/api")
    ]
    assert kept("https://a:old@x", "https://a:new@x") == ["https://x#N", "https://x"]
    assert kept("https://a:b@x", "https://x") == ["https://x#N", "https://x"]

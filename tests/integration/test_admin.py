"""The audit of searches in the admin: in Portuguese, and as people write numbers."""

from decimal import Decimal

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.utils import timezone

from searches import selectors
from searches.models import Notice
from tests.integration.test_pages import words

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_money_has_two_decimals(admin):
    notice = Notice.objects.create(
        source_id=selectors.source_id(),
        control_number="1-1-1/2026",
        object="Merenda",
        modality=6,
        value=Decimal("3271895.3700"),
        published_at=timezone.now(),
        updated_at=timezone.now(),
    )
    for path in ("", f"{notice.pk}/change/"):
        html = admin.get(f"/admin/searches/notice/{path}").content.decode()
        assert "R$ 3.271.895,37" in html
        assert "3.271.895,3700" not in html
    assert "Valor homologado: não informado" in words(html)


@pytest.mark.parametrize("model", ["searchevent", "digest", "coverage", "notice", "search"])
def test_the_columns_have_portuguese_names(admin, model):
    html = admin.get(f"/admin/searches/{model}/").content.decode()
    seen = words(html[html.index('id="content"') :])
    assert not {"Source", "Search", "source", "search"} & set(seen.split()), seen


def test_every_relation_has_a_name():
    for model in apps.get_app_config("searches").get_models():
        for field in model._meta.get_fields():
            if field.is_relation and field.concrete:
                assert field.verbose_name != field.name, field

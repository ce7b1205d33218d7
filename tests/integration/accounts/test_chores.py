"""What the chores delete of accounts and visitors."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone

from searches.models import AddressRequest, LoginAttempt
from searches.upkeep import shared_chores
from tests.integration.saved.conftest import sync

pytestmark = pytest.mark.django_db(transaction=True)


async def test_the_chores_delete_what_is_looked_at_no_more(alice):
    now = timezone.now()

    def fill() -> None:
        for old in (timedelta(), timedelta(days=2)):
            AddressRequest.objects.create(user=alice)
            LoginAttempt.objects.create()
            SessionStore().save()
            latest = AddressRequest.objects.latest("pk").pk
            AddressRequest.objects.filter(pk=latest).update(asked_at=now - old)
            latest = LoginAttempt.objects.latest("pk").pk
            LoginAttempt.objects.filter(pk=latest).update(at=now - old)
        key = Session.objects.values_list("pk", flat=True)[0]
        Session.objects.filter(pk=key).update(expire_date=now - timedelta(days=1))

    await sync(fill)
    for chore in shared_chores():
        await chore.do()
    for model in (AddressRequest, LoginAttempt, Session):
        assert await sync(model.objects.count) == 1, model

"""What a digest meets on its way, besides a mail server that does not take it."""

from typing import ClassVar

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import OperationalError, connection
from django.utils import timezone

from searches import digests
from searches.models import Digest, Search
from searches.owners import Owner
from tests.integration.saved.conftest import sync

pytestmark = pytest.mark.django_db(transaction=True)


async def test_a_fault_of_ours_is_told_as_one_and_holds_no_other_mail_up(
    mailed, daily, bob, caplog
):
    _, broken = await mailed()
    await sync(Search.objects.filter(pk=broken.pk).update, query={})
    await sync(User.objects.filter(pk=bob.pk).update, email="bob@empresa.example")
    await daily(Owner(user_id=bob.pk))
    assert await sync(digests.send_due) == 1
    assert mail.outbox[0].to == ["bob@empresa.example"]
    assert "Traceback" in caplog.text
    assert "the digest could not be sent" not in caplog.text
    left = await sync(Digest.objects.get, search=broken)
    assert (left.state, left.attempts) == ("waiting", 1)
    assert left.next_try_at > timezone.now()
    for _ in range(digests.MOST_ATTEMPTS - 1):
        assert await sync(digests.send_due, now=left.next_try_at) == 0
        await sync(left.refresh_from_db)
    assert left.state == "failed"  # not for ever


async def test_what_was_mended_is_sent(mailed):
    _, broken = await mailed()
    await sync(Search.objects.filter(pk=broken.pk).update, query={})
    assert await sync(digests.send_due) == 0
    await sync(Search.objects.filter(pk=broken.pk).update, query=broken.query)
    left = await sync(Digest.objects.get, search=broken)
    assert await sync(digests.send_due, now=left.next_try_at) == 1


async def test_a_database_that_is_away_uses_no_attempt_up(mailed):
    await mailed()

    def rename(old: str, new: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")

    await sync(rename, "searches_match", "away")
    with pytest.raises(OperationalError):
        await sync(digests.send_due)
    await sync(rename, "away", "searches_match")
    left = await sync(Digest.objects.get)
    assert (left.state, left.attempts) == ("waiting", 0)
    assert await sync(digests.send_due, now=left.next_try_at) == 1


class Waiting(EmailBackend):
    """A mail server; who waits for it has such a connection to the database, or None."""

    kept: ClassVar[list[object]] = []

    def send_messages(self, messages):
        self.kept.append(connection.connection)
        return super().send_messages(messages)


async def test_no_connection_to_the_database_is_kept_while_a_digest_is_sent(mailed, settings):
    await mailed()
    settings.EMAIL_BACKEND = f"{__name__}.Waiting"
    Waiting.kept.clear()
    assert await sync(digests.send_due) == 1
    assert Waiting.kept == [None]

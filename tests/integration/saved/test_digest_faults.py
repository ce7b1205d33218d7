"""What a digest meets on its way, besides a mail server that does not take it."""

from datetime import timedelta
from typing import ClassVar

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import OperationalError, connection
from django.utils import timezone

from searches import askings, digests
from searches.models import Digest, SavedSearch, Search
from searches.owners import Owner
from searches.services import saved as services
from tests.integration.conftest import NOW
from tests.integration.saved.conftest import NO_MAIL, finished, sync

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


@pytest.mark.parametrize(
    ("attempts", "states", "new_in_second"),
    [
        (digests.MOST_ATTEMPTS, ["failed", "sent"], 2),
        (digests.MOST_ATTEMPTS - 1, ["sent", "not_needed"], 0),
    ],
    ids=["given up", "sent at last"],
)
async def test_a_mail_waits_for_the_one_of_the_morning_before(
    mailed, settings, attempts, states, new_in_second
):
    """What that one could not tell is told by the next, and what it told is not."""
    saved, first = await mailed()
    tomorrow = NOW + timedelta(days=1)
    await sync(SavedSearch.objects.filter(pk=saved.pk).update, next_run_at=tomorrow)
    (search_id,) = await sync(services.run_due, now=tomorrow)
    second = await finished(settings, await sync(Search.objects.get, pk=search_id))
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, NO_MAIL
    now = timezone.now()
    for attempt in range(attempts):
        assert (await sync(Digest.objects.get, search=second)).attempts == 0
        await sync(digests.send_due, now=now + attempt * timedelta(hours=4))
    settings.EMAIL_BACKEND = working
    await sync(digests.send_due, now=now + timedelta(days=1))
    await sync(digests.send_due, now=now + timedelta(days=2))
    found = [await sync(Digest.objects.get, search=run) for run in (first, second)]
    assert [digest.state for digest in found] == states
    (message,) = mail.outbox
    assert message.subject == "2 licitações novas: Merenda"
    counts = await sync(askings.new_counts, [first, second])
    assert counts[second.pk] == found[1].new_count == new_in_second

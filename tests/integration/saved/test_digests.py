"""What is new in a saved search goes by mail, to a confirmed address alone."""

import re
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import ClassVar

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.test import Client
from django.utils import timezone

from searches import digests
from searches.domain.lifecycle import Status
from searches.models import Digest, Notice, SavedSearch, Search
from searches.owners import VISITOR_KEY, Owner
from searches.services import saved as services
from searches.upkeep import shared_chores
from tests.integration.conftest import NOW
from tests.integration.pages_support import browser, outdate, words
from tests.integration.saved.conftest import NO_MAIL, finished, login, sync

pytestmark = pytest.mark.django_db(transaction=True)


async def test_the_digest_tells_what_is_new_and_how_to_stop(mailed, settings):
    settings.BIDIQ_PUBLIC_URL = "https://bidiq.example"
    _, search = await mailed()
    assert await sync(digests.send_due) == 1
    (message,) = mail.outbox
    assert message.to == ["alice@empresa.example"]
    assert message.subject == "2 licitações novas: Merenda"
    assert "lote 4" in message.body
    assert "lote 5" in message.body
    assert "R$\N{NO-BREAK SPACE}1.000,50" in message.body
    assert f"https://bidiq.example/buscas/{search.pk}/?novas=1" in message.body
    assert "X-Amz" not in message.body
    html = message.alternatives[0][0]
    for body in (message.body, html):  # names have quotation marks of their own
        assert "porque esta busca está salva na sua conta" in body
    assert "lote 4" in html
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    digest = await sync(Digest.objects.get)
    assert (digest.state, digest.new_count) == ("sent", 2)
    assert await sync(digests.send_due) == 0  # once
    page = await sync(lambda: login(User.objects.get()).get("/salvas/").content.decode())
    assert "e\N{NON-BREAKING HYPHEN}mail enviado em" in page


async def test_the_digest_does_not_offer_what_nobody_can_answer(mailed):
    await mailed()
    until = timezone.now() + timedelta(days=3)
    stopped = Notice.objects.filter(object__endswith="lote 4")
    await sync(stopped.update, situation=2, situation_name="Revogada", closes_at=until)
    await sync(Notice.objects.filter(object__endswith="lote 5").update, portal_url="")
    assert await sync(digests.send_due) == 1
    (message,) = mail.outbox
    assert "não recebe propostas (revogada)" in message.body
    assert "encerra em 3 dias" not in message.body
    html = message.alternatives[0][0]
    assert 'href=""' not in html
    assert "lote 5" in html


async def test_the_digest_of_what_can_be_asked_no_more_is_sent(mailed):
    """It was asked in time, and found what it says."""
    _, search = await mailed()
    await outdate(search)
    assert await sync(digests.send_due) == 1
    assert "setor-que-acabou" in mail.outbox[0].body


async def test_the_stop_link_needs_no_login_and_asks_first(mailed):
    saved, _ = await mailed()
    await sync(digests.send_due)
    link = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>")
    path = link.removeprefix("http://127.0.0.1:8000")
    strict = Client(enforce_csrf_checks=True)  # a mail program posts without a token
    assert "Parar os avisos" in (await sync(strict.get, path)).content.decode()
    await sync(saved.refresh_from_db)
    assert saved.wants_mail  # a program that only looks at links changes nothing
    answer = await sync(strict.post, path, {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    await sync(saved.refresh_from_db)
    assert not saved.wants_mail
    assert (await sync(strict.post, path[:-3] + "x/")).status_code == 404


async def test_the_stop_link_says_how_the_search_stands(mailed):
    saved, _ = await mailed()
    await sync(digests.send_due)
    link = mail.outbox[0].extra_headers["List-Unsubscribe"].strip("<>")
    path = link.removeprefix("http://127.0.0.1:8000")

    async def said(method: str) -> str:
        answer = await sync(getattr(Client(), method), path)
        assert answer.status_code == 200
        return words(answer.content.decode())

    assert "A busca continua salva e repetida todo dia" in await said("get")
    await sync(SavedSearch.objects.update, next_run_at=None)
    assert "A busca continua salva e está pausada" in await said("get")
    for method in ("post", "get"):
        assert "Os avisos desta busca pararam Ela continua salva, e está" in await said(method)
    await sync(saved.delete)
    for method in ("get", "post"):
        text = await said(method)
        assert "Esta busca não está mais salva: nenhum aviso será enviado" in text
        assert "continua salva" not in text


@pytest.mark.parametrize("email", [""])
async def test_no_mail_goes_to_an_address_that_nobody_confirmed(mailed, email):
    await mailed(email)
    assert await sync(digests.send_due) == 0
    assert mail.outbox == []
    assert (await sync(Digest.objects.get)).state == "not_needed"
    page = await sync(lambda: login(User.objects.get()).get("/salvas/").content.decode())
    assert "depois que você confirmar o seu endereço" in page


async def test_a_mail_server_that_is_down_is_tried_again_and_then_named(mailed, settings, caplog):
    await mailed()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nothing listens there
    now = timezone.now()
    for attempt in range(1, digests.MOST_ATTEMPTS + 1):
        now += timedelta(hours=4)
        assert await sync(digests.send_due, now=now) == 0
        digest = await sync(Digest.objects.get)
        assert digest.attempts == attempt
    assert digest.state == "failed"
    assert "alice@" not in caplog.text
    page = await sync(lambda: login(User.objects.get()).get("/salvas/").content.decode())
    assert "não foi possível enviar o e\N{NON-BREAKING HYPHEN}mail" in page


async def test_the_news_of_a_mail_that_could_not_be_sent_goes_with_the_next(mailed, settings):
    """Also what the next run's usual days have no more."""
    saved, failed = await mailed()
    of_the_22nd = failed.query | {"data_final": "2026-08-22"}
    await sync(Search.objects.filter(pk=failed.pk).update, query=of_the_22nd)
    working, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, NO_MAIL
    now = timezone.now()
    for attempt in range(digests.MOST_ATTEMPTS):
        await sync(digests.send_due, now=now + attempt * timedelta(hours=4))
    assert (await sync(Digest.objects.get)).state == "failed"
    settings.EMAIL_BACKEND = working
    day_after_day = NOW
    for count in (2, 0):  # told once
        day_after_day += timedelta(days=7)
        await sync(SavedSearch.objects.update, created_at=NOW, next_run_at=day_after_day)
        (search_id,) = await sync(services.run_due, now=day_after_day)
        search = await finished(settings, await sync(Search.objects.get, pk=search_id))
        assert await sync(digests.send_due) == bool(count)
        assert (await sync(Digest.objects.get, search=search)).new_count == count
    (message,) = mail.outbox
    assert message.subject == "2 licitações novas: Merenda"
    only_new = await sync(lambda: login(User.objects.get()).get(new_page(message)))
    assert only_new.content.decode().count('data-card="') == 2
    assert saved.pk == search.saved_id


def new_page(message: EmailMessage) -> str:
    """Return where the mail leads to."""
    link = re.search(r"http\S+(/buscas/\S+)", str(message.body))
    assert link is not None
    return link[1]


class SlowServer(EmailBackend):
    """A mail server that takes its time; another process looks for mails while it sends."""

    sent_count = 0
    sent_by_others: ClassVar[list[int]] = []

    def send_messages(self, messages):
        if self.sent_count:
            self.sent_by_others.append(digests.send_due())
        SlowServer.sent_count += 1
        return super().send_messages(messages)


async def test_a_long_round_sends_each_mail_once(daily, alice, bob, settings, monkeypatch):
    """Longer than the pause before a second attempt, which is the mail's and not the round's."""
    for user in (alice, bob):
        email = f"{user.username}@empresa.example"
        await sync(User.objects.filter(pk=user.pk).update, email=email)
        await daily(Owner(user_id=user.pk))
    began_at = timezone.now()
    monkeypatch.setattr(
        "django.utils.timezone.now",
        lambda: began_at + 2 * digests.RETRY_AFTER * SlowServer.sent_count,
    )
    settings.EMAIL_BACKEND = f"{__name__}.SlowServer"
    assert await sync(digests.send_due) == 2
    assert SlowServer.sent_by_others == [0]
    assert sorted(message.to[0].partition("@")[0] for message in mail.outbox) == ["alice", "bob"]


class LastWord(EmailBackend):
    """A mail server that takes the mail, at the moment at which the database goes."""

    def send_messages(self, messages):
        count = super().send_messages(messages)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE searches_digest RENAME TO away")
        return count


async def test_a_mail_that_went_while_the_database_did_goes_once(mailed, settings, monkeypatch):
    await mailed()
    pauses: list[float] = []

    def come_back(seconds: float) -> None:
        pauses.append(seconds)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO searches_digest")

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=come_back)
    monkeypatch.setattr("searches.database.time", clock)
    settings.EMAIL_BACKEND = f"{__name__}.LastWord"
    assert await sync(digests.send_due) == 1
    assert len(pauses) == 1
    assert (await sync(Digest.objects.get)).state == "sent"
    assert await sync(digests.send_due, now=timezone.now() + timedelta(hours=1)) == 0
    assert len(mail.outbox) == 1


async def test_an_address_is_kept_once_its_reader_confirms(alice):
    client = await sync(login, alice)
    answer = await sync(client.post, "/contas/email/", {"email": "alice@empresa.example"})
    assert answer.status_code == 302
    assert (await sync(User.objects.get)).email == ""
    link = re.search(r"http://\S+", str(mail.outbox[0].body))
    assert link is not None
    path = link[0].removeprefix("http://127.0.0.1:8000")
    reader = await sync(login, alice)  # in another browser
    assert "Confirmar alice@empresa.example?" in (await sync(reader.get, path)).content.decode()
    assert (await sync(User.objects.get)).email == ""
    assert "E-mail confirmado" in (await sync(reader.post, path)).content.decode()
    assert (await sync(User.objects.get)).email == "alice@empresa.example"
    assert (await sync(reader.get, path[:-3] + "x/")).status_code == 410
    await sync(client.post, "/contas/email/", {"email": ""})
    assert (await sync(User.objects.get)).email == ""


async def test_nobody_is_pestered_with_confirmations(alice):
    client = await sync(login, alice)
    codes = [
        (await sync(client.post, "/contas/email/", {"email": "bob@empresa.example"})).status_code
        for _ in range(4)
    ]
    assert codes == [302, 302, 302, 429]
    assert len(mail.outbox) == 3
    answer = await sync(client.post, "/contas/email/", {"email": "nonsense"})
    assert answer.status_code == 422
    assert "Escreva um endereço de e-mail válido" in answer.content.decode()


async def test_mail_is_only_for_accounts(daily):
    saved, _ = await daily()
    assert not saved.wants_mail
    await sync((await sync(browser)).post, f"/salvas/{saved.pk}/", {"diaria": "on", "email": "on"})
    await sync(saved.refresh_from_db)
    assert not saved.wants_mail


async def test_what_a_visitor_saved_goes_with_the_account(daily, alice):
    saved, _ = await daily()

    def with_both() -> Client:
        client = login(alice)
        session = client.session
        session[VISITOR_KEY] = "alice"
        session.save()
        return client

    client = await sync(with_both)
    await sync(client.post, f"/salvas/{saved.pk}/", {"diaria": "on", "email": "on"})
    await sync(saved.refresh_from_db)
    assert (saved.owner_user_id, saved.wants_mail) == (alice.pk, True)


async def test_what_a_user_saves_is_told_by_mail_until_it_is_switched_off(daily, alice):
    await sync(User.objects.filter(pk=alice.pk).update, email="alice@empresa.example")
    saved, search = await daily(Owner(user_id=alice.pk))
    assert saved.wants_mail
    assert await sync(digests.send_due) == 1
    client = await sync(login, alice)
    page = words(await sync(lambda: client.get("/salvas/").content.decode()))
    assert ", com aviso por e\N{NON-BREAKING HYPHEN}mail." in page
    await sync(client.post, f"/salvas/{saved.pk}/", {"diaria": "on"})
    await sync(client.post, f"/buscas/{search.pk}/salvar/")  # saved already
    await sync(saved.refresh_from_db)
    assert not saved.wants_mail
    page = words(await sync(lambda: client.get("/salvas/").content.decode()))
    assert ", sem aviso por e\N{NON-BREAKING HYPHEN}mail." in page


async def test_what_a_visitor_saved_is_the_accounts_from_the_login_on(daily, alice):
    saved, _ = await daily()

    def log_in() -> Client:
        client = browser()
        data = {"username": "alice", "password": "alice"}
        assert client.post("/contas/entrar/", data).status_code == 302
        return client

    await sync(log_in)
    await sync(saved.refresh_from_db)
    assert (saved.owner_user_id, saved.wants_mail) == (alice.pk, True)
    elsewhere = await sync(login, alice)
    assert "Merenda" in (await sync(elsewhere.get, "/salvas/")).content.decode()
    await sync(services.stop_mail, saved.pk)
    await sync(log_in)
    await sync(saved.refresh_from_db)
    assert not saved.wants_mail  # switched off stays off


async def test_what_an_account_keeps_already_brings_no_second_mail(daily, alice):
    visitors, _ = await daily()
    saved, _ = await daily(Owner(user_id=alice.pk))
    await sync(services.stop_mail, saved.pk)
    await sync(services.adopt, Owner(user_id=alice.pk, visitor="alice"))
    await sync(visitors.refresh_from_db)
    assert (visitors.owner_user_id, visitors.wants_mail) == (alice.pk, False)


async def test_signing_up_brings_along_what_was_saved(daily):
    saved, _ = await daily()
    new = {"username": "carol", "password1": "licitação-2026", "password2": "licitação-2026"}
    answer = await sync(lambda: browser().post("/contas/criar/", new))
    assert answer.status_code == 302
    await sync(saved.refresh_from_db)
    carol = await sync(User.objects.get, username="carol")
    assert (saved.owner_user_id, saved.wants_mail) == (carol.pk, True)


async def test_both_chores_are_among_the_shared_ones(daily, alice):
    """The upkeep itself does it: a run is made, and its mail goes out."""
    saved, _ = await daily()
    await sync(User.objects.filter(pk=alice.pk).update, email="alice@empresa.example")
    await sync(
        SavedSearch.objects.filter(pk=saved.pk).update,
        next_run_at=timezone.now() - timedelta(minutes=1),
        owner_user=alice,
        wants_mail=True,
    )
    for chore in shared_chores():
        await chore.do()
    digest = await sync(Digest.objects.select_related("search").get)
    assert (digest.search.saved_id, digest.search.status) == (saved.pk, Status.QUEUED)

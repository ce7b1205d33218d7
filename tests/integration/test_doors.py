"""Every door of a search: its owner gets in, a stranger and nobody see 404. Sockets included."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from channels.auth import AuthMiddlewareStack
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.sessions.models import Session
from django.test import AsyncClient, Client
from django.utils import timezone

from bidiq.asgi import application
from searches.consumers import GONE
from searches.domain.lifecycle import Status
from searches.domain.progress import Stage, Told
from searches.origins import LoggedOriginValidator
from searches.owners import Owner
from searches.routing import websocket_urlpatterns
from searches.services import events
from searches.services import searches as services
from searches.sessions import RENEWED_KEY
from searches.tokens import create_token
from tests.integration.conftest import create
from tests.integration.pages_support import browser

pytestmark = pytest.mark.django_db(transaction=True)

GET_DOORS = (
    "/buscas/{}/",
    "/buscas/{}/eventos/",
    "/buscas/{}/eventos.json",
    "/buscas/{}/excel/",
    "/api/buscar/{}",
    "/api/buscar-progress/{}",
    "/api/download?id={}",
)
POST_DOORS = ("/buscas/{}/cancelar/", "/buscas/{}/repetir/", "/api/buscar/{}/cancelar")


async def ended_search(owner=None):
    """Return a search with a few events that has ended."""
    search = await create(owner or Owner(visitor="alice"))
    claimed = await database_sync_to_async(services.claim)(search.pk, worker="w")
    await database_sync_to_async(events.record)(
        search.pk, [Told(Stage.CONNECTING), Told(Stage.FETCHING, 0.5)], attempt=claimed.attempt
    )
    await database_sync_to_async(services.finish)(
        search.pk,
        Status.COMPLETE,
        Told(Stage.COMPLETE, status=Status.COMPLETE),
        attempt=claimed.attempt,
    )
    return search


def cookie_of(client: Client) -> tuple[bytes, bytes]:
    return (b"cookie", f"sessionid={client.cookies['sessionid'].value}".encode())


def socket(path: str, *headers: tuple[bytes, bytes], origin: bytes | None = b"http://localhost"):
    sent = [*headers, *([(b"origin", origin)] if origin else [])]
    return WebsocketCommunicator(application, path, headers=sent)


@pytest.mark.parametrize("door", GET_DOORS)
async def test_a_strangers_search_is_404_at_every_door(door):
    search = await ended_search()
    for client in (Client(), await database_sync_to_async(browser)("bob")):
        answer = await database_sync_to_async(client.get)(door.format(search.pk))
        missing = await database_sync_to_async(client.get)(door.format(uuid4()))
        assert (answer.status_code, missing.status_code) == (404, 404)


@pytest.mark.parametrize("door", POST_DOORS)
async def test_a_stranger_cannot_act_on_a_search(door):
    search = await ended_search()
    for client in (Client(), await database_sync_to_async(browser)("bob")):
        answer = await database_sync_to_async(client.post)(door.format(search.pk))
        assert answer.status_code == 404


async def test_the_owner_gets_in_by_visitor_key_and_by_account(alice):
    search = await ended_search()
    mine = await ended_search(Owner(user_id=alice.pk))
    client = await database_sync_to_async(browser)("alice")
    for door in ("/buscas/{}/eventos.json", "/api/buscar/{}"):
        assert (await database_sync_to_async(client.get)(door.format(search.pk))).status_code == 200
        assert (await database_sync_to_async(client.get)(door.format(mine.pk))).status_code == 404
    await database_sync_to_async(client.force_login)(alice)
    for pk in (search.pk, mine.pk):  # what was asked before the login stays the user's
        answer = await database_sync_to_async(client.get)(f"/api/buscar/{pk}")
        assert answer.status_code == 200


def expires_in(client: Client) -> timedelta:
    """Return how long a browser's session lives on, were it not used any more."""
    session = Session.objects.get(session_key=client.cookies["sessionid"].value)
    return session.expire_date - timezone.now()


async def test_who_only_looks_keeps_what_is_its_own(alice, settings):
    """The session of a visitor and of a user is saved anew by looking, once a day."""
    visitors, users = await ended_search(), await ended_search(Owner(user_id=alice.pk))

    def look() -> None:
        for page in ("/", "/buscas/", "/buscas/{}/", "/salvas/"):
            visitor, user = browser("alice"), browser("another")
            user.force_login(alice)
            for client, search in ((visitor, visitors), (user, users)):
                path = page.format(search.pk)
                Session.objects.update(expire_date=timezone.now() + timedelta(days=1))
                answer = client.get(path)
                assert answer.status_code == 200
                age = answer.cookies["sessionid"]["max-age"]
                assert age == settings.SESSION_COOKIE_AGE
                assert expires_in(client) > timedelta(days=89)
                assert "sessionid" not in client.get(path).cookies
                later = client.session
                later[RENEWED_KEY] = "2026-01-01"  # as if it had been looked at on another day
                later.save()
                assert "sessionid" in client.get(path).cookies

    await database_sync_to_async(look)()


async def test_who_has_nothing_gets_no_cookie_and_streams_set_none(alice, token):
    search = await ended_search(Owner(user_id=alice.pk, visitor="alice"))

    def look() -> None:
        for path in ("/", "/buscas/", "/salvas/"):
            assert "sessionid" not in Client().get(path).cookies
            assert "sessionid" not in Client().get(path, headers=token).cookies
        for door in GET_DOORS[1:]:  # all but the page itself
            path = door.format(search.pk)
            assert "sessionid" not in browser("alice").get(path).cookies
        answer = Client().get(f"/api/buscar/{search.pk}", headers=token)
        assert (answer.status_code, "sessionid" in answer.cookies) == (200, False)

    await database_sync_to_async(look)()


async def test_a_socket_replays_and_closes_after_the_end():
    search = await ended_search()
    headers = cookie_of(await database_sync_to_async(browser)("alice"))
    one = socket(f"/ws/buscas/{search.pk}/", headers)
    assert (await one.connect())[0]
    told = [await one.receive_json_from(5) for _ in range(4)]
    assert [event["seq"] for event in told] == [1, 2, 3, 4]
    assert (await one.receive_output(5))["type"] == "websocket.close"
    await one.disconnect()
    later = socket(f"/ws/buscas/{search.pk}/?after=3", headers)
    assert (await later.connect())[0]
    assert (await later.receive_json_from(5))["seq"] == 4
    await later.disconnect()


async def test_a_program_opens_a_socket_with_its_token(alice, bob):
    search = await ended_search(Owner(user_id=alice.pk))
    path = f"/ws/buscas/{search.pk}/?after=3"
    for user, may_watch in ((alice, True), (bob, False)):
        token = await database_sync_to_async(create_token)(user)
        header = (b"authorization", f"Bearer {token}".encode())
        one = socket(path, header, origin=None)
        assert (await one.connect())[0] is may_watch
        await one.disconnect()
    visitors = f"/ws/buscas/{(await ended_search()).pk}/?after=3"
    session = cookie_of(await database_sync_to_async(browser)("alice"))
    for wrong in (b"Bearer nonsense", b"bearer", b"Bearer "):  # a wrong token is no session either
        one = socket(visitors, session, (b"authorization", wrong))
        assert not (await one.connect())[0]


@pytest.mark.parametrize("header", [b"Basic YTpi", b"", b"Basic YTpi, Bearer x", b"Bearerx y"])
async def test_a_header_that_is_no_token_opens_no_socket_and_closes_none(header):
    """A proxy in front asks for it, and the browser sends it from foreign pages as well."""
    path = f"/ws/buscas/{(await ended_search()).pk}/?after=3"
    session = cookie_of(await database_sync_to_async(browser)("alice"))
    for origin, may_watch in ((b"http://localhost", True), (b"http://evil.example", False)):
        one = socket(path, session, (b"authorization", header), origin=origin)
        assert (await one.connect())[0] is may_watch
        await one.disconnect()


@pytest.mark.parametrize("members_only", [False, True])
@pytest.mark.parametrize("door", ["/buscas/{}/eventos/", "/buscas/{}/eventos.json"])
async def test_a_program_follows_with_its_token(alice, bob, settings, door, members_only):
    settings.BIDIQ_LOGIN_REQUIRED = members_only
    search = await ended_search(Owner(user_id=alice.pk))
    client = AsyncClient()
    for user, status in ((alice, 200), (bob, 404)):
        token = await database_sync_to_async(create_token)(user)
        answer = await client.get(
            door.format(search.pk), headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == status
    visitors = await ended_search()
    client.cookies = (await database_sync_to_async(browser)("alice")).cookies
    mine = 404 if members_only else 200
    for header, status in (("Bearer nonsense", 404), ("Bearer", 404), ("Basic YTpi", mine)):
        answer = await client.get(door.format(visitors.pk), headers={"Authorization": header})
        assert answer.status_code == status


async def test_members_only_holds_for_the_socket_too(alice, settings):
    settings.BIDIQ_LOGIN_REQUIRED = True
    search = await ended_search()
    headers = cookie_of(await database_sync_to_async(browser)("alice"))
    one = socket(f"/ws/buscas/{search.pk}/?after=3", headers)
    assert not (await one.connect())[0]
    client = await database_sync_to_async(browser)("alice")
    await database_sync_to_async(client.force_login)(alice)
    member = socket(f"/ws/buscas/{search.pk}/?after=3", cookie_of(client))
    assert (await member.connect())[0]
    await member.disconnect()


async def test_of_two_cursors_the_last_holds_at_every_door(alice):
    search = await ended_search(Owner(user_id=alice.pk))
    token = f"Bearer {await database_sync_to_async(create_token)(alice)}"
    client, headers = AsyncClient(), {"Authorization": token}
    cursors = "?after=9&after=&after=3"
    for door in ("/buscas/{}/eventos/", "/api/buscar-progress/{}"):
        _, body = await read_stream(client, door.format(search.pk) + cursors, **headers)
        assert body.count("id: ") == body.count("id: 4\n") == 1
    path = f"/buscas/{search.pk}/eventos.json{cursors}"
    polled = await client.get(path, headers=headers)
    assert [event["seq"] for event in polled.json()["events"]] == [4]
    one = socket(f"/ws/buscas/{search.pk}/{cursors}", (b"authorization", token.encode()))
    assert (await one.connect())[0]
    assert (await one.receive_json_from(5))["seq"] == 4
    await one.disconnect()


async def test_a_cursor_beyond_the_end_is_the_end():
    search = await ended_search()
    headers = cookie_of(await database_sync_to_async(browser)("alice"))
    for after in ("99", "99999999999", "9" * 3000):
        one = socket(f"/ws/buscas/{search.pk}/?after={after}", headers)
        assert (await one.connect())[0]
        assert (await one.receive_output(5))["type"] == "websocket.close"


@pytest.mark.parametrize("origin", [b"http://evil.example", None, b"null"])
async def test_a_socket_of_a_foreign_page_is_refused(origin):
    search = await ended_search()
    headers = cookie_of(await database_sync_to_async(browser)("alice"))
    foreign = socket(f"/ws/buscas/{search.pk}/", headers, origin=origin)
    assert not (await foreign.connect())[0]
    await foreign.disconnect()


@pytest.mark.parametrize(
    ("host", "origin", "may_watch"),
    [
        (b"localhost:8173", b"http://localhost:8173", True),
        (b"localhost:8173", b"http://localhost:9", False),
        (b"localhost:8173", b"http://localhost", False),  # a page of port 80
        (b"localhost:8173", b"https://localhost", False),
        (b"localhost:80", b"http://localhost", True),
        (b"localhost:443", b"https://localhost", True),
        (b"localhost", b"http://localhost", True),
        # Behind a proxy: it left the port out, or asks by its own name for the site.
        (b"localhost", b"https://localhost:8443", True),
        (b"127.0.0.1:8000", b"https://localhost", True),
        (b"trusted.example:8000", b"https://trusted.example", True),
    ],
)
async def test_a_socket_of_a_page_of_another_port_is_refused(settings, host, origin, may_watch):
    settings.CSRF_TRUSTED_ORIGINS = ["https://trusted.example"]
    search = await ended_search()
    headers = cookie_of(await database_sync_to_async(browser)("alice"))
    path = f"/ws/buscas/{search.pk}/?after=3"
    # Validators take what is trusted when they are made.
    site = LoggedOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
    sent = [headers, (b"host", host), (b"origin", origin)]
    one = WebsocketCommunicator(site, path, headers=sent)
    assert (await one.connect())[0] is may_watch
    await one.disconnect()


async def test_a_socket_of_a_stranger_is_refused_as_if_there_were_no_search():
    search = await ended_search()
    bob = cookie_of(await database_sync_to_async(browser)("bob"))
    for path, headers in (
        (f"/ws/buscas/{search.pk}/", (bob,)),
        (f"/ws/buscas/{search.pk}/", ()),
        (f"/ws/buscas/{uuid4()}/", (bob,)),
    ):
        stranger = socket(path, *headers)
        connected, code = await stranger.connect()
        assert (connected, code) == (False, 1000)
        await stranger.disconnect()


async def test_a_socket_survives_nonsense_and_syncs_on_demand():
    search = await create()
    headers = cookie_of(await database_sync_to_async(browser)("alice"))
    one = socket(f"/ws/buscas/{search.pk}/", headers)
    assert (await one.connect())[0]
    assert (await one.receive_json_from(5))["seq"] == 1
    for nonsense in ("{", "[]", '{"type":"x"}', "null", '{"type":"sync","after":"z"}'):
        await one.send_to(text_data=nonsense)
    await one.send_to(bytes_data=b"\x00")
    assert (await one.receive_json_from(5))["seq"] == 1  # the sync from nowhere: from the start
    await one.send_json_to({"type": "sync", "after": 0})
    assert (await one.receive_json_from(5))["seq"] == 1
    await one.disconnect()


@pytest.mark.parametrize("leave", ["/contas/sair/", "deleted", "password"])
async def test_a_socket_syncs_no_more_after_the_logout(alice, leave):
    search = await create(Owner(user_id=alice.pk))
    client = await database_sync_to_async(browser)("bob")
    await database_sync_to_async(client.force_login)(alice)
    one = socket(f"/ws/buscas/{search.pk}/", cookie_of(client))
    assert (await one.connect())[0]
    for _ in range(2):  # a sync that is allowed goes on
        assert (await one.receive_json_from(5))["seq"] == 1
        await one.send_json_to({"type": "sync", "after": 0})
    assert (await one.receive_json_from(5))["seq"] == 1

    def go() -> None:
        if leave == "deleted":
            client.session.delete()
        elif leave == "password":  # changed elsewhere: that ends the other sessions
            alice.set_password("licitação-2026")
            alice.save()
        else:
            assert client.post(leave).status_code == 302

    await database_sync_to_async(go)()
    await one.send_json_to({"type": "sync", "after": 0})
    closed = await one.receive_output(5)
    assert (closed["type"], closed["code"]) == ("websocket.close", GONE)
    await one.disconnect()


async def test_a_socket_of_a_visitor_that_has_left_syncs_no_more():
    search = await create()
    client = await database_sync_to_async(browser)("alice")
    one = socket(f"/ws/buscas/{search.pk}/", cookie_of(client))
    assert (await one.connect())[0]
    assert (await one.receive_json_from(5))["seq"] == 1
    await database_sync_to_async(client.session.flush)()
    await one.send_json_to({"type": "sync", "after": 0})
    assert (await one.receive_output(5))["code"] == GONE
    await one.disconnect()


async def read_stream(client: AsyncClient, path: str, **headers: str) -> tuple[int, str]:
    answer = await client.get(path, headers=headers)
    if not answer.streaming:
        return answer.status_code, answer.content.decode()
    assert answer["Content-Type"] == "text/event-stream"
    assert answer["X-Accel-Buffering"] == "no"
    return answer.status_code, b"".join([part async for part in answer.streaming_content]).decode()


async def test_a_stream_resumes_after_the_last_event_id_and_says_204_when_that_is_all():
    search = await ended_search()
    client = AsyncClient()
    client.cookies = (await database_sync_to_async(browser)("alice")).cookies
    path = f"/buscas/{search.pk}/eventos/"
    status, body = await read_stream(client, path)
    assert status == 200
    assert body.startswith("retry: 3000\n\n")
    assert [line for line in body.splitlines() if line.startswith("id: ")] == [
        f"id: {seq}" for seq in range(1, 5)
    ]
    data = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: ")]
    assert [event["stage"] for event in data] == ["queued", "connecting", "fetching", "complete"]
    status, body = await read_stream(client, path, **{"Last-Event-ID": "2"})
    assert "id: 3\n" in body
    assert "id: 2\n" not in body
    status, body = await read_stream(client, f"{path}?after=3")
    assert "id: 4\n" in body
    assert "id: 3\n" not in body
    assert (await read_stream(client, f"{path}?after=4"))[0] == 204
    for door in (path, f"/api/buscar-progress/{search.pk}"):
        told = await client.head(door)
        assert (told.status_code, told["Content-Type"]) == (200, "text/event-stream")
        assert (await client.head(f"{door}?after=4")).status_code == 204
    assert (await read_stream(client, path, **{"Last-Event-ID": "4"}))[0] == 204
    status, body = await read_stream(client, path, **{"Last-Event-ID": "nonsense"})
    assert "id: 1\n" in body

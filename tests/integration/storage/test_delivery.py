"""How an artifact reaches a browser: redirects, bytes, ranges, tags, refusals, and the audit."""

import logging
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from exports.breaker import Breaker
from exports.errors import Reason, StorageUnavailable
from exports.models import Artifact, Download, StoredChunk, StoredFile
from exports.services import deliver, places, promote_pending
from tests.integration.storage.conftest import CONTENT
from tests.integration.storage.faults import Hangs

pytestmark = pytest.mark.django_db
SIZE = len(CONTENT)


def door(artifact):
    return f"/arquivos/{artifact.pk}/"


def body_of(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_bytes_of_the_database_come_with_their_name_type_tag_and_length(client, make_artifact):
    artifact = make_artifact(filename="licitações_ação.xlsx")

    response = client.get(door(artifact), headers={"User-Agent": "Firefox" * 100})

    assert response.status_code == 200
    assert body_of(response) == CONTENT
    assert response.headers["Content-Type"] == "application/vnd.test"
    assert response.headers["Content-Length"] == str(SIZE)
    assert response.headers["ETag"] == f'"{artifact.sha256}"'
    assert response.headers["Accept-Ranges"] == "bytes"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "private, no-store"
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="licitacoes_acao.xlsx"; '
        "filename*=UTF-8''licita%C3%A7%C3%B5es_a%C3%A7%C3%A3o.xlsx"
    )
    download = Download.objects.get()
    assert (download.artifact, download.source) == (artifact, "database")
    assert (download.user, download.visitor, download.address) == (None, "visitor-1", "127.0.0.1")
    assert len(download.agent) == 300


def test_the_download_names_the_user_who_made_it(client, make_artifact):
    user = User.objects.create_user("alice")
    client.force_login(user)

    client.get(door(make_artifact()))

    assert Download.objects.get().user == user


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=524280-524300", 524280, 524301),  # over the edge of a piece
        ("bytes=1000-", 1000, SIZE),
        ("bytes=-10", SIZE - 10, SIZE),
        (f"bytes={SIZE - 1}-{SIZE + 50}", SIZE - 1, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
    ],
)
def test_a_range_gives_that_part(client, make_artifact, asked, start, stop):
    response = client.get(door(make_artifact()), headers={"Range": asked})

    assert response.status_code == 206
    assert body_of(response) == CONTENT[start:stop]
    assert response.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert response.headers["Content-Length"] == str(stop - start)


def test_who_fetches_in_pieces_has_one_download_wherever_they_begin(client, make_artifact):
    artifact = make_artifact()
    for asked in ("bytes=1-", "bytes=0-99", "bytes=100-199", "bytes=200-"):
        client.get(door(artifact), headers={"Range": asked})
    assert Download.objects.count() == 2  # what begins at the first byte is a new one

    client.get(door(artifact), headers={"Range": "bytes=300-"}, REMOTE_ADDR="203.0.113.9")
    assert Download.objects.count() == 3
    Download.objects.update(at=timezone.now() - timedelta(hours=2))
    client.get(door(artifact), headers={"Range": "bytes=300-"})
    assert Download.objects.count() == 4


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,5-9",
        "lines=1-2",
        "bytes=",
        "bytes=-",
        "bytes=9-2",
        "bytes=a-b",
        f"bytes={'9' * 99}-",
    ],
)
def test_several_ranges_and_nonsense_give_the_whole(client, make_artifact, asked):
    response = client.get(door(make_artifact()), headers={"Range": asked})

    assert response.status_code == 200
    assert body_of(response) == CONTENT


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=99999999-", "bytes=-0"])
def test_a_range_past_the_end_is_refused(client, make_artifact, asked):
    response = client.get(door(make_artifact()), headers={"Range": asked})

    assert response.status_code == 416
    assert response.headers["Content-Range"] == f"bytes */{SIZE}"
    assert not Download.objects.exists()


def test_if_range_gives_the_part_only_of_the_same_file(client, make_artifact):
    artifact = make_artifact()
    same = {"Range": "bytes=5-9", "If-Range": f'"{artifact.sha256}"'}
    weak = {"Range": "bytes=5-9", "If-Range": f'W/"{artifact.sha256}"'}
    other = {"Range": "bytes=5-9", "If-Range": '"another"'}

    assert client.get(door(artifact), headers=same).status_code == 206
    assert client.get(door(artifact), headers=weak).status_code == 200
    assert client.get(door(artifact), headers=other).status_code == 200


@pytest.mark.parametrize("template", ['"{}"', 'W/"{}"', '"x", "{}"', "*"])
def test_who_has_it_already_gets_nothing(client, make_artifact, template):
    artifact = make_artifact()

    header = template.format(artifact.sha256)
    response = client.get(door(artifact), headers={"If-None-Match": header})

    assert response.status_code == 304
    assert body_of(response) == b""
    assert response.headers["ETag"] == f'"{artifact.sha256}"'
    assert not Download.objects.exists()


def test_head_tells_all_and_counts_nothing(client, make_artifact):
    response = client.head(door(make_artifact()), headers={"Range": "bytes=0-5"})

    assert response.status_code == 200
    assert body_of(response) == b""
    assert response.headers["Content-Length"] == str(SIZE)
    assert not Download.objects.exists()


def test_an_object_is_a_redirect_to_a_signed_address(
    client, use_object_storage, make_artifact, caplog
):
    artifact = make_artifact()

    with caplog.at_level(logging.DEBUG, logger="exports"):
        response = client.get(door(artifact), headers={"Range": "bytes=3-", "If-None-Match": "*"})

    url = response.headers["Location"]
    assert response.status_code == 302
    assert response.headers["Cache-Control"] == "no-store"
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == CONTENT
        assert "licitacoes_vestuario_2026-11-24.xlsx" in answer.headers["Content-Disposition"]
        assert answer.headers["Content-Type"] == "application/vnd.test"
    assert Download.objects.get().source == "object_storage"
    assert "X-Amz-Signature" not in caplog.text
    again = client.get(door(artifact)).headers["Location"]
    assert "X-Amz-Expires=3600" in again


def test_a_redirect_for_head_is_signed_for_head(client, use_object_storage, make_artifact):
    url = client.head(door(make_artifact())).headers["Location"]

    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD")) as answer:
        assert answer.headers["Content-Length"] == str(SIZE)
    assert not Download.objects.exists()


def test_a_signed_address_hides_from_representations(use_object_storage, make_artifact):
    delivery = deliver(make_artifact(), user=None, visitor="", address=None, agent="")

    assert delivery.signed_url is not None
    assert "Signature" not in repr(delivery)


def test_the_object_storage_down_is_503_and_says_when_to_come_back(
    client, use_object_storage, make_artifact, store
):
    artifact = make_artifact()
    store.stop()

    response = client.get(door(artifact))

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    assert response.headers["Cache-Control"] == "no-store"
    assert "não está respondendo" in response.content.decode()
    assert not Download.objects.exists()
    store.start()
    assert client.get(door(artifact)).status_code == 302


def test_the_breaker_spares_a_storage_that_is_down(
    client, use_object_storage, make_artifact, store, monkeypatch
):
    now = [1000.0]
    monkeypatch.setattr(places, "breaker", Breaker(clock=lambda: now[0]))
    artifact = make_artifact()
    store.stop()
    for _ in range(3):
        assert client.get(door(artifact)).status_code == 503
    store.start()

    refused = client.get(door(artifact))  # without asking: the storage is up again

    assert refused.status_code == 503
    assert 1 <= int(refused.headers["Retry-After"]) <= 16
    now[0] += 16
    assert client.get(door(artifact)).status_code == 302
    assert client.get(door(artifact)).status_code == 302


@pytest.mark.parametrize("deleted", [True, False])
def test_an_expired_file_is_410_and_offers_to_make_it_anew(client, make_artifact, deleted):
    artifact = make_artifact()
    now = timezone.now()
    changes = {"bytes_deleted_at": now} if deleted else {"expires_at": now - timedelta(seconds=1)}
    Artifact.objects.update(**changes)

    headers = {"If-None-Match": f'"{artifact.sha256}"'}
    response = client.get(door(artifact), headers=headers)

    assert response.status_code == 410
    page = response.content.decode()
    assert "Este arquivo expirou" in page
    assert 'method="post" action="/repetir/"' in page
    assert not Download.objects.exists()


def test_lost_bytes_are_410_and_an_error_in_the_log(client, make_artifact, caplog):
    artifact = make_artifact()
    places.database().delete(artifact.name)

    with caplog.at_level(logging.ERROR, logger="exports"):
        response = client.get(door(artifact))

    assert response.status_code == 410
    assert "não está mais disponível" in response.content.decode()
    assert str(artifact.pk) in caplog.text


def test_a_lost_object_is_410(client, use_object_storage, make_artifact, store):
    artifact = make_artifact()
    (store.directory / "data" / store.bucket / artifact.name).unlink()

    assert client.get(door(artifact)).status_code == 410


def test_a_bucket_that_is_gone_is_503_and_its_files_come_back_with_it(
    client, use_object_storage, make_artifact, store
):
    artifact = make_artifact()
    bucket = store.directory / "data" / store.bucket
    elsewhere = bucket.rename(bucket.with_name(f"{store.bucket}-renamed"))

    response = client.get(door(artifact))

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    assert not bucket.exists()
    elsewhere.rename(bucket)
    assert client.get(door(artifact)).status_code == 302


def test_so_many_wait_for_a_storage_that_hangs_and_the_others_are_told_soon(
    use_object_storage, make_artifact
):
    artifact = make_artifact()
    use_object_storage(backend="tests.integration.storage.faults.Hangs")
    hanging = places.required_object_storage()
    assert isinstance(hanging, Hangs)
    hanging.go_on.clear()

    def ask():
        return deliver(artifact, user=None, visitor="", address=None, agent="")

    with ThreadPoolExecutor(8) as threads:
        asking = [threads.submit(ask) for _ in range(8)]
        try:
            for _ in asking:
                assert hanging.asked.acquire(timeout=10)
            with pytest.raises(StorageUnavailable) as caught:
                ask()
            assert caught.value.retry_after_seconds == 5
            assert not hanging.asked.acquire(blocking=False)
        finally:
            hanging.go_on.set()
    assert [type(asked.exception()) for asked in asking] == [StorageUnavailable] * 8


def test_settings_without_the_storage_of_a_row_are_503(
    client, use_object_storage, make_artifact, settings
):
    artifact = make_artifact()
    settings.STORAGES = {k: v for k, v in settings.STORAGES.items() if k != "object_storage"}

    assert client.get(door(artifact)).status_code == 503
    with pytest.raises(StorageUnavailable) as caught:
        deliver(artifact, user=None, visitor="", address=None, agent="")
    assert caught.value.reason is Reason.NOT_CONFIGURED


def test_a_file_promoted_after_its_row_was_read_is_found_where_it_is(
    use_object_storage, make_artifact, store
):
    store.stop()
    artifact = make_artifact()
    store.start()
    stale = Artifact.objects.get(pk=artifact.pk)
    assert promote_pending().done_count == 1

    assert deliver(stale, user=None, visitor="", address=None, agent="").signed_url


def test_a_file_promoted_in_mid_stream_goes_on_from_its_new_place(
    client, use_object_storage, make_artifact, store
):
    store.stop()
    artifact = make_artifact()
    store.start()
    response = client.get(door(artifact))
    stream = iter(response.streaming_content)
    first = next(stream)

    assert promote_pending().done_count == 1
    assert not StoredFile.objects.exists()

    assert first + b"".join(stream) == CONTENT


@pytest.mark.parametrize(
    ("https", "forwarded", "address"),
    [
        (False, "203.0.113.7", "127.0.0.1"),  # nobody vouches for the header
        (True, "10.0.0.1, 203.0.113.7", "203.0.113.7"),  # the proxy wrote the last one
        (True, "2001:db8::1", "2001:db8::1"),
        (True, "nonsense", None),
    ],
)
def test_the_address_is_the_client_s(client, make_artifact, settings, https, forwarded, address):
    settings.BIDIQ_HTTPS = https

    client.get(door(make_artifact()), headers={"X-Forwarded-For": forwarded})

    assert Download.objects.get().address == address


def test_an_empty_file_is_delivered(client, make_artifact):
    artifact = make_artifact(b"")

    response = client.get(door(artifact))

    assert (response.status_code, body_of(response)) == (200, b"")
    assert client.get(door(artifact), headers={"Range": "bytes=0-"}).status_code == 416


def test_pieces_that_are_lost_in_mid_stream_break_the_answer_off(client, make_artifact):
    response = client.get(door(make_artifact()))
    stream = iter(response.streaming_content)
    next(stream)
    StoredChunk.objects.all().delete()

    with pytest.raises(Exception, match="gone"):
        b"".join(stream)

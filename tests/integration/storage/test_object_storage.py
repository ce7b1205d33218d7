"""Against a real S3 server that refuses wrong keys, altered signatures and expired addresses."""

import io
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from django.core.files.storage import storages

from exports.errors import Reason, StorageUnavailable
from exports.storage import write_whole
from tests import wires


@pytest.fixture
def storage(use_object_storage):
    return storages["object_storage"]


def put(storage, content=b"conteudo", name="20261124_3f1c.xlsx"):
    return write_whole(storage, name, io.BytesIO(content), content_type="application/vnd.test")


def signed(storage, name, **changes):
    options = {"filename": "a.xlsx", "content_type": "application/vnd.test", "expires_seconds": 60}
    return storage.signed_url(name, **{**options, **changes})


def status_of(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def content_of(storage, name):
    with storage.open(name) as file:
        return file.read()


def test_the_bucket_is_made_on_first_use(storage, store):
    assert not storage.exists("a.xlsx")

    name = put(storage)

    assert store.objects() == [name] == ["20261124_3f1c.xlsx"]


def test_a_check_makes_the_bucket_only_when_told_to(storage, store):
    with pytest.raises(StorageUnavailable) as caught:
        storage.check()
    assert caught.value.reason is Reason.BUCKET
    assert not (store.directory / "data" / store.bucket).exists()

    storage.check(makes_bucket=True)
    storage.check()

    assert (store.directory / "data" / store.bucket).is_dir()


def test_it_gives_back_what_it_took(storage):
    content = bytes(range(256)) * 40_000  # 10 MB: boto3 sends it in parts
    name = put(storage, content)

    with storage.open(name) as file:
        assert file.read() == content
    assert storage.size(name) == len(content)
    assert b"".join(storage.read_pieces(name)) == content
    assert b"".join(storage.read_pieces(name, start=9_999_000)) == content[9_999_000:]


def test_a_taken_name_becomes_another(storage, store):
    first, second = put(storage, b"1"), put(storage, b"2")

    assert first != second
    assert content_of(storage, first) == b"1"
    assert len(store.objects()) == 2


def test_a_signed_address_gives_the_file_under_its_name_and_type(storage):
    name = put(storage)
    url = signed(storage, name, filename="licitações_ação.xlsx", content_type="application/x-one")

    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"conteudo"
        assert answer.headers["Content-Type"] == "application/x-one"
        assert answer.headers["Content-Disposition"] == (
            'attachment; filename="licitacoes_acao.xlsx"; '
            "filename*=UTF-8''licita%C3%A7%C3%B5es_a%C3%A7%C3%A3o.xlsx"
        )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("20261124_3f1c.xlsx", "20261124_other.xlsx"),
        ("a.xlsx", "b.xlsx"),
        ("vnd.test", "vnd.evil"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600000"),
    ],
)
def test_an_altered_address_is_refused(storage, old, new):
    put(storage, name="20261124_other.xlsx")
    url = signed(storage, put(storage))
    assert status_of(url) == 200

    altered = url.replace(old, new)

    assert altered != url
    assert status_of(altered) == 403


def test_an_unsigned_address_is_refused(storage):
    url = signed(storage, put(storage))

    assert status_of(url.partition("?")[0]) in {400, 403}


@pytest.mark.parametrize(("age_seconds", "statuses"), [(30, {200}), (90, {400, 403})])
def test_an_address_stops_working_when_its_time_is_over(
    storage, monkeypatch, age_seconds, statuses
):
    name = put(storage)
    moment = datetime.now(UTC) - timedelta(seconds=age_seconds)
    with monkeypatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda *_, **__: moment)
        url = signed(storage, name, expires_seconds=60)

    assert status_of(url) in statuses


def test_a_head_address_answers_to_head(storage):
    url = signed(storage, put(storage), method="head_object")

    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD")) as answer:
        assert answer.headers["Content-Length"] == "8"


def test_it_signs_for_the_public_host(use_object_storage, store):
    public = f"http://localhost:{store.port}"
    use_object_storage(public_endpoint_url=public)
    storage = storages["object_storage"]

    url = signed(storage, put(storage))

    assert url.startswith(public)
    assert status_of(url) == 200
    assert status_of(url.replace("localhost", "127.0.0.1")) == 403


def test_wrong_keys_are_a_matter_of_permission(use_object_storage, storage):
    name = put(storage)
    use_object_storage(secret_key="wrong")
    stranger: Any = storages["object_storage"]

    for ask in (
        lambda: stranger.exists(name),
        lambda: stranger.check(),
        lambda: put(stranger),
        lambda: list(stranger.read_pieces(name)),
        lambda: stranger.delete(name),
    ):
        with pytest.raises(StorageUnavailable) as caught:
            ask()
        assert caught.value.reason is Reason.PERMISSION
        assert caught.value.code == "artifact.storage"


def test_a_server_that_is_down_refuses(storage, store):
    name = put(storage)
    store.stop()

    with pytest.raises(StorageUnavailable) as caught:
        storage.stat(name)
    assert caught.value.reason is Reason.REFUSED

    store.start()
    assert storage.stat(name) == 8


def test_a_server_that_never_answers_is_given_up_soon(use_object_storage):
    with wires.silent_server() as url:
        use_object_storage(endpoint_url=url, quick_timeout_seconds=0.3)
        started = time.monotonic()

        with pytest.raises(StorageUnavailable) as caught:
            storages["object_storage"].exists("a.xlsx")

        assert caught.value.reason is Reason.TIMEOUT
        assert time.monotonic() - started < 15  # the library itself would wait for minutes


def test_a_missing_object_is_not_found(storage):
    storage.check(makes_bucket=True)

    with pytest.raises(FileNotFoundError):
        storage.size("nothing.xlsx")
    with pytest.raises(FileNotFoundError):
        storage.open("nothing.xlsx")
    storage.delete("nothing.xlsx")

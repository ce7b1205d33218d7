"""A file is made and kept, whatever the object storage does."""

import hashlib
import logging
import resource
import tempfile
import time
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.db import OperationalError, connection
from django.utils import timezone

from exports.breaker import Breaker
from exports.errors import ArtifactNotMade, ArtifactTooLarge, StorageUnavailable
from exports.models import Artifact, StoredFile
from exports.services import places, promote_pending, storage_health, warn_if_down
from tests import wires
from tests.integration.storage.conftest import CONTENT

pytestmark = pytest.mark.django_db


def bytes_of(artifact):
    return b"".join(places.pieces(artifact))


def test_without_an_object_storage_the_database_keeps_it(make_artifact):
    artifact = make_artifact()

    assert artifact.storage == "database"
    assert artifact.fallback_reason == ""
    assert artifact.name == "20261124T030000_3f1c.xlsx"
    assert artifact.size_bytes == len(CONTENT)
    assert artifact.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert artifact.rows == 3
    assert artifact.expires_at - artifact.created_at == timedelta(days=30)
    assert bytes_of(artifact) == CONTENT


def test_with_an_object_storage_it_goes_there_and_the_database_stays_empty(
    use_object_storage, make_artifact, store
):
    artifact = make_artifact()

    assert artifact.storage == "object_storage"
    assert artifact.fallback_reason == ""
    assert store.objects() == [artifact.name]
    assert bytes_of(artifact) == CONTENT
    assert not StoredFile.objects.exists()


def test_a_taken_key_becomes_another(make_artifact, use_object_storage, settings):
    first, second = make_artifact(), make_artifact()

    assert first.name != second.name
    settings.STORAGES = {k: v for k, v in settings.STORAGES.items() if k != "object_storage"}
    third, fourth = make_artifact(), make_artifact()
    assert third.name == first.name  # in another storage
    assert fourth.name not in {first.name, second.name, third.name}


def test_a_key_whose_bytes_are_gone_stays_taken_by_its_row(make_artifact):
    first = make_artifact()
    places.database().delete(first.name)

    assert make_artifact().name != first.name


def test_the_database_takes_over_when_the_object_storage_is_down(
    use_object_storage, make_artifact, store
):
    store.stop()

    artifact = make_artifact()

    assert artifact.storage == "database"
    assert artifact.fallback_reason == "refused"
    assert bytes_of(artifact) == CONTENT


def test_the_database_takes_over_when_the_keys_are_wrong(use_object_storage, make_artifact):
    use_object_storage(secret_key="wrong")

    assert make_artifact().fallback_reason == "permission"


def test_the_database_takes_over_when_nothing_answers(use_object_storage, make_artifact):
    with wires.silent_server() as url:
        use_object_storage(endpoint_url=url, quick_timeout_seconds=0.3)
        started = time.monotonic()

        artifact = make_artifact()

    assert artifact.fallback_reason == "timeout"
    assert time.monotonic() - started < 4


def test_an_upload_that_hangs_is_waited_for_once_and_not_by_the_next_file(
    use_object_storage, make_artifact, store, monkeypatch
):
    now = [1000.0]
    monkeypatch.setattr(
        places, "uploads", Breaker(errors=1, pause_seconds=30, clock=lambda: now[0])
    )
    make_artifact()  # there is a bucket: making one would hang as well
    with wires.uploads_hang(store) as door:
        use_object_storage(endpoint_url=door.url, read_timeout_seconds=3)

        files = [make_artifact() for _ in range(3)]

        assert [file.fallback_reason for file in files] == ["timeout"] * 3
        assert [bytes_of(file) for file in files] == [CONTENT] * 3
        assert door.uploads.acquire(blocking=False)
        assert not door.uploads.acquire(blocking=False)
        door.is_open = True
        assert make_artifact().storage == "database"  # without asking
        now[0] += 31
        assert make_artifact().storage == "object_storage"
        assert make_artifact().storage == "object_storage"


def test_a_file_too_large_for_the_database_tries_the_object_storage_all_the_same(
    use_object_storage, make_artifact, store, monkeypatch, settings
):
    monkeypatch.setattr(places, "uploads", Breaker(errors=1, pause_seconds=3600))
    store.stop()
    make_artifact()
    store.start()
    settings.BIDIQ_DATABASE_FILE_LIMIT_BYTES = len(CONTENT) - 1

    assert make_artifact().storage == "object_storage"


def test_a_promotion_tells_that_uploads_are_taken_again(
    use_object_storage, make_artifact, store, monkeypatch
):
    monkeypatch.setattr(places, "uploads", Breaker(errors=1, pause_seconds=3600))
    store.stop()
    make_artifact()
    store.start()
    assert make_artifact().fallback_reason == "refused"

    assert promote_pending().done_count == 2

    assert make_artifact().storage == "object_storage"


def test_a_passing_fault_is_tried_again(use_object_storage, make_artifact):
    use_object_storage(backend="tests.integration.storage.faults.FailsOnce")

    assert make_artifact().storage == "object_storage"


def test_an_object_cut_short_on_its_way_is_not_trusted(use_object_storage, make_artifact):
    use_object_storage(backend="tests.integration.storage.faults.CutsShort")

    artifact = make_artifact()

    assert artifact.storage == "database"
    assert artifact.fallback_reason == "server"
    assert bytes_of(artifact) == CONTENT


def test_a_file_too_large_for_the_database_is_refused_and_leaves_no_row(make_artifact, settings):
    settings.BIDIQ_DATABASE_FILE_LIMIT_BYTES = len(CONTENT) - 1

    with pytest.raises(ArtifactTooLarge):
        make_artifact()

    assert not Artifact.objects.exists()
    assert not StoredFile.objects.exists()


def test_a_file_too_large_to_fall_back_waits_for_its_own_place(
    use_object_storage, make_artifact, store, settings
):
    settings.BIDIQ_DATABASE_FILE_LIMIT_BYTES = len(CONTENT) - 1
    store.stop()

    with pytest.raises(StorageUnavailable):
        make_artifact()

    assert not Artifact.objects.exists()
    assert not StoredFile.objects.exists()


def test_a_writer_that_fails_leaves_nothing(make_artifact):
    def write(file):
        raise RuntimeError("no rows")

    with pytest.raises(RuntimeError):
        make_artifact(write=write)

    assert not Artifact.objects.exists()


def test_without_a_place_for_temporary_files_it_is_not_made(make_artifact, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(ArtifactNotMade, match="gone"):
        make_artifact()


@pytest.mark.parametrize("size_bytes", [len(CONTENT), 6000])  # met by writing, and by flushing
def test_a_temporary_file_that_finds_no_room_leaves_nothing(make_artifact, size_bytes):
    allowed = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, allowed[1]))
    try:
        with pytest.raises(ArtifactNotMade, match="File too large"):
            make_artifact(CONTENT[:size_bytes])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, allowed)

    assert not Artifact.objects.exists()


def test_it_warns_at_most_once_a_minute(use_object_storage, make_artifact, store, caplog):
    store.stop()

    with caplog.at_level(logging.WARNING, logger="exports"):
        for _ in range(3):
            make_artifact()
            warn_if_down()

    warnings = [record for record in caplog.records if record.name == "exports"]
    assert len(warnings) == 1
    assert "refused" in warnings[0].getMessage()


def test_it_warns_although_no_file_comes(use_object_storage, store, caplog):
    with caplog.at_level(logging.WARNING, logger="exports"):
        warn_if_down()
        assert caplog.records == []
        store.stop()
        for _ in range(2):
            warn_if_down()

    assert ["refused" in record.getMessage() for record in caplog.records] == [True]


def test_health_says_which_storage_and_how_it_does(
    settings, use_object_storage, make_artifact, store
):
    assert storage_health().state == "ok"
    store.stop()
    make_artifact()

    health = storage_health()

    assert (health.mode, health.state, health.pending_count) == ("object_storage", "refused", 1)
    settings.STORAGES = {k: v for k, v in settings.STORAGES.items() if k != "object_storage"}
    assert (storage_health().mode, storage_health().state) == ("database", "ok")


@pytest.mark.parametrize("again", ["a new file", "a promotion"])
def test_a_storage_that_answers_and_takes_no_file_is_not_well_until_it_takes_one(
    use_object_storage, make_artifact, again
):
    make_artifact()
    use_object_storage(backend="tests.integration.storage.faults.TakesNothing")
    assert storage_health().state == "ok"  # nobody has met it yet
    make_artifact()

    health = storage_health()
    assert (health.state, health.pending_count) == ("server", 1)
    promote_pending()
    assert storage_health().state == "server"

    use_object_storage()
    if again == "a new file":
        make_artifact()
    else:
        promote_pending()
    assert storage_health().state == "ok"


def test_the_last_upload_counts_whatever_clock_its_machine_has(
    use_object_storage, make_artifact, monkeypatch
):
    make_artifact()
    use_object_storage(backend="tests.integration.storage.faults.TakesNothing")
    with monkeypatch.context() as other_machine:
        behind = timezone.now() - timedelta(minutes=20)
        other_machine.setattr(timezone, "now", lambda: behind)
        make_artifact()
    assert storage_health().state == "server"

    use_object_storage()
    with monkeypatch.context() as other_machine:
        other_machine.setattr(timezone, "now", lambda: behind)
        promote_pending()
        make_artifact()

    assert storage_health().state == "ok"


def test_a_bucket_that_is_gone_is_told_and_not_made_by_asking(
    use_object_storage, make_artifact, store
):
    bucket = store.directory / "data" / store.bucket
    assert storage_health().state == "ok"  # the first file makes it
    assert not bucket.exists()
    make_artifact()
    bucket.rename(bucket.with_name(f"{store.bucket}-renamed"))

    assert storage_health().state == "bucket"
    assert not bucket.exists()
    make_artifact()
    assert (bucket.exists(), storage_health().state) == (True, "ok")


def test_health_does_without_a_database(use_object_storage, make_artifact):
    make_artifact()

    health = storage_health(asks_database=False)

    assert (health.state, health.pending_count) == ("ok", None)


def test_health_bears_a_database_that_goes_meanwhile(use_object_storage, make_artifact):
    make_artifact()
    with connection.execute_wrapper(_is_away):
        health = storage_health()

    assert (health.state, health.pending_count) == ("ok", None)


def _is_away(execute, sql, params, many, context):
    raise OperationalError("server closed the connection unexpectedly")


def test_no_storage_is_called_unavailable_without_a_reason():
    with pytest.raises(TypeError):
        StorageUnavailable()  # type: ignore[call-arg]
    assert "database" in storages.backends

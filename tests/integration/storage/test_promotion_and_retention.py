"""Files go to the object storage when it is back, and their bytes go when their time is over."""

import logging
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from exports.errors import ArtifactExpired, StorageUnavailable
from exports.models import Artifact, StoredChunk, StoredFile
from exports.services import expire_due, places, promote_pending, upkeep, verify
from exports.storage import DatabaseStorage
from tests.integration.storage.conftest import CONTENT
from tests.integration.storage.faults import Cut

pytestmark = pytest.mark.django_db
FAULTS = "tests.integration.storage.faults"


@pytest.fixture
def fallen(use_object_storage, make_artifact, store):
    """An artifact that fell back to the database; the object storage is back."""
    store.stop()
    artifact = make_artifact()
    store.start()
    return artifact


def assert_one_good_copy(artifact):
    artifact.refresh_from_db()
    assert b"".join(places.pieces(artifact)) == CONTENT


def test_it_is_promoted_when_the_object_storage_is_back(fallen, store):
    round_ = promote_pending()

    assert (round_.done_count, round_.waiting_count) == (1, 0)
    assert_one_good_copy(fallen)
    assert fallen.storage == "object_storage"
    assert fallen.fallback_reason == "refused"  # the audit remembers
    assert fallen.promoted_at is not None
    assert store.objects() == [fallen.name]
    assert not StoredFile.objects.exists()
    assert promote_pending().done_count == 0


def test_it_waits_while_the_object_storage_is_down(fallen, store):
    store.stop()

    round_ = promote_pending()

    assert (round_.done_count, round_.waiting_count) == (0, 1)
    assert_one_good_copy(fallen)
    assert fallen.storage == "database"


def test_a_file_that_the_object_storage_refuses_keeps_no_other(
    use_object_storage, make_artifact, store
):
    store.stop()
    refused, other = make_artifact(key="refused.xlsx"), make_artifact()
    store.start()
    use_object_storage(backend=f"{FAULTS}.RefusesSome")

    round_ = promote_pending()

    assert (round_.done_count, round_.waiting_count) == (1, 1)
    assert_one_good_copy(refused)
    assert_one_good_copy(other)
    assert (refused.storage, other.storage) == ("database", "object_storage")


def test_a_storage_that_lets_nobody_in_is_asked_once_a_round(
    use_object_storage, make_artifact, caplog
):
    use_object_storage(secret_key="wrong")
    for _ in range(3):
        make_artifact()

    with caplog.at_level(logging.INFO, logger="exports"):
        assert promote_pending().waiting_count == 3

    assert [r.getMessage() for r in caplog.records if "waits" in r.getMessage()] == [
        "promotion waits: object storage permission"
    ]


def test_of_two_processes_the_slower_leaves_it_alone(fallen, store, caplog):
    """What it had read of the row is old: the bytes are gone because they have moved."""
    seen_before = Artifact.objects.get(pk=fallen.pk)
    assert upkeep.promote(fallen)

    assert not upkeep.promote(seen_before)

    assert seen_before.storage == "object_storage"
    assert "missing or wrong" not in caplog.text
    assert_one_good_copy(fallen)
    assert store.objects() == [fallen.name]


def test_files_that_belong_to_the_database_stay_there(settings, make_artifact, use_object_storage):
    with_objects = settings.STORAGES
    settings.STORAGES = {k: v for k, v in with_objects.items() if k != "object_storage"}
    artifact = make_artifact()
    assert promote_pending().done_count == 0
    settings.STORAGES = with_objects

    assert promote_pending().done_count == 0
    artifact.refresh_from_db()
    assert artifact.storage == "database"


@pytest.mark.parametrize("fault", ["CutBeforeUpload", "CutAfterUpload", "CutAtReadingBack"])
def test_cut_off_around_the_upload_it_is_done_by_the_next_round(
    fallen, use_object_storage, store, fault
):
    use_object_storage(backend=f"{FAULTS}.{fault}")
    with pytest.raises(Cut):
        promote_pending()
    assert_one_good_copy(fallen)
    assert fallen.storage == "database"

    use_object_storage()
    assert promote_pending().done_count == 1

    assert_one_good_copy(fallen)
    assert fallen.storage == "object_storage"
    assert store.objects() == [fallen.name]  # the object of the first round was taken up


def test_cut_off_before_the_bytes_are_dropped_the_orphan_goes_later(fallen, monkeypatch):
    def cut(self, name):
        raise Cut

    with monkeypatch.context() as patch:
        patch.setattr(DatabaseStorage, "delete", cut)
        with pytest.raises(Cut):
            promote_pending()
    assert_one_good_copy(fallen)
    assert fallen.storage == "object_storage"
    expire_due()
    assert StoredFile.objects.count() == 1  # young: it may belong to a row yet to be written

    StoredFile.objects.update(created_at=timezone.now() - timedelta(hours=2))
    expire_due()

    assert StoredFile.objects.count() == StoredChunk.objects.count() == 0
    assert_one_good_copy(fallen)


@pytest.mark.parametrize("fault", ["ChangesBytes", "CutsShort"])
def test_an_object_that_came_out_wrong_is_not_trusted(fallen, use_object_storage, fault):
    use_object_storage(backend=f"{FAULTS}.{fault}")

    assert promote_pending().done_count == 0

    assert_one_good_copy(fallen)
    assert fallen.storage == "database"
    use_object_storage()
    assert promote_pending().done_count == 1
    assert_one_good_copy(fallen)


def test_bytes_gone_wrong_in_the_database_are_never_promoted(fallen, caplog):
    StoredChunk.objects.filter(position=0).update(data=b"x" * 1000)

    with caplog.at_level(logging.ERROR, logger="exports"):
        round_ = promote_pending()

    assert (round_.done_count, round_.missing_count) == (0, 1)
    assert str(fallen.pk) in caplog.text


@pytest.mark.parametrize("in_objects", [True, False])
def test_after_retention_the_bytes_go_and_the_row_stays(
    settings, use_object_storage, make_artifact, store, in_objects
):
    if not in_objects:
        settings.STORAGES = {k: v for k, v in settings.STORAGES.items() if k != "object_storage"}
    artifact, fresh = make_artifact(retention_days=1), make_artifact(retention_days=9)
    assert expire_due().done_count == 0

    later = timezone.now() + timedelta(days=2)
    assert expire_due(now=later).done_count == 1
    assert expire_due(now=later).done_count == 0

    artifact.refresh_from_db()
    assert artifact.bytes_deleted_at == later
    assert artifact.is_expired(now=timezone.now())
    kept = (
        store.objects() if in_objects else list(StoredFile.objects.values_list("name", flat=True))
    )
    assert kept == [fresh.name]
    with pytest.raises(ArtifactExpired):
        verify(artifact)


def test_retention_waits_for_an_object_storage_that_is_down(
    use_object_storage, make_artifact, store
):
    artifact = make_artifact(retention_days=0)
    store.stop()
    assert (expire_due().done_count, expire_due().waiting_count) == (0, 1)
    store.start()

    assert expire_due().done_count == 1
    artifact.refresh_from_db()
    assert artifact.bytes_deleted_at is not None


def test_an_object_that_may_not_be_deleted_keeps_no_other(use_object_storage, make_artifact, store):
    refused = make_artifact(key="refused.xlsx", retention_days=0)
    make_artifact(retention_days=0)
    use_object_storage(backend=f"{FAULTS}.RefusesSome")

    round_ = expire_due()

    assert (round_.done_count, round_.waiting_count) == (1, 1)
    assert store.objects() == [refused.name]


def test_an_object_storage_that_is_down_keeps_no_file_of_the_database(
    use_object_storage, make_artifact, store, monkeypatch
):
    objects = [make_artifact(retention_days=0) for _ in range(3)]
    store.stop()
    fallen = make_artifact(retention_days=0)
    tried = []
    expire = upkeep.expire

    def noting(artifact, **options):
        tried.append(artifact)
        expire(artifact, **options)

    monkeypatch.setattr(upkeep, "expire", noting)

    round_ = expire_due(limit=2)

    assert (round_.done_count, round_.waiting_count) == (1, 3)
    assert tried == [fallen, objects[0]]  # one object tells that the storage is down
    fallen.refresh_from_db()
    assert fallen.bytes_deleted_at is not None


def test_verify_sees_what_is_wrong_or_gone(make_artifact, use_object_storage, store):
    artifact = make_artifact()
    path = store.directory / "data" / store.bucket / artifact.name
    assert verify(artifact)

    path.write_bytes(CONTENT[::-1])
    assert not verify(artifact)

    path.unlink()
    assert not verify(artifact)

    store.stop()
    with pytest.raises(StorageUnavailable):
        verify(artifact)


def test_the_command_does_both_and_prints_its_counts(fallen, make_artifact):
    make_artifact(retention_days=0)
    out = StringIO()

    call_command("manter_exportacoes", stdout=out)

    assert out.getvalue() == (
        "promovidos: 1, aguardando: 0, ausentes: 0; expirados: 1, adiados: 0\n"
    )

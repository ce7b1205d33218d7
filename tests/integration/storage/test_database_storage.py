"""Files as rows of pieces."""

import io
import os

import pytest
from django.core.files.base import ContentFile

from exports.models import StoredChunk, StoredFile
from exports.services import store_artifact
from exports.storage import DatabaseStorage
from exports.storage.database import PIECE_BYTES
from searches.management.commands import buscar
from searches.models import Search

pytestmark = pytest.mark.django_db
CONTENT = bytes(range(256)) * 10


@pytest.fixture
def storage():
    return DatabaseStorage(chunk_bytes=1000)


def content_of(storage, name):
    with storage.open(name) as file:
        return file.read()


def test_it_keeps_a_file_in_pieces_and_gives_it_back(storage):
    name = storage.save("a.xlsx", ContentFile(CONTENT))

    with storage.open(name) as file:
        assert file.read() == CONTENT
    assert storage.size(name) == len(CONTENT) == 2560
    assert [len(row.data) for row in StoredChunk.objects.order_by("position")] == [1000, 1000, 560]


def test_it_reads_from_any_place(storage):
    name = storage.save("a.xlsx", ContentFile(CONTENT))

    with storage.open(name) as file:
        file.seek(1990)
        assert file.read(20) == CONTENT[1990:2010]
        file.seek(-10, io.SEEK_END)
        assert file.read() == CONTENT[-10:]
        assert file.read() == b""


@pytest.mark.parametrize(("start", "length"), [(0, 10), (995, 10), (1000, 1000), (2550, 99)])
def test_a_piece_never_goes_past_its_row(storage, start, length):
    name = storage.save("a.xlsx", ContentFile(CONTENT))

    piece = storage.read(name, start=start, length=length)

    end_of_row = (start // 1000 + 1) * 1000
    assert piece == CONTENT[start : min(start + length, end_of_row)]
    assert storage.read(name, start=len(CONTENT), length=1) == b""


def test_a_taken_name_becomes_another(storage):
    first = storage.save("a.xlsx", ContentFile(b"1"))
    second = storage.save("a.xlsx", ContentFile(b"2"))

    assert first == "a.xlsx"
    assert second != first
    assert second.endswith(".xlsx")
    assert content_of(storage, first) == b"1"


def test_a_name_taken_in_between_becomes_another(storage, monkeypatch):
    storage.save("a.xlsx", ContentFile(b"1"))
    monkeypatch.setattr(DatabaseStorage, "get_available_name", lambda self, name, **_: "b.xlsx")

    assert storage._save("a.xlsx", ContentFile(b"2")) == "b.xlsx"


def test_it_deletes_the_file_with_its_pieces_and_does_not_mind_a_second_time(storage):
    name = storage.save("a.xlsx", ContentFile(CONTENT))

    storage.delete(name)
    storage.delete(name)

    assert not storage.exists(name)
    assert StoredFile.objects.count() == StoredChunk.objects.count() == 0
    for ask in (storage.size, storage.open):
        with pytest.raises(FileNotFoundError):
            ask(name)


def test_an_empty_file_is_a_file(storage):
    name = storage.save("a.xlsx", ContentFile(b""))

    assert content_of(storage, name) == b""
    assert storage.size(name) == 0


def test_it_has_no_public_address_and_no_other_mode(storage):
    with pytest.raises(NotImplementedError):
        storage.url("a.xlsx")
    with pytest.raises(ValueError, match="rb"):
        storage.open("a.xlsx", "wb")


def test_the_terminal_writes_every_piece(tmp_path, alice):
    content = os.urandom(PIECE_BYTES * 2 + 4321)
    artifact = store_artifact(
        owner_user=alice, owner_visitor="", key="a.xlsx", filename="a.xlsx",
        content_type="x/y", write=lambda file: file.write(content), retention_days=1,
    )  # fmt: skip

    with (tmp_path / "f.xlsx").open("wb", buffering=0) as file:
        buscar._save(Search(artifact=artifact), file)

    assert (tmp_path / "f.xlsx").read_bytes() == content

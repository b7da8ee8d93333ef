"""Uploads that are stored beside their captioned images."""

import hashlib
from dataclasses import replace
from pathlib import Path

from captiond.archive import Archive, Record, RecordRejected, StoredImage
from tests.contract.archive.making import files_below, make_record, replace_image

UPLOAD = b"\xff\xd8 the upload \xff\xd9"


def make_reencoded() -> Record:
    record = replace_image(make_record(), reencode_reason="progressive", upload_sha256=hashlib.sha256(UPLOAD).digest())
    return replace(record, original=UPLOAD)


def store(archive: Archive, record: Record) -> StoredImage:
    [image] = archive.store([record])
    assert isinstance(image, StoredImage)
    return image


def test_original_is_stored_beside_its_image(archive: Archive, images_dir: Path) -> None:
    image = store(archive, make_reencoded())

    original = archive.original(image)
    assert original is not None
    assert original.read_bytes() == UPLOAD
    assert original.parent == archive.file(image).parent
    assert archive.find(image.id) == image
    assert (image.reencode_reason, image.has_original) == ("progressive", True)
    assert len(files_below(images_dir)) == 2


def test_image_without_original_has_no_path_to_one(archive: Archive) -> None:
    assert archive.original(store(archive, make_record())) is None


def test_original_that_is_not_the_upload_is_rejected(archive: Archive, images_dir: Path) -> None:
    [rejected] = archive.store([replace(make_reencoded(), original=b"another")])

    assert isinstance(rejected, RecordRejected)
    assert "original" in str(rejected)
    assert not files_below(images_dir)


def test_verify_reports_altered_missing_and_orphaned_originals(archive: Archive, images_dir: Path) -> None:
    image = store(archive, make_reencoded())
    assert not list(archive.verify(grace_seconds=0))

    (original,) = images_dir.rglob("*.original.jpg")
    original.write_bytes(b"altered")
    assert [str(finding) for finding in archive.verify(grace_seconds=0)] == [
        f"altered: {original.relative_to(images_dir).as_posix()}"
    ]

    original.unlink()
    assert [finding.kind for finding in archive.verify(grace_seconds=0)] == ["missing"]

    archive.file(image).with_name(f"{make_record().image.id}.original.jpg").write_bytes(UPLOAD)
    assert [finding.kind for finding in archive.verify(grace_seconds=0)] == ["missing", "orphaned"]


def test_redelivery_restores_a_lost_original(archive: Archive) -> None:
    record = make_reencoded()
    original = archive.original(store(archive, record))
    assert original is not None
    original.unlink()

    store(archive, record)

    assert original.read_bytes() == UPLOAD


def test_long_reason_is_truncated(archive: Archive) -> None:
    image = store(archive, replace_image(make_reencoded(), reencode_reason="я" * 300))

    assert image.reencode_reason == "я" * 200


def test_original_that_arrives_after_its_row_is_not_stored(archive: Archive, images_dir: Path) -> None:
    late = make_reencoded()
    image = store(archive, replace(late, original=None))
    archive.file(image).unlink()

    assert store(archive, late) == image

    assert files_below(images_dir) == {late.path: late.jpeg}
    assert not list(archive.verify(grace_seconds=0))

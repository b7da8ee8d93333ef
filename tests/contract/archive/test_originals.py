"""Uploads that are kept beside their captioned images."""

import hashlib
from dataclasses import replace
from pathlib import Path

from captiond.archive import Archive, Record, RecordRejected, StoredImage
from tests.contract.archive.making import files_below, make_record

UPLOAD = b"\xff\xd8 the upload \xff\xd9"


def redrawn() -> Record:
    return replace(
        make_record(),
        reencode_reason="progressive",
        original=UPLOAD,
        upload_sha256=hashlib.sha256(UPLOAD).digest(),
    )


def kept(archive: Archive, record: Record) -> StoredImage:
    [image] = archive.store([record])
    assert isinstance(image, StoredImage)
    return image


def test_an_original_lies_beside_its_image(archive: Archive, images_dir: Path) -> None:
    image = kept(archive, redrawn())

    original = archive.original(image)
    assert original is not None
    assert original.read_bytes() == UPLOAD
    assert original.parent == archive.file(image).parent
    assert archive.find(image.id) == image
    assert (image.reencode_reason, image.has_original) == ("progressive", True)
    assert len(files_below(images_dir)) == 2


def test_an_image_without_an_original_has_none(archive: Archive) -> None:
    assert archive.original(kept(archive, make_record())) is None


def test_an_original_that_is_not_the_upload_is_refused(archive: Archive, images_dir: Path) -> None:
    [refused] = archive.store([replace(redrawn(), original=b"another")])

    assert isinstance(refused, RecordRejected)
    assert "original" in str(refused)
    assert not files_below(images_dir)


def test_verify_knows_originals_and_misses_lost_ones(archive: Archive, images_dir: Path) -> None:
    image = kept(archive, redrawn())
    assert not list(archive.verify(grace_seconds=0))

    (original,) = images_dir.rglob("*.original.jpg")
    original.write_bytes(b"altered")
    assert [str(finding) for finding in archive.verify(grace_seconds=0)] == [
        f"altered: {original.relative_to(images_dir).as_posix()}"
    ]

    original.unlink()
    assert [finding.kind for finding in archive.verify(grace_seconds=0)] == ["missing"]

    archive.file(image).with_name(f"{make_record().id}.original.jpg").write_bytes(UPLOAD)
    assert [finding.kind for finding in archive.verify(grace_seconds=0)] == ["missing", "orphaned"]


def test_a_lost_original_comes_back_with_a_second_delivery(archive: Archive) -> None:
    record = redrawn()
    original = archive.original(kept(archive, record))
    assert original is not None
    original.unlink()

    kept(archive, record)

    assert original.read_bytes() == UPLOAD


def test_a_long_reason_is_cut_and_not_refused(archive: Archive) -> None:
    image = kept(archive, replace(redrawn(), reencode_reason="я" * 300))

    assert image.reencode_reason == "я" * 200


def test_an_original_that_comes_after_its_row_is_not_left_without_one(archive: Archive, images_dir: Path) -> None:
    late = redrawn()
    image = kept(archive, replace(late, original=None))
    archive.file(image).unlink()

    assert kept(archive, late) == image

    assert files_below(images_dir) == {late.path: late.jpeg}
    assert not list(archive.verify(grace_seconds=0))

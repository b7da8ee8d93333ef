"""Storing records: idempotence, rejection and concurrent archivers."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from captiond.archive import Archive, PageQuery, Record, RecordRejected, StoredImage
from captiond.image import UNCHECKED
from tests.contract.archive.making import MORNING, files_below, make_record, replace_image, replace_jpeg

EVERYTHING = PageQuery(limit=1000)

# A constraint that an operator may have added, for each database.
REFUSE_POISON = {
    "sqlite": "CREATE TRIGGER refuse BEFORE INSERT ON images WHEN NEW.description = 'poison' "
    "BEGIN SELECT RAISE(ABORT, 'no poison'); END",
    "postgresql": "ALTER TABLE images ADD CONSTRAINT refuse CHECK (description <> 'poison')",
    "mariadb": "CREATE TRIGGER refuse BEFORE INSERT ON images FOR EACH ROW "
    "IF NEW.description = 'poison' THEN SIGNAL SQLSTATE '22003' "
    "SET MYSQL_ERRNO = 1264, MESSAGE_TEXT = 'no poison'; END IF",
}


def test_stored_record_is_found_with_all_its_values(archive: Archive) -> None:
    record = make_record()
    before = datetime.now(UTC)

    [stored] = archive.store([record])

    assert isinstance(stored, StoredImage)
    assert archive.find(record.image.id) == stored
    assert stored == StoredImage(
        id=record.image.id,
        received_at=MORNING,
        stored_at=stored.stored_at,
        description=record.image.description,
        path=f"2026/03/01/0759/{record.image.id}.jpg",
        width=640,
        height=512,
        size_bytes=len(record.jpeg),
        sha256=record.sha256,
        upload_sha256=record.image.upload_sha256,
        reencode_reason=None,
        has_original=False,
    )
    assert before - timedelta(milliseconds=1) <= stored.stored_at <= datetime.now(UTC)
    assert stored.received_at.tzinfo is UTC
    assert archive.file(stored).read_bytes() == record.jpeg


@pytest.mark.parametrize(
    ("damage", "stored_damage"), [(None, None), ("no scan", "no scan"), (UNCHECKED, UNCHECKED), ("я" * 300, "я" * 200)]
)
def test_damage_is_stored(archive: Archive, damage: str | None, stored_damage: str | None) -> None:
    record = replace_image(make_record(), damage=damage)

    archive.store([record])

    found = archive.find(record.image.id)
    assert found
    assert found.damage == stored_damage


def test_unknown_id_is_not_found(archive: Archive) -> None:
    assert archive.find(uuid4()) is None


def test_times_in_other_zones_are_stored_and_returned_in_utc(archive: Archive) -> None:
    moscow = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=3)))

    [stored] = archive.store([make_record(received_at=moscow)])

    assert isinstance(stored, StoredImage)
    assert stored.received_at == moscow
    assert stored.path.startswith("2025/12/31/2230/")


def test_two_hundred_characters_beyond_the_basic_plane_are_stored(archive: Archive) -> None:
    [stored] = archive.store([make_record("𝕏" * 199 + "ΐ")])

    assert isinstance(stored, StoredImage)
    assert stored.description == "𝕏" * 199 + "ΐ"
    assert archive.page(PageQuery(limit=1, text="ΐ")) == [stored]


def test_storing_no_records_returns_no_outcomes(archive: Archive) -> None:
    assert archive.store([]) == []


def test_redelivery_changes_neither_row_nor_file(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    first = archive.store([record])
    [file] = images_dir.rglob("*.jpg")
    inode = file.stat().st_ino

    second = archive.store([record])

    assert second == first
    assert archive.page(EVERYTHING) == first
    assert [path.stat().st_ino for path in images_dir.rglob("*.*")] == [inode]


def test_redelivery_with_another_caption_keeps_the_first_file(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    first = archive.store([record])

    second = archive.store([replace_jpeg(record, b"drawn in another font")])

    assert second == first
    assert list(files_below(images_dir).values()) == [record.jpeg]


def test_redelivery_with_another_time_keeps_the_first_path(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    first = archive.store([record])

    second = archive.store([replace_image(record, received_at=MORNING + timedelta(days=2))])

    assert second == first
    assert len(files_below(images_dir)) == 1


def test_orphaned_file_is_replaced(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    orphan = images_dir / record.path
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"from a delivery that died before its row")

    archive.store([record])

    assert files_below(images_dir) == {record.path: record.jpeg}


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_bytes(b"?")])
def test_redelivery_restores_a_lost_or_damaged_file(
    archive: Archive, images_dir: Path, damage: Callable[[Path], object]
) -> None:
    record = make_record()
    first = archive.store([record])
    damage(images_dir / record.path)

    second = archive.store([record])

    assert second == first
    assert files_below(images_dir) == {record.path: record.jpeg}


def test_another_upload_with_an_archived_id_is_rejected(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    first = archive.store([record])
    other_upload = replace_image(replace_jpeg(record, b"another upload"), upload_sha256=bytes(32))

    [outcome] = archive.store([other_upload])

    assert isinstance(outcome, RecordRejected)
    assert outcome.image_id == record.image.id
    assert str(outcome) == f"the archive rejected image {record.image.id}: another upload has this id"
    assert archive.page(EVERYTHING) == first
    assert list(files_below(images_dir).values()) == [record.jpeg]


def test_id_that_occurs_twice_in_a_batch_is_stored_once(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    other_upload = replace_image(record, upload_sha256=bytes(32))

    first, again, rejected = archive.store([record, record, other_upload])

    assert first == again == archive.find(record.image.id)
    assert isinstance(rejected, RecordRejected)
    assert len(files_below(images_dir)) == 1


def test_batch_may_have_any_size(archive: Archive, images_dir: Path) -> None:
    records = [make_record(jpeg=b"%d" % number) for number in range(250)]

    stored = archive.store(records)

    assert [image.id for image in stored if isinstance(image, StoredImage)] == [record.image.id for record in records]
    assert files_below(images_dir) == {record.path: record.jpeg for record in records}
    assert list(archive.verify(grace_seconds=0)) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (replace(make_record(), original=b"truncated"), "the original does not match upload_sha256"),
        (make_record("й" * 201), "exceeds 200 characters"),
        (make_record("nothing\0"), "contains U+0000"),
        (make_record("half \ud83e"), "a lone surrogate"),
        (make_record(received_at=MORNING.replace(tzinfo=None)), "received_at has no time zone"),
        (replace_image(make_record(), width=0), "0 x 512 pixels are outside 1 to 2147483647"),
        (replace_image(make_record(), height=2**31), "640 x 2147483648 pixels are outside"),
    ],
    ids=["checksum", "long", "nul", "surrogate", "naive", "narrow", "high"],
)
def test_invalid_record_does_not_prevent_others_of_its_batch(
    archive: Archive, images_dir: Path, wrong: Record, reason: str
) -> None:
    good = [make_record(), make_record()]

    first, outcome, last = archive.store([good[0], wrong, good[1]])

    assert isinstance(outcome, RecordRejected)
    assert reason in outcome.reason
    assert {image.id for image in (first, last) if isinstance(image, StoredImage)} == {
        record.image.id for record in good
    }
    assert sorted(files_below(images_dir)) == sorted(record.path for record in good)


def test_record_rejected_by_the_database_does_not_prevent_others(
    archive: Archive, images_dir: Path, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(REFUSE_POISON[engine.dialect.name])
    good = [make_record() for _ in range(5)]

    *stored, outcome = archive.store([*good, make_record("poison")])

    assert isinstance(outcome, RecordRejected)
    assert outcome.reason.startswith("database: ")
    assert "INSERT" not in outcome.reason
    assert stored == [archive.find(record.image.id) for record in good]
    assert sorted(files_below(images_dir)) == sorted(record.path for record in good)
    assert list(archive.verify(grace_seconds=0)) == []


def test_concurrent_archivers_leave_matching_rows_and_files(archive: Archive, engine: Engine, images_dir: Path) -> None:
    archivers = [archive, Archive(engine, images_dir), Archive(engine, images_dir)]
    start = threading.Barrier(len(archivers))
    batches = [[make_record() for _ in range(8)] for _ in range(12)]

    def store_all(number: int) -> None:
        shuffle = random.Random(number).shuffle  # noqa: S311 - an order, no secret
        for batch in batches:
            mine = [replace_jpeg(record, b"drawn by %d" % number) for record in batch]
            shuffle(mine)
            start.wait()
            outcomes = archivers[number].store(mine)
            assert all(isinstance(outcome, StoredImage) for outcome in outcomes)

    with ThreadPoolExecutor(len(archivers)) as threads:
        list(threads.map(store_all, range(len(archivers))))

    assert len(archive.page(EVERYTHING)) == len(files_below(images_dir)) == 8 * 12
    assert list(archive.verify(grace_seconds=0)) == []

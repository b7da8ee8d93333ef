"""Deletion, tombstones and holds on each database."""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from captiond.archive import Actor, Archive, ArchiveUnavailable, Expired, PageQuery, Record, RecordRejected, StoredImage
from captiond.archive.findings import FindingKind
from captiond.archive.records import Cursor, Tombstone, original_path
from captiond.archive.sql.expired import find_size_cursor
from captiond.archive.sql.rows import IMAGES
from captiond.image import Labels
from tests.contract.archive.making import MORNING, files_below, make_record, replace_image

ACTOR = Actor("anna", "order 7")
BEFORE_NOW = Expired((datetime.now(UTC), UUID(int=0)))


def with_original(record: Record) -> Record:
    upload = b"upload" + record.image.id.bytes
    return replace(record, original=upload)


def finish(archive: Archive) -> None:
    pending = archive.lifecycle.pending()
    archive.lifecycle.delete_files(pending)
    archive.lifecycle.finish(pending)


def delete(archive: Archive, *records: Record) -> None:
    deleted = archive.lifecycle.delete([record.image.id for record in records], ACTOR)
    assert deleted.sizes.keys() == {record.image.id for record in records}
    finish(archive)


def test_deleted_image_leaves_its_tombstone_only(archive: Archive, engine: Engine, images_dir: Path) -> None:
    gone = with_original(replace_image(make_record("gone away"), labels=Labels({"gate": "north"}), captured_at=MORNING))
    kept = replace_image(make_record("stays here"), labels=Labels({"gate": "north"}))
    [stored, other] = archive.store([gone, kept])
    assert isinstance(stored, StoredImage)

    deleted = archive.lifecycle.delete([stored.id, uuid4()], ACTOR)

    assert deleted.sizes == {stored.id: stored.size_bytes}
    assert deleted.held == frozenset()
    assert archive.find(stored.id) is None
    finish(archive)
    assert files_below(images_dir) == {kept.path: kept.jpeg}
    assert archive.page(PageQuery(limit=10, text="gone")) == []
    assert archive.page(PageQuery(limit=10, labels=(("gate", "north"),))) == [other]
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM image_labels").scalar() == 1
        if engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("SELECT count(*) FROM images_numbered").scalar() == 1
    tombstone = archive.lifecycle.tombstone(stored.id)
    assert tombstone
    assert abs(tombstone.deleted_at - datetime.now(UTC)) < timedelta(hours=1)
    assert replace(tombstone, deleted_at=MORNING) == Tombstone(
        id=stored.id,
        received_at=stored.received_at,
        stored_at=stored.stored_at,
        captured_at=MORNING,
        sha256=stored.sha256,
        upload_sha256=stored.upload_sha256,
        size_bytes=stored.size_bytes,
        deleted_at=MORNING,
        deleted_by="anna",
        reason="order 7",
    )
    assert list(archive.verify(grace_seconds=0)) == []
    assert archive.lifecycle.count_deleted() == 1


def test_hold_prevents_deletion_until_it_is_released(archive: Archive, images_dir: Path) -> None:
    held, free = (make_record() for _ in range(2))
    archive.store([held, free])
    assert archive.lifecycle.hold(held.image.id, Actor("ben", "case 1"))
    assert archive.lifecycle.hold(held.image.id, Actor("anna"))  # changes nothing

    deleted = archive.lifecycle.delete([held.image.id, free.image.id], ACTOR)
    finish(archive)

    assert deleted.held == {held.image.id}
    assert deleted.sizes.keys() == {free.image.id}
    [found] = archive.page(PageQuery(limit=10))
    assert (found.id, found.held) == (held.image.id, True)
    assert files_below(images_dir).keys() == {held.path}
    [hold] = archive.lifecycle.holds()
    assert (hold.image_id, hold.held_by, hold.reason) == (held.image.id, "ben", "case 1")
    assert archive.lifecycle.count_held() == 1
    assert archive.lifecycle.release(held.image.id)
    assert archive.lifecycle.holds() == []
    delete(archive, held)
    assert files_below(images_dir) == {}


def test_unknown_and_deleted_images_cannot_be_held(archive: Archive) -> None:
    record = make_record()
    archive.store([record])
    delete(archive, record)

    assert not archive.lifecycle.hold(record.image.id, ACTOR)
    assert not archive.lifecycle.release(uuid4())
    assert archive.lifecycle.delete([record.image.id], ACTOR).sizes == {}


@pytest.mark.parametrize("actor", [("x" * 256, None), ("anna", "x" * 201), ("anna", "a\0b"), ("\ud800", None)])
def test_text_that_no_database_can_store_is_refused(actor: tuple[str, str | None]) -> None:
    with pytest.raises(ValueError, match=r"exceeds \d+ characters, or contains"):
        Actor(*actor)


def test_hold_and_deletion_at_the_same_time_leave_no_held_image_deleted(archive: Archive, images_dir: Path) -> None:
    records = [make_record() for _ in range(40)]
    archive.store(records)
    ids = [record.image.id for record in records]
    start = threading.Barrier(3)
    held: set[UUID] = set()

    def hold() -> None:
        start.wait()
        for image_id in ids:
            if archive.lifecycle.hold(image_id, ACTOR):
                held.add(image_id)

    def prune() -> None:
        start.wait()
        for first in range(0, len(ids), 4):
            archive.lifecycle.delete(ids[first : first + 4], ACTOR)

    with ThreadPoolExecutor(3) as threads:
        for work in [threads.submit(hold), threads.submit(prune), threads.submit(prune)]:
            work.result()
    finish(archive)

    assert archive.lifecycle.tombstones(ids).keys() == set(ids) - held
    assert {image.id for image in archive.page(PageQuery(limit=100))} == held
    assert list(archive.verify(grace_seconds=0)) == []
    assert len(files_below(images_dir)) == len(held)


def test_redelivery_of_a_deleted_image_stores_nothing(archive: Archive, images_dir: Path) -> None:
    record, other = make_record(), make_record()
    archive.store([record])
    delete(archive, record)

    outcomes = archive.store([record, other])

    assert outcomes == [archive.lifecycle.tombstone(record.image.id), archive.find(other.image.id)]
    assert files_below(images_dir).keys() == {other.path}


def test_later_upload_with_the_id_of_a_deleted_image_is_rejected(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    archive.store([record])
    delete(archive, record)

    [outcome] = archive.store([replace_image(record, received_at=MORNING + timedelta(days=1))])

    assert isinstance(outcome, RecordRejected)
    assert "was deleted at" in outcome.reason
    assert "another Idempotency-Key" in outcome.reason
    assert archive.page(PageQuery(limit=10)) == []
    assert files_below(images_dir) == {}


def test_store_and_deletion_at_the_same_time_agree(archive: Archive, images_dir: Path) -> None:
    """Redeliveries of images that are being deleted: each ends as a tombstone without files."""
    records = [make_record(id_=UUID(int=number)) for number in range(30)]
    archive.store(records)
    start = threading.Barrier(2)

    def redeliver() -> None:
        start.wait()
        for first in range(0, len(records), 5):
            archive.store(records[first : first + 5])

    def remove() -> None:
        start.wait()
        for first in range(0, len(records), 3):
            delete(archive, *records[first : first + 3])

    with ThreadPoolExecutor(2) as threads:
        for work in [threads.submit(redeliver), threads.submit(remove)]:
            work.result()

    assert archive.count() == 0
    assert archive.lifecycle.count_deleted() == len(records)
    assert list(archive.verify(grace_seconds=0)) == []
    assert files_below(images_dir) == {}


def test_image_that_an_earlier_version_stored_again_is_found_and_can_be_deleted(
    archive: Archive, engine: Engine
) -> None:
    record = make_record()
    archive.store([record])
    delete(archive, record)
    tombstone = archive.lifecycle.tombstone(record.image.id)
    with engine.begin() as connection:
        connection.execute(insert(IMAGES).values(**vars(record.to_stored(MORNING)), description_folded=""))

    findings = list(archive.verify(grace_seconds=0))

    assert [finding.kind for finding in findings] == [FindingKind.MISSING, FindingKind.CONTRADICTED]
    assert "the image was deleted at" in findings[1].detail
    delete(archive, record)
    assert archive.lifecycle.tombstone(record.image.id) == tombstone


def test_file_of_a_deleted_image_is_a_leftover_once_its_deletion_is_old(archive: Archive, images_dir: Path) -> None:
    record = with_original(make_record())
    archive.store([record])
    archive.lifecycle.delete([record.image.id], ACTOR)
    for path in record.files:
        long_ago = time.time() - 7200
        os.utime(images_dir / path, (long_ago, long_ago))
    assert list(archive.verify()) == []

    findings = list(archive.verify(grace_seconds=-60))

    assert all(finding.is_of_deleted_image for finding in findings)
    assert {str(finding) for finding in findings} == {
        f"leftover: {path} (of a deleted image)" for path in (record.path, original_path(record.path))
    }
    for finding in findings:
        archive.lifecycle.delete_leftover(finding.path)
    assert files_below(images_dir) == {}


def test_files_are_not_counted_as_deleted_while_their_disk_is_not_mounted(
    sqlite_archive: Archive, images_dir: Path
) -> None:
    gone, kept = make_record(), make_record()
    sqlite_archive.prepare()
    sqlite_archive.store([gone, kept])
    sqlite_archive.lifecycle.delete([gone.image.id], ACTOR)
    disk = images_dir.rename(images_dir.with_name("disk"))
    images_dir.mkdir()

    with pytest.raises(ArchiveUnavailable, match="has no deployment marker"):
        sqlite_archive.lifecycle.delete_files(sqlite_archive.lifecycle.pending())

    assert (disk / gone.path).exists()


def test_file_that_cannot_be_deleted_leaves_the_others_alone(archive: Archive, images_dir: Path) -> None:
    records = [with_original(make_record()) for _ in range(3)]
    archive.store(records)
    stuck, *others = sorted(records, key=lambda record: record.image.id)
    (images_dir / stuck.path).unlink()
    (images_dir / stuck.path).mkdir()
    archive.lifecycle.delete([record.image.id for record in records], ACTOR)
    first, *rest = pending = archive.lifecycle.pending()

    failed = archive.lifecycle.delete_files(pending)

    assert failed.keys() == {stuck.image.id}
    assert "Is a directory" in failed[stuck.image.id]
    assert files_below(images_dir) == {}
    assert first.image_id == stuck.image.id
    assert archive.lifecycle.pending(1, first.image_id) == rest[:1]
    assert archive.lifecycle.pending_of([others[1].image.id, uuid4()]) == rest[1:]


def test_leftover_that_cannot_be_deleted_is_an_error(sqlite_archive: Archive, images_dir: Path) -> None:
    (images_dir / "folder").mkdir()

    with pytest.raises(ArchiveUnavailable, match=r"Is a directory: '.*folder'"):
        sqlite_archive.lifecycle.delete_leftover("folder")


def test_temporary_file_that_cannot_be_deleted_leaves_the_others_alone(
    sqlite_archive: Archive, images_dir: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record = make_record()
    sqlite_archive.store([record])
    folder = (images_dir / record.path).parent
    (folder / ".a.tmp").mkdir()
    (folder / ".b.tmp").touch()

    assert sqlite_archive.clean_up(grace_seconds=0) == 1

    assert (folder / ".a.tmp").exists()
    assert "cannot delete a temporary file: [Errno 21] Is a directory" in caplog.text


def test_empty_folders_are_deleted_after_the_grace_period(sqlite_archive: Archive, images_dir: Path) -> None:
    gone, kept = make_record(), make_record(received_at=MORNING + timedelta(days=1))
    sqlite_archive.store([gone, kept])
    (images_dir / "dead-letters").mkdir()
    delete(sqlite_archive, gone)

    sqlite_archive.clean_up()
    assert (images_dir / gone.path).parent.exists()
    sqlite_archive.clean_up(grace_seconds=0)

    assert not (images_dir / "2026/03/01").exists()
    assert (images_dir / kept.path).exists()
    assert (images_dir / "dead-letters").exists()
    [again] = sqlite_archive.store([make_record()])
    assert isinstance(again, StoredImage)
    assert (images_dir / again.path).exists()


def test_expired_images_are_read_in_pages_oldest_first(archive: Archive) -> None:
    cameras = ["a", "b", None, "a", "b", None]
    records = [
        replace_image(make_record(received_at=MORNING + timedelta(hours=number // 2)), camera=camera)
        for number, camera in enumerate(cameras)
    ]
    archive.store(records)
    archive.lifecycle.hold(records[0].image.id, ACTOR)
    ordered = [record.image.id for record in sorted(records, key=lambda each: (each.image.received_at, each.image.id))]

    def read(selection: Expired) -> list[UUID]:
        found, after = [], None
        while page := archive.lifecycle.expired(selection, after, 2):
            found += [image.id for image in page]
            after = (page[-1].received_at, page[-1].id)
        return found

    def expected(condition: Callable[[Record], bool]) -> list[UUID]:
        chosen = {record.image.id for record in records[1:] if condition(record)}
        return [image_id for image_id in ordered if image_id in chosen]

    noon = (MORNING + timedelta(hours=2), UUID(int=0))
    assert read(BEFORE_NOW) == expected(lambda _: True)
    assert read(Expired(noon)) == expected(lambda record: record in records[:4])
    assert read(replace(BEFORE_NOW, camera="a")) == expected(lambda record: record.image.camera == "a")
    assert read(replace(BEFORE_NOW, except_cameras=("a", "c"))) == expected(lambda record: record.image.camera != "a")


@pytest.mark.parametrize("chunk_images", [1, 3, 100])
def test_oldest_images_exceed_a_size(archive: Archive, engine: Engine, chunk_images: int) -> None:
    times = [MORNING + timedelta(minutes=number // 2) for number in range(12)]
    records = [make_record(received_at=received_at, jpeg=bytes(10)) for received_at in times]
    records[0] = with_original(records[0])
    archive.store(records)
    newest_first = sorted(records, key=lambda each: (each.image.received_at, each.image.id), reverse=True)
    archive.lifecycle.hold(newest_first[4].image.id, ACTOR)
    free = [record for record in newest_first if record is not newest_first[4]]

    def find(size: int) -> Cursor | None:
        with Session(engine) as session:
            return find_size_cursor(session, size, None, chunk_images=chunk_images)

    for kept in range(len(free)):
        size = sum(10 * (1 + (record.original is not None)) for record in free[:kept])
        cursor = find(size)
        assert cursor
        expired = {image.id for image in archive.lifecycle.expired(Expired(cursor), None, 100)}
        assert expired == {record.image.id for record in free[kept:]}
    assert find(120) is None
    assert archive.lifecycle.size_cursor(0, "nobody") is None


def test_selected_images_do_not_count_for_a_size(archive: Archive) -> None:
    """Each image has a byte, so that a size is a number of images: of the cameras a, a, b, b, and none, none."""
    records = [
        replace_image(make_record(received_at=MORNING + timedelta(hours=hours), jpeg=b"."), camera=camera)
        for camera in ("a", "b", None)
        for hours in (0, 4)
    ]
    archive.store(records)
    noon = (MORNING + timedelta(hours=2), UUID(int=0))

    def count(*without: Expired) -> int:
        return next(size for size in range(10) if archive.lifecycle.size_cursor(size, None, without) is None)

    assert count() == 6
    assert count(Expired(noon)) == 3
    assert count(BEFORE_NOW) == 0
    assert count(Expired(noon, camera="a")) == 5
    assert count(replace(BEFORE_NOW, camera="a"), Expired(noon)) == 2
    assert count(Expired(noon, except_cameras=("a", "c"))) == 4

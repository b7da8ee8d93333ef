"""What is kept, what is refused, and that keeping again changes nothing."""

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
from tests.contract.archive.making import MORNING, files_below, make_record, with_jpeg

EVERYTHING = PageQuery(limit=1000)

# How an operator's own rule refuses a row, in the words of each database.
REFUSE_POISON = {
    "sqlite": "CREATE TRIGGER refuse BEFORE INSERT ON images WHEN NEW.description = 'poison' "
    "BEGIN SELECT RAISE(ABORT, 'no poison'); END",
    "postgresql": "ALTER TABLE images ADD CONSTRAINT refuse CHECK (description <> 'poison')",
    "mariadb": "CREATE TRIGGER refuse BEFORE INSERT ON images FOR EACH ROW "
    "IF NEW.description = 'poison' THEN SIGNAL SQLSTATE '22003' "
    "SET MYSQL_ERRNO = 1264, MESSAGE_TEXT = 'no poison'; END IF",
}


def test_a_kept_record_is_found_with_all_it_came_with(archive: Archive) -> None:
    record = make_record()
    before = datetime.now(UTC)

    [kept] = archive.store([record])

    assert isinstance(kept, StoredImage)
    assert archive.find(record.id) == kept
    assert kept == StoredImage(
        id=record.id,
        received_at=MORNING,
        stored_at=kept.stored_at,
        description=record.description,
        path=f"2026/03/01/0759/{record.id}.jpg",
        width=640,
        height=512,
        bytes=len(record.jpeg),
        sha256=record.sha256.hex(),
        upload_sha256=record.upload_sha256.hex(),
        reencode_reason=None,
        has_original=False,
    )
    assert before - timedelta(milliseconds=1) <= kept.stored_at <= datetime.now(UTC)
    assert kept.received_at.tzinfo is UTC
    assert archive.file(kept).read_bytes() == record.jpeg


def test_an_unknown_id_is_not_found(archive: Archive) -> None:
    assert archive.find(uuid4()) is None


def test_times_of_other_zones_are_filed_and_returned_in_utc(archive: Archive) -> None:
    moscow = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=3)))

    [kept] = archive.store([make_record(received_at=moscow)])

    assert isinstance(kept, StoredImage)
    assert kept.received_at == moscow
    assert kept.path.startswith("2025/12/31/2230/")


def test_two_hundred_characters_beyond_the_basic_plane_are_kept_whole(archive: Archive) -> None:
    [kept] = archive.store([make_record("𝕏" * 199 + "ΐ")])

    assert isinstance(kept, StoredImage)
    assert kept.description == "𝕏" * 199 + "ΐ"
    assert archive.page(PageQuery(limit=1, text="ΐ")) == [kept]


def test_keeping_nothing_keeps_nothing(archive: Archive) -> None:
    assert archive.store([]) == []


def test_a_second_delivery_changes_neither_row_nor_file(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    first = archive.store([record])
    [file] = images_dir.rglob("*.jpg")
    inode = file.stat().st_ino

    second = archive.store([record])

    assert second == first
    assert archive.page(EVERYTHING) == first
    assert [path.stat().st_ino for path in images_dir.rglob("*.*")] == [inode]


def test_a_delivery_captioned_differently_leaves_the_first_one_standing(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    first = archive.store([record])

    second = archive.store([with_jpeg(record, b"drawn with another font")])

    assert second == first
    assert list(files_below(images_dir).values()) == [record.jpeg]


def test_a_delivery_received_again_later_stays_where_it_was(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    first = archive.store([record])

    second = archive.store([replace(record, received_at=MORNING + timedelta(days=2))])

    assert second == first
    assert len(files_below(images_dir)) == 1


def test_a_file_without_a_row_is_replaced_by_what_is_delivered(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    orphan = images_dir / record.path
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"from a delivery that died before its row")

    archive.store([record])

    assert files_below(images_dir) == {record.path: record.jpeg}


@pytest.mark.parametrize("harm", [Path.unlink, lambda file: file.write_bytes(b"?")])
def test_another_delivery_mends_a_lost_or_damaged_file(
    archive: Archive, images_dir: Path, harm: Callable[[Path], object]
) -> None:
    record = make_record()
    first = archive.store([record])
    harm(images_dir / record.path)

    second = archive.store([record])

    assert second == first
    assert files_below(images_dir) == {record.path: record.jpeg}


def test_another_upload_under_a_known_id_is_refused(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    first = archive.store([record])
    stranger = replace(with_jpeg(record, b"a stranger"), upload_sha256=bytes(32))

    [outcome] = archive.store([stranger])

    assert isinstance(outcome, RecordRejected)
    assert outcome.record_id == record.id
    assert str(outcome) == (f"image {record.id} was refused: its id already belongs to another upload")
    assert archive.page(EVERYTHING) == first
    assert list(files_below(images_dir).values()) == [record.jpeg]


def test_one_id_twice_in_a_batch_is_kept_once(archive: Archive, images_dir: Path) -> None:
    record = make_record()
    stranger = replace(record, upload_sha256=bytes(32))

    first, again, refused = archive.store([record, record, stranger])

    assert first == again == archive.find(record.id)
    assert isinstance(refused, RecordRejected)
    assert len(files_below(images_dir)) == 1


def test_a_batch_may_be_of_any_size(archive: Archive, images_dir: Path) -> None:
    records = [make_record(jpeg=b"%d" % number) for number in range(250)]

    kept = archive.store(records)

    assert [image.id for image in kept if isinstance(image, StoredImage)] == [record.id for record in records]
    assert files_below(images_dir) == {record.path: record.jpeg for record in records}
    assert list(archive.verify(grace_seconds=0)) == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (replace(make_record(), original=b"cut"), "the original does not match its checksum"),
        (make_record("й" * 201), "the description is longer than 200 characters"),
        (make_record("nothing\0"), "holds U+0000"),
        (make_record("half \ud83e"), "a lone surrogate"),
        (make_record(received_at=MORNING.replace(tzinfo=None)), "received_at has no time zone"),
        (replace(make_record(), width=0), "0 x 512 pixels are no picture"),
        (replace(make_record(), height=2**31), "640 x 2147483648 pixels are no picture"),
    ],
    ids=["checksum", "long", "nul", "surrogate", "naive", "narrow", "high"],
)
def test_a_record_that_can_never_be_kept_is_refused_alone(
    archive: Archive, images_dir: Path, wrong: Record, reason: str
) -> None:
    good = [make_record(), make_record()]

    first, outcome, last = archive.store([good[0], wrong, good[1]])

    assert isinstance(outcome, RecordRejected)
    assert reason in outcome.reason
    assert {image.id for image in (first, last) if isinstance(image, StoredImage)} == {record.id for record in good}
    assert sorted(files_below(images_dir)) == sorted(record.path for record in good)


def test_a_record_the_database_refuses_is_refused_alone(archive: Archive, images_dir: Path, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(REFUSE_POISON[engine.dialect.name])
    good = [make_record() for _ in range(5)]

    *kept, outcome = archive.store([*good, make_record("poison")])

    assert isinstance(outcome, RecordRejected)
    assert outcome.reason.startswith("database: ")
    assert "INSERT" not in outcome.reason
    assert kept == [archive.find(record.id) for record in good]
    assert sorted(files_below(images_dir)) == sorted(record.path for record in good)
    assert list(archive.verify(grace_seconds=0)) == []


def test_archivers_that_keep_the_same_images_differently_leave_matching_rows_and_files(
    archive: Archive, engine: Engine, images_dir: Path
) -> None:
    racers = [archive, Archive(engine, images_dir), Archive(engine, images_dir)]
    start = threading.Barrier(len(racers))
    batches = [[make_record() for _ in range(8)] for _ in range(12)]

    def keep_all(number: int) -> None:
        shuffle = random.Random(number).shuffle  # noqa: S311 - an order, no secret
        for batch in batches:
            mine = [with_jpeg(record, b"drawn by %d" % number) for record in batch]
            shuffle(mine)
            start.wait()
            outcomes = racers[number].store(mine)
            assert all(isinstance(outcome, StoredImage) for outcome in outcomes)

    with ThreadPoolExecutor(len(racers)) as threads:
        list(threads.map(keep_all, range(len(racers))))

    assert len(archive.page(EVERYTHING)) == len(files_below(images_dir)) == 8 * 12
    assert list(archive.verify(grace_seconds=0)) == []

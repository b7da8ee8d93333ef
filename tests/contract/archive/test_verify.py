"""Verification of rows and files, and deletion of temporary files."""

import os
import time
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from captiond.archive import Archive, ArchiveUnavailable, Finding
from captiond.archive.findings import FindingKind
from captiond.archive.records import Record
from captiond.archive.sql.rows import IMAGES
from tests.contract.archive.making import files_below, make_record

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS


def put(path: Path, *, age_seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"leftover")
    then = time.time() - age_seconds
    os.utime(path, (then, then))
    return path


def test_consistent_archive_has_no_findings(archive: Archive) -> None:
    archive.store([make_record() for _ in range(3)])

    assert list(archive.verify(grace_seconds=0)) == []


def test_every_kind_of_discrepancy_is_found(archive: Archive, images_dir: Path) -> None:
    lost, cut, changed, intact = (make_record() for _ in range(4))
    archive.store([lost, cut, changed, intact])
    (images_dir / lost.path).unlink()
    (images_dir / cut.path).write_bytes(cut.jpeg[:-1])
    (images_dir / changed.path).write_bytes(changed.jpeg.swapcase())
    stray = f"2026/03/01/0759/{uuid4()}.jpg"
    moved = f"2026/03/01/0800/{intact.image.id}.jpg"
    temp = f"2026/03/01/0759/.{uuid4()}.jpg.0a1b2c3d.tmp"
    for path in (stray, moved, temp, "notes.txt"):
        put(images_dir / path, age_seconds=HOUR_SECONDS + 1)

    findings = list(archive.verify())

    assert len(findings) == 7
    assert set(findings) == {
        Finding(FindingKind.MISSING, lost.path),
        Finding(FindingKind.ALTERED, cut.path),
        Finding(FindingKind.ALTERED, changed.path),
        Finding(FindingKind.ORPHANED, stray),
        Finding(FindingKind.ORPHANED, moved),
        Finding(FindingKind.ORPHANED, "notes.txt"),
        Finding(FindingKind.LEFTOVER, temp),
    }


def test_files_younger_than_the_grace_period_are_ignored(archive: Archive, images_dir: Path) -> None:
    put(images_dir / make_record().path, age_seconds=0)
    put(images_dir / "2026/03/01/0759/.young.tmp", age_seconds=0)

    assert list(archive.verify()) == []
    assert len(list(archive.verify(grace_seconds=0))) == 2


def test_every_page_of_rows_is_verified(sqlite_archive: Archive, images_dir: Path) -> None:
    records = [make_record() for _ in range(1001)]
    sqlite_archive.store(records)
    for record in records[::100]:
        (images_dir / record.path).unlink()

    findings = list(sqlite_archive.verify())

    assert {finding.path for finding in findings} == {record.path for record in records[::100]}


def test_lost_and_found_folder_is_ignored(sqlite_archive: Archive, images_dir: Path) -> None:
    put(images_dir / "lost+found" / "#42", age_seconds=DAY_SECONDS)

    assert list(sqlite_archive.verify()) == []


def test_missing_images_directory_is_unavailable(sqlite_archive: Archive, images_dir: Path) -> None:
    images_dir.rmdir()

    with pytest.raises(ArchiveUnavailable, match="images directory: "):
        list(sqlite_archive.verify())


def test_temporary_files_older_than_an_hour_are_deleted(sqlite_archive: Archive, images_dir: Path) -> None:
    record = make_record()
    sqlite_archive.store([record])
    folder = (images_dir / record.path).parent
    put(folder / ".old.jpg.0a1b2c3d.tmp", age_seconds=HOUR_SECONDS + 1)
    young = put(folder / ".young.jpg.0a1b2c3d.tmp", age_seconds=HOUR_SECONDS - 60)

    assert sqlite_archive.clean_up() == 1

    assert set(files_below(images_dir)) == {record.path, young.relative_to(images_dir).as_posix()}
    assert sqlite_archive.clean_up() == 0


def test_folders_unchanged_for_a_week_are_skipped(sqlite_archive: Archive, images_dir: Path) -> None:
    temp = put(images_dir / "2025/01/01/0000/.old.tmp", age_seconds=9 * DAY_SECONDS)
    os.utime(temp.parent, (time.time() - 8 * DAY_SECONDS,) * 2)

    assert sqlite_archive.clean_up() == 0
    assert [str(finding) for finding in sqlite_archive.verify()] == ["leftover: 2025/01/01/0000/.old.tmp"]


def set_column(archive: Archive, record: Record, column: str, value: object) -> None:
    with archive._engine.begin() as connection:  # noqa: SLF001 - there is no other way to damage a row
        connection.execute(update(IMAGES).where(IMAGES.c.id == record.image.id).values({IMAGES.c[column]: value}))


@pytest.mark.parametrize(("column", "value"), [("width", 0), ("height", -1), ("path", "../x.jpg"), ("path", "/x.jpg")])
def test_row_with_a_meaningless_value_is_named_and_the_others_are_checked(
    archive: Archive, images_dir: Path, column: str, value: object
) -> None:
    damaged, lost = make_record(), make_record()
    archive.store([damaged, lost])
    (images_dir / lost.path).unlink()
    set_column(archive, damaged, column, value)

    findings = {str(finding) for finding in archive.verify(grace_seconds=0)}

    assert findings == {
        f"unreadable row: {damaged.image.id} ({column} is {value!r})",
        f"missing: {lost.path}",
    }


@pytest.mark.parametrize(
    ("assignment", "named"),
    [
        ("received_at = 'yesterday'", "yesterday"),
        ("sha256 = 'text'", "sha256 is 'text'"),
        ("upload_sha256 = x'00'", "upload_sha256 is b'\\x00'"),
        ("width = 'wide'", "width is 'wide'"),
        ("bytes = 1.5", "bytes is 1.5"),
        ("path = x'ff'", "path is b'\\xff'"),
        ("description = CAST(x'ff' AS TEXT)", "Could not decode to UTF-8"),
        ("id = x'00'", "unreadable row: 00 ("),
        ("id = 'no UUID'", "no UUID"),
    ],
)
def test_values_that_only_sqlite_stores_are_named(sqlite_archive: Archive, assignment: str, named: str) -> None:
    damaged, intact = make_record(), make_record()
    sqlite_archive.store([damaged, intact])
    with sqlite_archive._engine.begin() as connection:  # noqa: SLF001 - there is no other way to damage a row
        where = f"path = '{damaged.path}'"
        connection.execute(text(f"UPDATE images SET {assignment} WHERE {where}"))  # noqa: S608 - a constant

    unreadable = [str(finding) for finding in sqlite_archive.verify() if finding.kind is FindingKind.UNREADABLE]

    assert len(unreadable) == 1
    assert named in unreadable[0]


def test_row_whose_size_or_dimensions_differ_from_the_file_is_found(archive: Archive) -> None:
    wide, long, intact = make_record(), make_record(), make_record()
    archive.store([wide, long, intact])
    set_column(archive, wide, "width", 7)
    set_column(archive, long, "size_bytes", 7)
    size_px = (intact.image.width, intact.image.height)

    findings = {str(finding) for finding in archive.verify(grace_seconds=0, measure=lambda _: size_px)}

    assert findings == {
        f"wrong row: {wide.path} ({size_px[0]}x{size_px[1]} pixels, in the row 7x{size_px[1]})",
        f"altered: {long.path} ({len(long.jpeg)} bytes, in the row 7)",
    }

"""Compares rows with files in both directions, without changing either."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from captiond.archive.files import TEMP_SUFFIX, ImageFiles, translate_disk_errors
from captiond.archive.findings import OF_DELETED_IMAGE, Finding, FindingKind
from captiond.archive.records import StoredImage, Tombstone
from captiond.archive.sql.all_rows import UnreadableRow, read_all_rows, read_rows
from captiond.archive.sql.deletions import find_tombstones
from captiond.archive.sql.engine import translate_database_errors
from captiond.archive.sql.lifecycle_tables import TOMBSTONES
from captiond.archive.sql.rows import IMAGES
from captiond.times import show_time

_PAGE_ROWS = 500
Measure: TypeAlias = Callable[[bytes], tuple[int, int] | None]
"""Returns width and height of a JPEG in pixels as viewers show it, or None if its header does not give them."""


def verify(engine: Engine, files: ImageFiles, grace_seconds: float, measure: Measure | None) -> Iterator[Finding]:
    """Yield every discrepancy. Skips files younger than the grace period, whose row may follow.

    Skips also the files of images that were deleted within the grace period, whose deletion may follow.
    """
    with translate_disk_errors(), translate_database_errors():
        yield from _check_rows(engine, files, measure)
        yield from _check_tombstones(engine)
        yield from _check_files(engine, files, written_before=time.time() - grace_seconds)


def _check_rows(engine: Engine, files: ImageFiles, measure: Measure | None) -> Iterator[Finding]:
    for image in read_all_rows(engine):
        if isinstance(image, UnreadableRow):
            yield Finding(FindingKind.UNREADABLE, image.key, image.reason)
            continue
        intact = True
        for path, sha256 in image.checksums.items():
            if not files.is_intact(path, sha256):
                intact = False
                exists = (files.root / path).exists()
                if exists or read_rows(engine, [image.id]):  # else it was deleted meanwhile
                    yield Finding(FindingKind.ALTERED if exists else FindingKind.MISSING, path)
        if intact:
            with suppress(FileNotFoundError):  # as above
                yield from _compare_sizes(image, files, measure)


def _compare_sizes(image: StoredImage, files: ImageFiles, measure: Measure | None) -> Iterator[Finding]:
    file = files.root / image.path
    size_bytes = file.stat().st_size
    if size_bytes != image.size_bytes:
        yield Finding(FindingKind.ALTERED, image.path, f"{size_bytes} bytes, in the row {image.size_bytes}")
    size_px = measure(file.read_bytes()) if measure else None
    if size_px and size_px != (image.width, image.height):
        detail = f"{size_px[0]}x{size_px[1]} pixels, in the row {image.width}x{image.height}"
        yield Finding(FindingKind.CONTRADICTED, image.path, detail)


def _check_tombstones(engine: Engine) -> Iterator[Finding]:
    """Yield the rows of deleted images, which an archiver of an earlier version, or a person, has added again."""
    rows = select(IMAGES.c.path, TOMBSTONES.c.deleted_at).where(IMAGES.c.id == TOMBSTONES.c.id)
    with engine.connect() as connection:
        for path, deleted_at in connection.execute(rows):
            yield Finding(FindingKind.CONTRADICTED, path, f"the image was deleted at {show_time(deleted_at)}")


def _check_files(engine: Engine, files: ImageFiles, written_before: float) -> Iterator[Finding]:
    for folder, names in files.folders():
        for path, tombstone in _without_row(engine, [str(PurePosixPath(folder, name)) for name in names]):
            if tombstone and tombstone.deleted_at.timestamp() > written_before:
                continue
            with suppress(FileNotFoundError):  # a temporary file that was published or deleted
                if (files.root / path).stat().st_mtime <= written_before:
                    yield _describe_file(path, tombstone)


def _describe_file(path: str, tombstone: Tombstone | None) -> Finding:
    if path.endswith(TEMP_SUFFIX):
        return Finding(FindingKind.LEFTOVER, path)
    return Finding(FindingKind.LEFTOVER, path, OF_DELETED_IMAGE) if tombstone else Finding(FindingKind.ORPHANED, path)


def _without_row(engine: Engine, paths: list[str]) -> Iterator[tuple[str, Tombstone | None]]:
    """Yield the paths to which no row refers, with the tombstone of the image."""
    for start in range(0, len(paths), _PAGE_ROWS):
        chunk = {path: _parse_id(path) for path in paths[start : start + _PAGE_ROWS]}
        ids = [id_ for id_ in chunk.values() if id_ is not None]
        found = read_rows(engine, ids)
        with Session(engine) as session:
            tombstones = find_tombstones(session, [id_ for id_ in ids if id_ not in found])
        for path, id_ in chunk.items():
            row = found.get(id_) if id_ else None
            if row is None or (isinstance(row, StoredImage) and path not in row.checksums):
                yield path, tombstones.get(id_) if id_ else None


def _parse_id(path: str) -> UUID | None:
    try:
        return UUID(PurePosixPath(path).name.partition(".")[0])
    except ValueError:
        return None

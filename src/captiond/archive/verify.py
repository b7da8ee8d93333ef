"""Compares rows with files in both directions, without changing either."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import Engine

from captiond.archive.files import TEMP_SUFFIX, ImageFiles, translate_disk_errors
from captiond.archive.findings import Finding, FindingKind
from captiond.archive.records import StoredImage
from captiond.archive.sql.all_rows import UnreadableRow, read_all_rows, read_rows
from captiond.archive.sql.engine import translate_database_errors

_PAGE_ROWS = 500
Measure: TypeAlias = Callable[[bytes], tuple[int, int] | None]
"""Returns width and height of a JPEG in pixels as viewers show it, or None if its header does not give them."""


def verify(engine: Engine, files: ImageFiles, grace_seconds: float, measure: Measure | None) -> Iterator[Finding]:
    """Yield every discrepancy. Skips files younger than the grace period, whose row may follow."""
    with translate_disk_errors(), translate_database_errors():
        yield from _check_rows(engine, files, measure)
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
                yield Finding(FindingKind.ALTERED if exists else FindingKind.MISSING, path)
        if intact:
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


def _check_files(engine: Engine, files: ImageFiles, written_before: float) -> Iterator[Finding]:
    for folder, names in files.folders():
        for path in _without_row(engine, [str(PurePosixPath(folder, name)) for name in names]):
            with suppress(FileNotFoundError):  # a temporary file that was published or deleted
                if (files.root / path).stat().st_mtime <= written_before:
                    is_temp = path.endswith(TEMP_SUFFIX)
                    yield Finding(FindingKind.LEFTOVER if is_temp else FindingKind.ORPHANED, path)


def _without_row(engine: Engine, paths: list[str]) -> Iterator[str]:
    for start in range(0, len(paths), _PAGE_ROWS):
        chunk = {path: _parse_id(path) for path in paths[start : start + _PAGE_ROWS]}
        found = read_rows(engine, [id_ for id_ in chunk.values() if id_ is not None])
        for path, id_ in chunk.items():
            row = found.get(id_) if id_ else None
            if row is None or (isinstance(row, StoredImage) and path not in row.checksums):
                yield path


def _parse_id(path: str) -> UUID | None:
    try:
        return UUID(PurePosixPath(path).name.partition(".")[0])
    except ValueError:
        return None

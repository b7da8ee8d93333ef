"""Compares rows with files in both directions, without changing either."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from captiond.archive.files import TEMP_SUFFIX, ImageFiles, translate_disk_errors
from captiond.archive.records import PageQuery, StoredImage
from captiond.archive.sql.engine import translate_database_errors
from captiond.archive.sql.pages import find_page
from captiond.archive.sql.rows import find_many

_PAGE_ROWS = 500


class FindingKind(StrEnum):
    """The kinds of discrepancies."""

    MISSING = "missing"  # a row without its file
    ALTERED = "altered"  # the file does not have the checksum of its row
    ORPHANED = "orphaned"  # a file without a row
    LEFTOVER = "leftover"  # a temporary file of a crashed writer


@dataclass(frozen=True, slots=True)
class Finding:
    """A discrepancy; `path` is relative to the images directory."""

    kind: FindingKind
    path: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}"


def verify(engine: Engine, files: ImageFiles, grace_seconds: float) -> Iterator[Finding]:
    """Yield every discrepancy. Skips files younger than the grace period, whose row may follow."""
    with translate_disk_errors(), translate_database_errors():
        yield from _check_rows(engine, files)
        yield from _check_files(engine, files, written_before=time.time() - grace_seconds)


def _check_rows(engine: Engine, files: ImageFiles) -> Iterator[Finding]:
    for image in _all_images(engine):
        for path, sha256 in image.checksums.items():
            if not files.is_intact(path, sha256):
                exists = (files.root / path).exists()
                yield Finding(FindingKind.ALTERED if exists else FindingKind.MISSING, path)


def _check_files(engine: Engine, files: ImageFiles, written_before: float) -> Iterator[Finding]:
    for folder, names in files.folders():
        for path in _without_row(engine, [str(PurePosixPath(folder, name)) for name in names]):
            with suppress(FileNotFoundError):  # a temporary file that was published or deleted
                if (files.root / path).stat().st_mtime <= written_before:
                    is_temp = path.endswith(TEMP_SUFFIX)
                    yield Finding(FindingKind.LEFTOVER if is_temp else FindingKind.ORPHANED, path)


def _all_images(engine: Engine) -> Iterator[StoredImage]:
    query = PageQuery(limit=_PAGE_ROWS)
    while True:
        with Session(engine) as session:
            page = find_page(session, query)
        yield from page
        if len(page) < _PAGE_ROWS:
            return
        query = PageQuery(limit=_PAGE_ROWS, before=page[-1].cursor)


def _without_row(engine: Engine, paths: list[str]) -> Iterator[str]:
    for start in range(0, len(paths), _PAGE_ROWS):
        chunk = {path: _parse_id(path) for path in paths[start : start + _PAGE_ROWS]}
        with Session(engine) as session:
            found = find_many(session, {id_ for id_ in chunk.values() if id_ is not None})
        for path, id_ in chunk.items():
            if id_ is None or id_ not in found or path not in found[id_].checksums:
                yield path


def _parse_id(path: str) -> UUID | None:
    try:
        return UUID(PurePosixPath(path).name.partition(".")[0])
    except ValueError:
        return None

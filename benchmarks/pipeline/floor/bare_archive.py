"""The least work that stores images durably: write, sync and rename files, and insert rows in batches."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import psycopg
from benchmarks.pipeline.load.uploads import Upload
from benchmarks.pipeline.servers import Servers
from benchmarks.pipeline.usage import usage

from captiond.archive import migrate

_BATCH = 16
_INSERT = """INSERT INTO images (id, received_at, stored_at, description, description_folded, path, width, height,
    sha256, upload_sha256, bytes, has_original) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, false)"""


@dataclass(frozen=True, slots=True)
class ArchiveCost:
    """CPU seconds per image: for the file, for the row, and of PostgreSQL for the row."""

    file: float
    row: float
    server: float


def measure_archive(servers: Servers, folder: Path, uploads: Sequence[Upload]) -> ArchiveCost:
    """Store all images, sixteen per batch."""
    folder.mkdir()
    database = f"{folder.parent.parent.name}-floor"
    servers.reset(database, appendfsync="always")
    migrate(servers.url(database))
    batches = [uploads[start : start + _BATCH] for start in range(0, len(uploads), _BATCH)]
    rows = [[_row(upload) for upload in batch] for batch in batches]
    marks = [time.process_time()]
    for at, batch in enumerate(batches):
        _write_durably(folder, at, batch)
    marks.append(time.process_time())
    with psycopg.connect(servers.dsn(database)) as connection, connection.cursor() as cursor:
        server = usage(servers.postgresql_pid).cpu_seconds
        for batch_of_rows in rows:
            cursor.executemany(_INSERT, batch_of_rows)
            connection.commit()
        marks.append(time.process_time())
        server = usage(servers.postgresql_pid).cpu_seconds - server
    count = len(uploads)
    return ArchiveCost((marks[1] - marks[0]) / count, (marks[2] - marks[1]) / count, server / count)


def _write_durably(folder: Path, batch: int, uploads: Sequence[Upload]) -> None:
    for at, upload in enumerate(uploads):
        descriptor = os.open(folder / f"{batch}-{at}.tmp", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(descriptor, upload.jpeg)
        os.fsync(descriptor)
        os.close(descriptor)
    for at in range(len(uploads)):
        (folder / f"{batch}-{at}.tmp").rename(folder / f"{batch}-{at}.jpg")
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _row(upload: Upload) -> tuple[object, ...]:
    now, digest, image_id = datetime.now(UTC), sha256(upload.jpeg).digest(), uuid4()
    about = (upload.text, upload.text.casefold(), f"2026/01/01/0000/{image_id}.jpg", 640, 512)
    return (image_id, now, now, *about, digest, digest, len(upload.jpeg))

"""Stores batches of images: files first, then rows. Idempotent; survives crashes at any step."""

import errno
import logging
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from captiond.archive.errors import RecordRejected
from captiond.archive.files import ImageFiles, TempFile
from captiond.archive.records import Record, StoredImage, Tombstone
from captiond.archive.sql.connections import error_code
from captiond.archive.sql.deletions import delete_inserted, find_tombstones
from captiond.archive.sql.engine import first_line
from captiond.archive.sql.rows import find_many, insert_new
from captiond.times import show_time

Outcome: TypeAlias = StoredImage | RecordRejected | Tombstone

_BATCH_RECORDS = 100  # each keeps one or two files open until they are synced
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
# MariaDB and MySQL: the packet exceeds max_allowed_packet, or the server closed the connection instead.
_PACKET_TOO_LARGE, _CONNECTION_LOST = 1153, frozenset({2006, 2013})

logger = logging.getLogger(__name__)


class Store:
    """Writes the files and rows of records. Safe to share between threads."""

    def __init__(self, engine: Engine, files: ImageFiles) -> None:
        self._engine = engine
        self._files = files
        self._batch_records = _BATCH_RECORDS

    def store(self, records: Sequence[Record]) -> list[Outcome]:
        """Return each record's row, rejection or tombstone, in order. Durable on return.

        Raises OSError, DBAPIError.
        """
        outcomes: list[Outcome] = []
        while len(outcomes) < len(records):
            outcomes += self._store_or_split(records[len(outcomes) : len(outcomes) + self._batch_records])
        return outcomes

    def _store_or_split(self, records: Sequence[Record]) -> list[Outcome]:
        """Store a batch; split it in half if it exceeds a limit of the process or of the database server."""
        try:
            return self._store_batch(records)
        except (OSError, DBAPIError) as error:
            is_limit = _is_limit(error)
            if len(records) == 1 or not (is_limit or _is_connection_lost(error)):
                raise
            half = (len(records) + 1) // 2
            if is_limit:
                self._batch_records = half
                logger.warning("a batch of %d images is too large, storing %d at a time: %s", len(records), half, error)
        return [*self._store_or_split(records[:half]), *self._store_or_split(records[half:])]

    def _store_batch(self, records: Sequence[Record]) -> list[Outcome]:
        reasons = [record.rejection_reason() for record in records]
        valid: dict[UUID, Record] = {}
        for record, reason in zip(records, reasons, strict=True):
            if reason is None:
                valid.setdefault(record.image.id, record)
        stored = self._store_valid(valid)
        return [
            _check_upload(record, stored[record.image.id])
            if reason is None
            else RecordRejected(record.image.id, reason)
            for record, reason in zip(records, reasons, strict=True)
        ]

    def _store_valid(self, records: dict[UUID, Record]) -> dict[UUID, Outcome]:
        with Session(self._engine) as session:
            # The query comes first, so that no file is written while the database is unavailable.
            existing = find_many(session, records)
            session.rollback()
            to_write = [
                record for record in records.values() if self._needs_files(record, existing.get(record.image.id))
            ]
            contents = {path: content for record in to_write for path, content in record.files.items()}
            with self._files.write_temporary(contents) as temps:
                return {**existing, **self._commit(session, to_write, temps)}

    def _needs_files(self, record: Record, existing: StoredImage | None) -> bool:
        """Whether the id is new, or the file of this record is missing or damaged."""
        return existing is None or (
            _is_same(record, existing) and not all(self._files.is_intact(*file) for file in existing.checksums.items())
        )

    def _commit(
        self, session: Session, records: Sequence[Record], temps: dict[str, TempFile]
    ) -> Mapping[UUID, Outcome]:
        """Commit one transaction, or one per record if the database rejects any record."""
        if not records:
            return {}
        try:
            rows = insert_new(session, records)  # the disk writes the files meanwhile
            # In the same transaction: a deletion that ended before the insertion has left its tombstone. A later one
            # waits for the rows, which stay locked until the commit.
            tombstones = find_tombstones(session, {record.image.id for record in records})
            delete_inserted(session, tombstones)
            stored = [record for record in records if record.image.id not in tombstones]
            # If two archivers store an id with different bytes, only the one whose row exists moves its file.
            self._files.publish(temps, [path for record in stored for path in _paths_in_row(record, rows)])
            session.commit()
        except (DataError, IntegrityError) as error:
            session.rollback()
            if len(records) == 1:
                image_id = records[0].image.id
                return {image_id: RecordRejected(image_id, f"database: {first_line(error)}")}
            return dict(item for record in records for item in self._commit(session, [record], temps).items())
        return {**rows, **tombstones}


def _is_limit(error: OSError | DBAPIError) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_DESCRIPTORS
    return error_code(error.orig) == _PACKET_TOO_LARGE


def _is_connection_lost(error: OSError | DBAPIError) -> bool:
    return isinstance(error, DBAPIError) and error_code(error.orig) in _CONNECTION_LOST


def _is_same(record: Record, image: StoredImage) -> bool:
    return image.path == record.path and image.sha256 == record.sha256


def _paths_in_row(record: Record, rows: Mapping[UUID, StoredImage]) -> set[str]:
    """Return the record's files to which its row refers: an existing row may have no original."""
    image = rows[record.image.id]
    return record.files.keys() & image.checksums.keys() if _is_same(record, image) else set()


def _check_upload(record: Record, outcome: Outcome) -> Outcome:
    if isinstance(outcome, StoredImage) and outcome.upload_sha256 != record.image.upload_sha256:
        return RecordRejected(record.image.id, "another upload has this id")
    if isinstance(outcome, Tombstone) and not _is_redelivery(record, outcome):
        return RecordRejected(
            record.image.id,
            f"the image with this id was deleted at {show_time(outcome.deleted_at)}; "
            "a new upload needs another Idempotency-Key",
        )
    return outcome


def _is_redelivery(record: Record, tombstone: Tombstone) -> bool:
    """Return whether the record is the image that was deleted, and not a later upload with its id."""
    image = record.image
    return (image.received_at, image.upload_sha256) == (tombstone.received_at, tombstone.upload_sha256)

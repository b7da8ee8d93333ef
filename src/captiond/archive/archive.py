"""Keeps captioned images: a file and a row each, once, whatever is delivered twice or dies."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeAlias
from uuid import UUID

from sqlalchemy import Engine, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from captiond.archive.errors import RecordRejected
from captiond.archive.files import Draft, ImageFiles, translate_disk_errors
from captiond.archive.records import PageQuery, Record, StoredImage, original_path
from captiond.archive.schema import is_current
from captiond.archive.sql.engine import first_line, open_engine, translate_database_errors
from captiond.archive.sql.pages import find_page
from captiond.archive.sql.rows import find_known, find_many, insert_new
from captiond.archive.verify import Finding, verify

Outcome: TypeAlias = StoredImage | RecordRejected

GRACE_SECONDS = 3600.0  # longer than any writer takes from its temporary file to its commit
_BATCH_RECORDS = 100  # each holds a file open until it is synced


class Archive:
    """Files below one directory and rows in one database. Safe to share between threads.

    Every method raises ArchiveUnavailable where disk or database cannot serve now.
    """

    def __init__(self, engine: Engine, images_dir: Path) -> None:
        self._engine = engine
        self._files = ImageFiles(images_dir)

    @classmethod
    @contextmanager
    def open(cls, database_url: str, images_dir: Path) -> Iterator[Self]:
        """Makes the images directory if there is none; a URL that is no use is a ValueError."""
        engine = open_engine(database_url)
        try:
            with translate_disk_errors():
                images_dir.mkdir(parents=True, exist_ok=True)
            yield cls(engine, images_dir)
        finally:
            engine.dispose()

    def store(self, records: Sequence[Record]) -> list[Outcome]:
        """Each record's row, or why it is refused, in order; durable on return.

        Keeping again changes nothing: a row that exists wins with its file, and the same id with
        another upload is refused.
        """
        outcomes: list[Outcome] = []
        with translate_disk_errors(), translate_database_errors():
            for start in range(0, len(records), _BATCH_RECORDS):
                outcomes += self._store_batch(records[start : start + _BATCH_RECORDS])
        return outcomes

    def find(self, image_id: UUID) -> StoredImage | None:
        """The archived image of that id, or None."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_many(session, [image_id]).get(image_id)

    def known(self, image_ids: Collection[UUID]) -> set[UUID]:
        """Those of the ids that are archived."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_known(session, image_ids)

    def page(self, query: PageQuery) -> list[StoredImage]:
        """Newest first; the next page begins before the `cursor` of the last image."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_page(session, query)

    def file(self, image: StoredImage) -> Path:
        """Where the image's JPEG lies; it is there as long as the row is."""
        return self._files.root / image.path

    def original(self, image: StoredImage) -> Path | None:
        """Where its upload lies, if that was kept."""
        return self._files.root / original_path(image.path) if image.has_original else None

    def ping(self) -> None:
        """Returns if the database answers and the images can be read."""
        with translate_disk_errors(), translate_database_errors(), Session(self._engine) as session:
            session.execute(text("SELECT 1"))
            self._files.check_readable()

    def ping_writable(self) -> None:
        """Returns if, besides, the images directory can be written and its disk is not full."""
        self.ping()
        with translate_disk_errors():
            self._files.check_writable()

    def schema_is_current(self) -> bool:
        """Whether the database has been migrated to the schema of this version."""
        return is_current(self._engine)

    def verify(self, *, grace_seconds: float = GRACE_SECONDS) -> Iterator[Finding]:
        """Streams what is missing, altered, orphaned or left over; younger files may lack a row."""
        return verify(self._engine, self._files, grace_seconds)

    def clean_up(self, *, grace_seconds: float = GRACE_SECONDS) -> int:
        """Removes the temporary files of writers that died; returns how many."""
        with translate_disk_errors():
            return self._files.sweep(grace_seconds)

    def _store_batch(self, records: Sequence[Record]) -> list[Outcome]:
        faults = [record.rejection_reason() for record in records]
        sound: dict[UUID, Record] = {}
        for record, fault in zip(records, faults, strict=True):
            if fault is None:
                sound.setdefault(record.id, record)
        kept = self._store_valid(sound)
        return [
            _judge(record, kept[record.id]) if fault is None else RecordRejected(record.id, fault)
            for record, fault in zip(records, faults, strict=True)
        ]

    def _store_valid(self, records: dict[UUID, Record]) -> dict[UUID, Outcome]:
        with Session(self._engine) as session:
            # Asked first, so that no file is written for nothing while the database is away.
            known = find_many(session, records)
            session.rollback()
            fresh = [record for record in records.values() if self._needs_file(record, known.get(record.id))]
            contents = {path: content for record in fresh for path, content in record.files.items()}
            with self._files.drafts(contents) as drafts:
                return {**known, **self._commit(session, fresh, drafts)}

    def _needs_file(self, record: Record, image: StoredImage | None) -> bool:
        """True for a new id, and for one whose very file has been lost or damaged."""
        return image is None or (
            _is_same(record, image) and not all(self._files.is_intact(*file) for file in image.checksums.items())
        )

    def _commit(self, session: Session, records: Sequence[Record], drafts: dict[str, Draft]) -> Mapping[UUID, Outcome]:
        """One transaction, or one a record where the database refuses the data of some."""
        if not records:
            return {}
        try:
            rows = insert_new(session, records)  # while the disk writes
            # The new rows are locked until the commit, so of two archivers with the same id and
            # other bytes only the one whose row stands moves its file into place.
            self._files.publish(drafts, [path for record in records for path in _confirmed(record, rows[record.id])])
            session.commit()
        except (DataError, IntegrityError) as error:
            session.rollback()
            if len(records) == 1:
                refusal = RecordRejected(records[0].id, f"database: {first_line(error)}")
                return {records[0].id: refusal}
            return dict(item for record in records for item in self._commit(session, [record], drafts).items())
        return rows


def _is_same(record: Record, image: StoredImage) -> bool:
    return image.path == record.path and image.sha256 == record.sha256.hex()


def _confirmed(record: Record, image: StoredImage) -> set[str]:
    """Those of the record's files that the row speaks of: it may have been kept without its original."""
    return record.files.keys() & image.checksums.keys() if _is_same(record, image) else set()


def _judge(record: Record, outcome: Outcome) -> Outcome:
    if isinstance(outcome, StoredImage) and outcome.upload_sha256 != record.upload_sha256.hex():
        return RecordRejected(record.id, "its id already belongs to another upload")
    return outcome

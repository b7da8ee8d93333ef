"""The archive: one file and one row per image. Storing is idempotent and survives crashes at any step."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeAlias
from uuid import UUID

from sqlalchemy import Engine
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from captiond.archive.deployment import Deployment, read_deployment_id
from captiond.archive.errors import RecordRejected
from captiond.archive.files import ImageFiles, TempFile, translate_disk_errors
from captiond.archive.records import PageQuery, Record, StoredImage, original_path
from captiond.archive.schema import find_schema_problem
from captiond.archive.sql.engine import first_line, open_engine, translate_database_errors
from captiond.archive.sql.pages import find_page
from captiond.archive.sql.rows import find_ids, find_many, insert_new
from captiond.archive.verify import Finding, verify

Outcome: TypeAlias = StoredImage | RecordRejected

GRACE_SECONDS = 3600.0  # longer than any writer takes from its temporary file to its commit
_BATCH_RECORDS = 100  # each keeps one or two files open until they are synced


class Archive:
    """Files below one directory and rows in one database. Safe to share between threads.

    Every method raises ArchiveUnavailable while the disk or the database cannot be used.
    """

    def __init__(self, engine: Engine, images_dir: Path) -> None:
        self._engine = engine
        self._files = ImageFiles(images_dir)
        self._deployment = Deployment(engine, self._files)

    @classmethod
    @contextmanager
    def open(cls, database_url: str, images_dir: Path) -> Iterator[Self]:
        """Open the archive; creates nothing. Raises ValueError for an unsupported URL."""
        engine = open_engine(database_url)
        try:
            yield cls(engine, images_dir)
        finally:
            engine.dispose()

    def store(self, records: Sequence[Record]) -> list[Outcome]:
        """Return each record's row or rejection, in order. Durable on return.

        A row that exists stays as it is, with its file. An id that exists with another upload is rejected.
        """
        outcomes: list[Outcome] = []
        with translate_disk_errors(), translate_database_errors():
            self._deployment.require_unchanged()
            for start in range(0, len(records), _BATCH_RECORDS):
                outcomes += self._store_batch(records[start : start + _BATCH_RECORDS])
        return outcomes

    def find(self, image_id: UUID) -> StoredImage | None:
        """Return the archived image of that id, or None."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_many(session, [image_id]).get(image_id)

    def find_ids(self, image_ids: Collection[UUID]) -> set[UUID]:
        """Return those of the ids that are archived."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_ids(session, image_ids)

    def page(self, query: PageQuery) -> list[StoredImage]:
        """Return a page, newest first. The next page is `before` the `cursor` of its last image."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_page(session, query)

    def file(self, image: StoredImage) -> Path:
        """The path of the captioned JPEG."""
        return self._files.root / image.path

    def original(self, image: StoredImage) -> Path | None:
        """The path of the upload, or None if it was not stored."""
        return self._files.root / original_path(image.path) if image.has_original else None

    def ping(self) -> None:
        """Check that the database answers, and that the images directory is that of the database and can be read."""
        with translate_disk_errors(), translate_database_errors(), Session(self._engine) as session:
            self._deployment.check(session)
            self._files.check_readable()

    def ping_writable(self) -> None:
        """Check in addition that images can be written, or the directory created, and the disk is not full."""
        self.check_deployment()
        with translate_disk_errors():
            self._files.check_writable()

    def prepare(self, *, adopt: bool = False) -> None:
        """Create the images directory and its deployment marker, if the database has no images yet.

        From then on, `store` refuses another directory in its place, such as the mount point of an unmounted disk.
        `adopt` replaces the marker of another deployment. Raises WrongImagesDirectory.
        """
        with translate_disk_errors(), translate_database_errors():
            self._deployment.claim(create=True, adopt=adopt)

    def check_deployment(self, *, create: bool = False) -> None:
        """Raise WrongImagesDirectory if database and images directory belong to different deployments.

        `create` creates a missing directory, unless the database has images.
        """
        with translate_disk_errors(), translate_database_errors(), Session(self._engine) as session:
            self._deployment.check(session)
            if create:
                self._files.root.mkdir(parents=True, exist_ok=True)

    def deployment_id(self) -> UUID:
        """Return the id that the database shares with the images directory and the queues."""
        with translate_database_errors(), Session(self._engine) as session:
            return read_deployment_id(session)

    def find_schema_problem(self) -> str | None:
        """Return how the schema differs from that of this version, with the fix; None if it is the same."""
        return find_schema_problem(self._engine)

    def verify(self, *, grace_seconds: float = GRACE_SECONDS) -> Iterator[Finding]:
        """Yield missing, altered, orphaned and temporary files; skips young files, whose row may follow."""
        return verify(self._engine, self._files, grace_seconds)

    def clean_up(self, *, grace_seconds: float = GRACE_SECONDS) -> int:
        """Delete the temporary files of crashed writers. Returns their number."""
        with translate_disk_errors():
            return self._files.delete_temporary(grace_seconds)

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
        """Whether the id is new, or the file of this very record is missing or damaged."""
        return existing is None or (
            _is_same(record, existing) and not all(self._files.is_intact(*file) for file in existing.checksums.items())
        )

    def _commit(
        self, session: Session, records: Sequence[Record], temps: dict[str, TempFile]
    ) -> Mapping[UUID, Outcome]:
        """Commit one transaction, or one per record if the database rejects the data of any."""
        if not records:
            return {}
        try:
            rows = insert_new(session, records)  # the disk writes the files meanwhile
            # The inserted rows stay locked until the commit. So if two archivers store an id with different
            # bytes, only the one whose row exists moves its file into place.
            self._files.publish(temps, [path for record in records for path in _paths_in_row(record, rows)])
            session.commit()
        except (DataError, IntegrityError) as error:
            session.rollback()
            if len(records) == 1:
                image_id = records[0].image.id
                return {image_id: RecordRejected(image_id, f"database: {first_line(error)}")}
            return dict(item for record in records for item in self._commit(session, [record], temps).items())
        return rows


def _is_same(record: Record, image: StoredImage) -> bool:
    return image.path == record.path and image.sha256 == record.sha256


def _paths_in_row(record: Record, rows: Mapping[UUID, StoredImage]) -> set[str]:
    """The files of the record that its row refers to: an existing row may have no original."""
    image = rows[record.image.id]
    return record.files.keys() & image.checksums.keys() if _is_same(record, image) else set()


def _check_upload(record: Record, outcome: Outcome) -> Outcome:
    if isinstance(outcome, StoredImage) and outcome.upload_sha256 != record.image.upload_sha256:
        return RecordRejected(record.image.id, "another upload has this id")
    return outcome

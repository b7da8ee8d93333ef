"""The archive: one file and one row per image. Storing is idempotent and survives crashes at any step."""

import errno
import logging
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, TypeAlias
from uuid import UUID, uuid4

from sqlalchemy import Engine, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from captiond.archive.deployment import Deployment, read_deployment_id
from captiond.archive.errors import ArchiveUnavailable, FileAltered, RecordRejected, UnusableDatabase
from captiond.archive.files import ImageFiles, TempFile, translate_disk_errors
from captiond.archive.records import PageQuery, Record, StoredImage, original_path
from captiond.archive.schema import find_schema_problem
from captiond.archive.sql.connections import error_code
from captiond.archive.sql.encoding import find_encoding_problem
from captiond.archive.sql.engine import first_line, open_engine, translate_database_errors
from captiond.archive.sql.limits import WORKER_LIMITS, TimeLimits
from captiond.archive.sql.pages import find_page
from captiond.archive.sql.rows import IMAGES, count_rows, find_ids, find_many, insert_new
from captiond.archive.sql.searches import SearchSlots, translate_search_timeout
from captiond.archive.verify import Finding, Measure, verify
from captiond.image import CaptionedImage

Outcome: TypeAlias = StoredImage | RecordRejected

GRACE_SECONDS = 3600.0  # longer than any writer takes from its temporary file to its commit
_BATCH_RECORDS = 100  # each keeps one or two files open until they are synced
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
# MariaDB and MySQL: the packet exceeds max_allowed_packet; the server closed the connection, which it may do then.
_PACKET_TOO_LARGE, _CONNECTION_LOST = 1153, frozenset({2006, 2013})

logger = logging.getLogger(__name__)


class Archive:
    """Files below one directory and rows in one database. Safe to share between threads.

    Every method raises ArchiveUnavailable while the disk or the database cannot be used.
    """

    def __init__(self, engine: Engine, images_dir: Path, health_engine: Engine | None = None) -> None:
        self._engine = engine
        self._health_engine = health_engine or engine
        self._files = ImageFiles(images_dir)
        self._deployment = Deployment(engine, self._files)
        self._searches = SearchSlots()
        self._batch_records = _BATCH_RECORDS

    @classmethod
    @contextmanager
    def open(cls, database_url: str, images_dir: Path, limits: TimeLimits = WORKER_LIMITS) -> Iterator[Self]:
        """Open the archive; creates nothing. Raises ValueError for an unsupported URL."""
        engine, health_engine = (open_engine(database_url, limits) for _ in range(2))
        try:
            yield cls(engine, images_dir, health_engine)
        finally:
            engine.dispose()
            health_engine.dispose()

    def store(self, records: Sequence[Record]) -> list[Outcome]:
        """Return each record's row or rejection, in order. Durable on return.

        A row that exists stays as it is, with its file. An id that exists with another upload is rejected.
        """
        outcomes: list[Outcome] = []
        with translate_disk_errors(), translate_database_errors():
            self._deployment.require_unchanged()
            while len(outcomes) < len(records):
                outcomes += self._store_or_split(records[len(outcomes) : len(outcomes) + self._batch_records])
        return outcomes

    def find(self, image_id: UUID) -> StoredImage | None:
        """Return the archived image of that id, or None."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_many(session, [image_id]).get(image_id)

    def find_ids(self, image_ids: Collection[UUID]) -> set[UUID]:
        """Return those of the ids that are archived."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_ids(session, image_ids)

    def count(self) -> int:
        """Count the archived images."""
        with translate_database_errors(), Session(self._engine) as session:
            return count_rows(session)

    def page(self, query: PageQuery) -> list[StoredImage]:
        """Return a page, newest first. The next page is `before` the `cursor_after` its last image.

        A query that may scan every row raises SearchBusy if too many are running, or SearchTimeout.
        """
        if not query.may_scan:
            with translate_database_errors(), Session(self._engine) as session:
                return find_page(session, query)
        with (
            self._searches.take(),
            translate_database_errors(),
            Session(self._engine) as session,
            translate_search_timeout(),
        ):
            return find_page(session, query)

    def file(self, image: StoredImage) -> Path:
        """The path of the captioned JPEG."""
        return self._files.root / image.path

    def original(self, image: StoredImage) -> Path | None:
        """The path of the upload, or None if it was not stored."""
        return self._files.root / original_path(image.path) if image.has_original else None

    def read(self, path: Path) -> bytes:
        """Read a file of the archive. Raises FileNotFoundError, ArchiveUnavailable."""
        with translate_disk_errors(missing_file=True):
            return path.read_bytes()

    def check_file(self, image: StoredImage) -> Path:
        """The path of the captioned JPEG, after reading its first byte.

        Raises FileNotFoundError, FileAltered for another size, and ArchiveUnavailable if it cannot be read.
        """
        path = self.file(image)
        with translate_disk_errors(missing_file=True), path.open("rb") as file:
            file.read(1)  # a failing disk or a lost NFS export shows only when reading
            size = os.fstat(file.fileno()).st_size
        if size != image.size_bytes:
            raise FileAltered(image.path, size, image.size_bytes)
        return path

    def ping(self) -> None:
        """Check that images can be read, the directory is that of the database, and the database has its table.

        Does not wait for other connections.
        """
        with translate_disk_errors(), translate_database_errors(), Session(self._health_engine) as session:
            session.execute(select(IMAGES.c.id).limit(1))
            self._deployment.check(session)
            self._files.check_readable()

    def ping_database(self) -> None:
        """Check that the database can read the table; does not wait for other connections."""
        with translate_database_errors(), Session(self._health_engine) as session:
            session.execute(select(IMAGES.c.id).limit(1))

    def check_writable(self) -> None:
        """Check that images can be written, or the directory created, and the disk is not full."""
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

    def is_marked(self) -> bool:
        """Return whether the images directory has a deployment marker."""
        with translate_disk_errors():
            return self._deployment.is_marked()

    def deployment_id(self) -> UUID:
        """Return the id that the database shares with the images directory and the queues."""
        with translate_database_errors(), Session(self._engine) as session:
            return read_deployment_id(session)

    def probe_insert(self) -> None:
        """Insert a row and roll it back, which fails on a read-only replica and without the privilege."""
        now = datetime.now(UTC)
        image = CaptionedImage(id=uuid4(), received_at=now, description="🚧", upload_sha256=b"", width=1, height=1)
        with translate_database_errors(), Session(self._engine) as session:
            try:
                insert_new(session, [Record(image, b"")])
            except (DataError, IntegrityError) as error:
                raise ArchiveUnavailable(f"database: {first_line(error)}") from error

    def check_encoding(self) -> None:
        """Raise UnusableDatabase if the database cannot store every character."""
        with translate_database_errors(), self._engine.connect() as connection:
            if problem := find_encoding_problem(connection):
                raise UnusableDatabase(problem)

    def find_schema_problem(self) -> str | None:
        """Return how the schema differs from that of this version, with the fix; None if it is the same."""
        return find_schema_problem(self._engine)

    def verify(self, *, grace_seconds: float = GRACE_SECONDS, measure: Measure | None = None) -> Iterator[Finding]:
        """Yield unreadable and wrong rows, and missing, altered, orphaned and temporary files.

        Skips young files, whose row may follow. Compares width and height if `measure` reads them from a JPEG.
        """
        return verify(self._engine, self._files, grace_seconds, measure)

    def clean_up(self, *, grace_seconds: float = GRACE_SECONDS) -> int:
        """Delete the temporary files of crashed writers. Returns their number."""
        with translate_disk_errors():
            return self._files.delete_temporary(grace_seconds)

    def _store_or_split(self, records: Sequence[Record]) -> list[Outcome]:
        """Store a batch, in halves if it exceeds a limit of the process or of the database server."""
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


def _is_limit(error: OSError | DBAPIError) -> bool:
    if isinstance(error, OSError):
        return error.errno in _NO_DESCRIPTORS
    return error_code(error.orig) == _PACKET_TOO_LARGE


def _is_connection_lost(error: OSError | DBAPIError) -> bool:
    return isinstance(error, DBAPIError) and error_code(error.orig) in _CONNECTION_LOST


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

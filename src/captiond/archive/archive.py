"""The archive: one file and one row per image."""

import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import UUID, uuid4

from sqlalchemy import Engine, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from captiond.archive.deployment import Deployment, read_deployment_id
from captiond.archive.errors import ArchiveUnavailable, FileAltered, UnusableDatabase
from captiond.archive.files import ImageFiles, translate_disk_errors
from captiond.archive.findings import Finding
from captiond.archive.lifecycle import Lifecycle
from captiond.archive.records import Neighbours, PageQuery, Record, StoredImage, original_path
from captiond.archive.schema import DatabaseVersion, find_schema_problem, read_version
from captiond.archive.seal_store import SealStore
from captiond.archive.sql.clock import read_clock
from captiond.archive.sql.encoding import find_encoding_problem
from captiond.archive.sql.engine import first_line, open_engine, translate_database_errors
from captiond.archive.sql.limits import WORKER_LIMITS, TimeLimits
from captiond.archive.sql.pages import count_matches, find_neighbours, find_page
from captiond.archive.sql.rows import IMAGES, count_rows, find_ids, find_many, insert_new
from captiond.archive.sql.searches import SearchSlots, translate_search_timeout
from captiond.archive.store import Outcome, Store
from captiond.archive.verify import Measure, verify
from captiond.image import CaptionedImage, Labels

GRACE_SECONDS = 3600.0  # longer than any writer takes from its temporary file to its commit


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
        self._store = Store(engine, self._files)
        self.seals = SealStore(engine)
        self.lifecycle = Lifecycle(engine, self._files, self._deployment)

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
        """Return each record's row, rejection or tombstone, in order. Durable on return.

        A row that exists stays as it is, with its file. An id that exists with another upload is rejected. So is the
        id of a deleted image, unless the record is the one that was deleted, whose outcome is its tombstone.
        """
        with translate_disk_errors(), translate_database_errors():
            self._deployment.require_unchanged()
            return self._store.store(records)

    def find(self, image_id: UUID) -> StoredImage | None:
        """Return the archived image of that id, or None."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_many(session, [image_id]).get(image_id)

    def find_many(self, image_ids: Collection[UUID]) -> dict[UUID, StoredImage]:
        """Return the archived images by id. Any number of ids is accepted."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_many(session, image_ids)

    def find_ids(self, image_ids: Collection[UUID]) -> set[UUID]:
        """Return those of the ids that are archived."""
        with translate_database_errors(), Session(self._engine) as session:
            return find_ids(session, image_ids)

    def count(self) -> int:
        """Count the archived images."""
        with translate_database_errors(), Session(self._engine) as session:
            return count_rows(session)

    def page(self, query: PageQuery) -> list[StoredImage]:
        """Return a page, newest first. For the next page, set `before` to `cursor_after` of the last image.

        A query that may scan every row raises SearchBusy if too many such queries are running, or SearchTimeout.
        """
        with self._reading(searches=query.may_scan) as session:
            return find_page(session, query)

    def neighbours(self, image: StoredImage, query: PageQuery) -> Neighbours:
        """Return the ids of the next newer and the next older image in the list of a query.

        `limit` and `before` of the query do not matter. Raises SearchBusy and SearchTimeout, as `page` does.
        """
        with self._reading(searches=query.may_scan) as session:
            return find_neighbours(session, image, query)

    def count_matching(self, query: PageQuery, limit: int) -> int:
        """Count the images of all pages of a query. The result `limit` + 1 stands for more than `limit`.

        Takes the time of a search, so it raises SearchBusy and SearchTimeout for any query.
        """
        with self._reading(searches=True) as session:
            return count_matches(session, query, limit)

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
        """Check that files and rows can be written, or the directory created, and the disk is not full.

        Inserts a row and rolls it back, which fails on a read-only replica and without the INSERT privilege.
        """
        self.check_deployment()
        with translate_disk_errors():
            self._files.check_writable()
        self._probe_insert()

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

    def check_encoding(self) -> None:
        """Raise UnusableDatabase if the database cannot store every character."""
        with translate_database_errors(), self._engine.connect() as connection:
            if problem := find_encoding_problem(connection):
                raise UnusableDatabase(problem)

    def find_schema_problem(self) -> str | None:
        """Return how the schema differs from that of this version, with the fix; None if it is the same."""
        return find_schema_problem(self._health_engine)

    def read_version(self) -> DatabaseVersion:
        """Return the versions of database and schema. Does not wait for other connections."""
        return read_version(self._health_engine)

    def read_clock(self) -> float | None:
        """Return the time of the database server in seconds since the epoch; None for SQLite, which has no server."""
        with translate_database_errors(), self._health_engine.connect() as connection:
            return read_clock(connection)

    def verify(self, *, grace_seconds: float = GRACE_SECONDS, measure: Measure | None = None) -> Iterator[Finding]:
        """Yield unreadable and wrong rows, and missing, altered, orphaned and temporary files.

        Skips young files, whose row may follow. Compares width and height if `measure` reads them from a JPEG.
        """
        return verify(self._engine, self._files, grace_seconds, measure)

    def clean_up(self, *, grace_seconds: float = GRACE_SECONDS) -> int:
        """Delete the temporary files of crashed writers, and empty folders. Returns the number of files."""
        with translate_disk_errors():
            deleted = self._files.delete_temporary(grace_seconds)
            self._files.delete_empty_folders(grace_seconds)
            return deleted

    @contextmanager
    def _reading(self, *, searches: bool) -> Iterator[Session]:
        """Open a session, with the limits of searches if it may have to read every row."""
        with ExitStack() as opened:
            if searches:
                opened.enter_context(self._searches.take())
            opened.enter_context(translate_database_errors())
            session = opened.enter_context(Session(self._engine))
            if searches:
                opened.enter_context(translate_search_timeout())
            yield session

    def _probe_insert(self) -> None:
        now = datetime.now(UTC)
        image = CaptionedImage(
            id=uuid4(),
            received_at=now,
            description="🚧",
            upload_sha256=b"",
            width=1,
            height=1,
            labels=Labels({"probe": ""}),
        )
        with translate_database_errors(), Session(self._engine) as session:
            try:
                insert_new(session, [Record(image, b"")])
            except (DataError, IntegrityError) as error:
                raise ArchiveUnavailable(f"database: {first_line(error)}") from error

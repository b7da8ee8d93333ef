"""The deployment id: a UUID that the database and the images directory share.

`migrate` creates the id of the database. A marker file in the images directory contains the same id. It is missing if
the disk of the directory is not mounted, and new images would then be written to the wrong disk. `claim` therefore
creates it only if the database has no images yet, or if the directory contains one of the newest, as it does after an
upgrade from a version without markers.
"""

from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, insert, inspect, select
from sqlalchemy.orm import Session

from captiond.archive.errors import ArchiveUnavailable, WrongImagesDirectory
from captiond.archive.files import ImageFiles
from captiond.archive.records import PageQuery
from captiond.archive.sql.pages import find_page
from captiond.archive.sql.rows import DEPLOYMENT

_NEWEST_IMAGES = 10  # more than one, because `verify` may report the file of the newest as missing


def ensure_deployment_id(connection: Connection) -> None:
    """Give the database an id unless it has one. The caller holds the migration lock."""
    if connection.scalar(select(DEPLOYMENT.c.id)) is None:
        connection.execute(insert(DEPLOYMENT).values(number=1, id=uuid4()))


def read_deployment_id(session: Session) -> UUID:
    """Return the id of the database. Raises ArchiveUnavailable if it is not migrated."""
    has_table = inspect(session.connection()).has_table(DEPLOYMENT.name)
    found: UUID | None = session.scalar(select(DEPLOYMENT.c.id)) if has_table else None
    if found is None:
        raise ArchiveUnavailable("the database schema is outdated; run `captiond migrate` or start the archiver")
    return found


class Deployment:
    """Compares the marker of the images directory with the database. Safe to share between threads."""

    def __init__(self, engine: Engine, files: ImageFiles) -> None:
        self._engine = engine
        self._files = files
        self._claimed: tuple[int, int, int] | None = None

    def check(self, session: Session) -> None:
        """Raise WrongImagesDirectory for the marker of another deployment, ArchiveUnavailable for a missing one."""
        expected = read_deployment_id(session)
        if self._matches(expected) or self._may_mark(session):
            return
        state = "has no deployment marker" if self._files.root.is_dir() else "does not exist"
        raise ArchiveUnavailable(
            f"images directory: {self._files.root} {state}, but the database has images; "
            "mount its disk, or set CAPTIOND_IMAGES_DIR",
            f"images directory: it {state}",
        )

    def claim(self, *, create: bool = False, adopt: bool = False) -> None:
        """Check the images directory, and mark it if that is allowed. Raises as `check` does.

        `create` also creates a missing directory, `adopt` replaces the marker of another deployment.
        """
        with Session(self._engine) as session:
            expected = read_deployment_id(session)
            if not adopt:
                self.check(session)
        if create:
            _create(self._files.root)
        if adopt or not self._matches(expected):
            self._files.write_marker(str(expected))
        self._claimed = self._files.marker_identity()

    def require_unchanged(self) -> None:
        """Claim again if the marker is another file than at the last claim. The cost is one `stat` otherwise."""
        if self._claimed is not None and self._claimed != self._files.marker_identity():
            self.claim()

    def is_marked(self) -> bool:
        """Return whether the images directory has a marker, of any deployment."""
        return bool(self._files.read_marker())

    def _matches(self, expected: UUID) -> bool:
        """Return whether the marker has this id, or False without a marker. Raises WrongImagesDirectory."""
        found = self._files.read_marker()
        if found and found != str(expected):
            raise WrongImagesDirectory(
                f"{self._files.root} belongs to deployment {found}, but the database to deployment {expected}; set "
                "CAPTIOND_IMAGES_DIR or CAPTIOND_DATABASE_URL. If they belong together, run `captiond migrate --adopt` "
                "or `captiond up --adopt`"
            )
        return bool(found)

    def _may_mark(self, session: Session) -> bool:
        newest = find_page(session, PageQuery(limit=_NEWEST_IMAGES))
        return not newest or any((self._files.root / image.path).exists() for image in newest)


def _create(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongImagesDirectory(f"cannot create {root}: {error.strerror}") from error

"""Deletes and holds images.

A deletion is one transaction: it removes rows, adds a tombstone for each image, and lists its files as pending. From
then on, the image is deleted for every client. Its files are deleted afterwards, and the list is cleared last. A
process that dies in between leaves entries in the list, which the archiver finishes.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.orm import Session

from captiond.archive.deployment import Deployment
from captiond.archive.files import ImageFiles, translate_disk_errors
from captiond.archive.records import (
    Actor,
    Cursor,
    Expired,
    ExpiredImage,
    Hold,
    PendingDeletion,
    Tombstone,
    original_path,
)
from captiond.archive.sql.deletions import (
    DeletedRows,
    add_hold,
    clear_pending,
    delete_rows,
    find_hold,
    find_holds,
    find_pending,
    find_pending_of,
    find_tombstones,
    remove_hold,
)
from captiond.archive.sql.engine import translate_database_errors
from captiond.archive.sql.expired import find_expired, find_size_cursor
from captiond.archive.sql.lifecycle_tables import HOLDS, TOMBSTONES

MAX_BATCH = 500
"""The images of one deletion. Databases limit the parameters of a statement, and other writers wait meanwhile."""


class Lifecycle:
    """Deletes and holds images. Safe to share between threads.

    Every method raises ArchiveUnavailable while the disk or the database cannot be used.
    """

    def __init__(self, engine: Engine, files: ImageFiles, deployment: Deployment) -> None:
        self._engine = engine
        self._files = files
        self._deployment = deployment

    def delete(self, ids: Collection[UUID], actor: Actor) -> DeletedRows:
        """Delete at most MAX_BATCH images, except those with a hold. Their files remain until `delete_files`."""
        with self._writing() as connection:
            return delete_rows(connection, ids, actor, datetime.now(UTC))

    def hold(self, image_id: UUID, actor: Actor) -> bool:
        """Prevent the deletion of an image. Returns False for an unknown id. An existing hold stays as it is."""
        with self._writing() as connection:
            return add_hold(connection, image_id, actor, datetime.now(UTC))

    def release(self, image_id: UUID) -> bool:
        """Allow the deletion of an image again. Returns False for an unknown id."""
        with self._writing() as connection:
            return remove_hold(connection, image_id)

    def holds(self) -> list[Hold]:
        """Return all holds, the oldest first."""
        with self._reading() as session:
            return find_holds(session)

    def find_hold(self, image_id: UUID) -> Hold | None:
        """Return the hold of an image."""
        with self._reading() as session:
            return find_hold(session, image_id)

    def count_held(self) -> int:
        """Count the images with a hold."""
        with self._reading() as session:
            return session.scalar(select(func.count()).select_from(HOLDS)) or 0

    def count_deleted(self) -> int:
        """Count the tombstones."""
        with self._reading() as session:
            return session.scalar(select(func.count()).select_from(TOMBSTONES)) or 0

    def tombstone(self, image_id: UUID) -> Tombstone | None:
        """Return the tombstone of a deleted image, None for other ids."""
        return self.tombstones([image_id]).get(image_id)

    def tombstones(self, ids: Collection[UUID]) -> dict[UUID, Tombstone]:
        """Return the tombstones of those of the ids that were deleted. Any number of ids is accepted."""
        found: dict[UUID, Tombstone] = {}
        asked = list(ids)
        with self._reading() as session:
            for start in range(0, len(asked), MAX_BATCH):
                found |= find_tombstones(session, asked[start : start + MAX_BATCH])
        return found

    def expired(self, selection: Expired, after: Cursor | None, limit: int) -> list[ExpiredImage]:
        """Return selected images after a cursor, the oldest first."""
        with self._reading() as session:
            return find_expired(session, selection, after, limit)

    def size_cursor(self, max_bytes: int, camera: str | None, without: Sequence[Expired] = ()) -> Cursor | None:
        """Return a cursor: the images before it exceed a size together with the newer ones. None if all fit.

        Images with a hold do not count, nor do those that `without` selects. A stored upload counts as large as its
        image.
        """
        with self._reading() as session:
            return find_size_cursor(session, max_bytes, camera, without)

    def pending(self, limit: int = MAX_BATCH, after: UUID | None = None) -> list[PendingDeletion]:
        """Return deleted images whose files may exist, by id, after an id."""
        with self._reading() as session:
            return find_pending(session, limit, after)

    def pending_of(self, ids: Collection[UUID]) -> list[PendingDeletion]:
        """Return those of at most MAX_BATCH images that were deleted, and whose files may exist."""
        with self._reading() as session:
            return find_pending_of(session, ids)

    def delete_files(self, pending: Collection[PendingDeletion]) -> dict[UUID, str]:
        """Delete the files of deleted images. Durable on return. Returns the images that failed, with the reason."""
        paths = {path: image.image_id for image in pending for path in (image.path, original_path(image.path))}
        with translate_disk_errors(), self._reading() as session:
            self._deployment.check(session)  # on a disk that is not mounted, every file would count as deleted
            return {paths[path]: str(error) for path, error in self._files.delete(paths).items()}

    def delete_leftover(self, path: str) -> None:
        """Delete a file of a deleted image that `verify` has found, such as one of a backup."""
        with translate_disk_errors():
            for error in self._files.delete([path]).values():
                raise error

    def finish(self, pending: Collection[PendingDeletion]) -> None:
        """Record that nothing remains of these images but their tombstones."""
        with self._writing() as connection:
            clear_pending(connection, [image.image_id for image in pending])

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        with translate_database_errors(), Session(self._engine) as session:
            yield session

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with translate_database_errors(), self._engine.begin() as connection:
            yield connection

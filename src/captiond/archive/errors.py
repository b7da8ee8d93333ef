"""The errors of the archive."""

from uuid import UUID


class ArchiveError(Exception):
    """Base of the package's errors."""


class ArchiveUnavailable(ArchiveError):
    """The database or the images directory cannot be used now. The same call may succeed later.

    `disk_problem` describes a problem of the images directory without its path. It is None for one of the database.
    """

    def __init__(self, reason: str, disk_problem: str | None = None) -> None:
        super().__init__(f"the archive is unavailable: {reason}")
        self.reason = reason
        self.disk_problem = disk_problem


class RecordRejected(ArchiveError):
    """The record cannot be stored. A retry will not help."""

    def __init__(self, image_id: UUID, reason: str) -> None:
        super().__init__(f"the archive rejected image {image_id}: {reason}")
        self.image_id = image_id
        self.reason = reason

"""The errors of the archive."""

from uuid import UUID


class ArchiveError(Exception):
    """Base of the package's errors."""


class ArchiveUnavailable(ArchiveError):
    """The database or the images directory cannot be used now. The same call may succeed later.

    `problem` is the description for clients, without hosts and paths. It is None if the database does not answer.
    """

    def __init__(self, reason: str, problem: str | None = None) -> None:
        super().__init__(f"the archive is unavailable: {reason}")
        self.reason = reason
        self.problem = problem


class WrongImagesDirectory(ArchiveUnavailable):
    """The images directory cannot be created or belongs to another deployment. A retry will not help."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"images directory: {reason}", "images directory: it cannot be created, or belongs to another deployment"
        )


class SchemaMismatch(ArchiveUnavailable):
    """The database lacks a table or a column of this version. Fix: migrate, or run the matching version."""


class SearchBusy(ArchiveUnavailable):
    """Too many searches are running. The same search may succeed later."""

    def __init__(self) -> None:
        super().__init__("too many searches are running")


class SearchTimeout(ArchiveUnavailable):
    """A search exceeded its time limit. A narrower one may succeed."""

    def __init__(self) -> None:
        super().__init__("the search exceeded its time limit")


class UnusableDatabase(ArchiveError):
    """The database has the wrong encoding or a newer schema. A retry will not help."""


class FileAltered(ArchiveError):
    """The file of an image does not have the size that its row states."""

    def __init__(self, path: str, size: int, expected: int) -> None:
        super().__init__(f"{path} has {size} bytes instead of {expected}; run `captiond verify`")


class RecordRejected(ArchiveError):
    """The record cannot be stored. A retry will not help."""

    def __init__(self, image_id: UUID, reason: str) -> None:
        super().__init__(f"the archive rejected image {image_id}: {reason}")
        self.image_id = image_id
        self.reason = reason


class RecordAltered(ArchiveError):
    """The row of an image differs from the record in its seal."""

    def __init__(self, image_id: UUID, number: int) -> None:
        super().__init__(f"image {image_id} differs from its record in seal {number}; run `captiond verify`")

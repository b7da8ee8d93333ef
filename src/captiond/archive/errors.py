"""What can go wrong in the archive, told apart by who has to react."""

from uuid import UUID


class ArchiveError(Exception):
    """Everything the archive raises or hands back as a failure."""


class ArchiveUnavailable(ArchiveError):
    """The database or the images directory cannot be used now; the same call may succeed later."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the archive is unavailable: {reason}")
        self.reason = reason


class RecordRejected(ArchiveError):
    """The record can never be kept, however often it comes."""

    def __init__(self, record_id: UUID, reason: str) -> None:
        super().__init__(f"image {record_id} was refused: {reason}")
        self.record_id = record_id
        self.reason = reason

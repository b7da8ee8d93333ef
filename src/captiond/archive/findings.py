"""What verification finds."""

from dataclasses import dataclass
from enum import StrEnum

OF_DELETED_IMAGE = "of a deleted image"


class FindingKind(StrEnum):
    """The kinds of discrepancies."""

    UNREADABLE = "unreadable row"  # a column without a valid value
    MISSING = "missing"  # a row without its file
    ALTERED = "altered"  # the file does not have the size and the checksum of its row
    CONTRADICTED = "wrong row"  # the intact file has another width or height, or the image was deleted
    ORPHANED = "orphaned"  # a file without a row
    LEFTOVER = "leftover"  # a temporary file of a crashed writer, or a file of a deleted image
    ALTERED_ROW = "altered row"  # the row is not the one that was sealed
    DELETED_ROW = "deleted row"  # a sealed row is gone, and its deletion was not recorded
    ADDED_ROW = "added row"  # the row is older than a seal that should contain it
    ALTERED_SEAL = "altered seal"  # the seal, its signature or its list of records was changed
    MISSING_SEAL = "missing seal"  # a later seal or a sealed record refers to it


@dataclass(frozen=True, slots=True)
class Finding:
    """A discrepancy; `path` is relative to the images directory, or the id of a row, or the number of a seal."""

    kind: FindingKind
    path: str
    detail: str = ""

    @property
    def is_of_deleted_image(self) -> bool:
        """Whether it is a file that the deletion of its image should have deleted."""
        return self.kind is FindingKind.LEFTOVER and self.detail == OF_DELETED_IMAGE

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}" + (f" ({self.detail})" if self.detail else "")

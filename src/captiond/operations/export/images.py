"""The images of an export, and where their files come from."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, Protocol, Self
from uuid import UUID


class Folder(StrEnum):
    """The kinds of files of an image, each in a folder of its own. Receipts and proofs would be two more."""

    IMAGES = "images"
    ORIGINALS = "originals"


class FileUnavailable(Exception):
    """A file of an image is missing, altered, or cannot be restored. The export lists it."""


class ImageDeleted(Exception):
    """The image was deleted after its page was read. The export omits it."""


@dataclass(frozen=True, slots=True)
class ExportImage:
    """One image. `fields` are its JSON fields in `GET /api/images`."""

    id: UUID
    received_at: datetime
    checksums: Mapping[Folder, bytes]
    fields: Mapping[str, object]

    @classmethod
    def from_fields(cls, fields: Mapping[str, object]) -> Self:
        """Read the fields of an image. Raises KeyError, ValueError."""
        return cls(
            UUID(str(fields["id"])),
            datetime.fromisoformat(str(fields["received_at"])).astimezone(UTC),
            {
                Folder.IMAGES: bytes.fromhex(str(fields["sha256"])),
                Folder.ORIGINALS: bytes.fromhex(str(fields["upload_sha256"])),
            },
            fields,
        )

    def file_name(self, folder: Folder) -> str:
        """The path in the export. A folder per hour: file managers are slow with 100,000 files in one folder."""
        return f"{folder}/{self.received_at:%Y-%m-%d/%H}/{self.id}.jpg"


class ImageSource(Protocol):
    """Where the images of an export come from. A call that raised another error may be repeated."""

    def next_page(self) -> Sequence[ExportImage]:
        """Return the next images; none at the end."""
        ...

    def load(self, image: ExportImage, folder: Folder) -> bytes:
        """Return a file with its checksum. Raises FileUnavailable, ImageDeleted."""
        ...


class LoadedFiles(NamedTuple):
    """The files of an image, and the reasons why others are missing."""

    contents: Mapping[Folder, bytes]
    failures: Mapping[Folder, str]


def load_files(source: ImageSource, image: ExportImage, folders: Collection[Folder]) -> LoadedFiles:
    """Load the files of an image. Raises ImageDeleted."""
    contents: dict[Folder, bytes] = {}
    failures: dict[Folder, str] = {}
    for folder in folders:
        try:
            contents[folder] = source.load(image, folder)
        except FileUnavailable as error:
            failures[folder] = str(error)
    return LoadedFiles(contents, failures)

"""The images of an export, and where their files come from."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple, Protocol, Self
from uuid import UUID

from captiond.operations.export.chain import SealSource
from captiond.operations.export.proofs import InvalidProof, read_proof


class Folder(StrEnum):
    """The kinds of files of an image, each in a folder of its own."""

    IMAGES = "images"
    ORIGINALS = "originals"
    PROOFS = "proofs"


def choose_folders(*, originals: bool, proofs: bool) -> tuple[Folder, ...]:
    """Return the kinds of files of an export."""
    optional = {Folder.ORIGINALS: originals, Folder.PROOFS: proofs}
    return (Folder.IMAGES, *(folder for folder, is_chosen in optional.items() if is_chosen))


class FileUnavailable(Exception):
    """A file of an image is missing, altered, or cannot be restored. The export lists it."""


class ImageDeleted(Exception):
    """The image was deleted after its page was read. The export omits it."""


@dataclass(frozen=True, slots=True)
class ExportImage:
    """One image. `fields` are its JSON fields in `GET /api/images`. No checksum of its proof is known beforehand."""

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
        suffix = "json" if folder is Folder.PROOFS else "jpg"
        return f"{folder}/{self.received_at:%Y-%m-%d/%H}/{self.id}.{suffix}"

    def is_proved_by(self, record: Mapping[str, object]) -> bool:
        """Return whether a sealed record is that of this image and of both its files."""
        checksums = {"sha256": Folder.IMAGES, "upload_sha256": Folder.ORIGINALS}
        return record.get("id") == str(self.id) and all(
            record.get(name) == self.checksums[folder].hex() for name, folder in checksums.items()
        )


class ImageSource(SealSource, Protocol):
    """Where the images of an export come from. A call that raised another error may be repeated."""

    def next_page(self) -> Sequence[ExportImage]:
        """Return the next images; none at the end."""
        ...

    def load(self, image: ExportImage, folder: Folder) -> bytes:
        """Return a file with its checksum. Raises FileUnavailable, ImageDeleted."""
        ...


class FoundFiles(NamedTuple):
    """The checksums of the files of an image, the reasons why others are missing, and the seal of the proof."""

    checksums: Mapping[Folder, bytes]
    failures: Mapping[Folder, str]
    seal_number: int | None


def find_files(image: ExportImage, folders: Collection[Folder], find: Callable[[Folder], bytes]) -> FoundFiles:
    """Find each file of an image with `find`, which returns its content, and raises FileUnavailable without one.

    Raises what else `find` raises.
    """
    checksums: dict[Folder, bytes] = {}
    failures: dict[Folder, str] = {}
    seal_number = None
    for folder in folders:
        try:
            content = find(folder)
            if folder is Folder.PROOFS:
                seal_number = read_proof(content).seal_number
        except FileUnavailable as error:
            failures[folder] = str(error)
            continue
        except InvalidProof as error:  # the stored seal was altered
            failures[folder] = f"the proof is invalid: {error}"
            continue
        checksums[folder] = image.checksums.get(folder) or sha256(content).digest()
    return FoundFiles(checksums, failures, seal_number)

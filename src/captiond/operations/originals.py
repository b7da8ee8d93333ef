"""The uploads of archived images: which of them are stored as originals, and how an upload is loaded."""

from enum import StrEnum
from hashlib import sha256
from typing import Self

from captiond.archive import Archive, StoredImage
from captiond.imaging import NotRestorable, restore


class KeepOriginals(StrEnum):
    """Which uploads are stored beside their captioned images. The others can be restored from these."""

    REENCODED = "reencoded"
    ALWAYS = "always"
    NEVER = "never"

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        """Accept "redrawn", the name of `reencoded` in version 0.1."""
        return cls("reencoded") if value == "redrawn" else None

    def applies(self, *, reencoded: bool) -> bool:
        return self is KeepOriginals.ALWAYS or (self is KeepOriginals.REENCODED and reencoded)


class OriginalUnavailable(Exception):
    """The upload of an archived image cannot be loaded."""


def load_original(archive: Archive, image: StoredImage) -> bytes:
    """Return the upload byte for byte, after a check of its SHA-256.

    Raises OriginalUnavailable, FileNotFoundError, ArchiveUnavailable.
    """
    path = archive.original(image)
    if path is not None:
        original = archive.read(path)
    elif image.reencode_reason is not None:
        raise OriginalUnavailable(f"the photo was re-encoded ({image.reencode_reason}) and its upload was not stored")
    else:
        try:
            original = restore(archive.read(archive.file(image)))
        except NotRestorable as error:
            raise OriginalUnavailable(f"the upload cannot be restored from the archived file: {error}") from error
    if sha256(original).digest() != image.upload_sha256:
        raise OriginalUnavailable("the original does not match upload_sha256")
    return original

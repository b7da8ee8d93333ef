"""Loads the uploads of archived images."""

from hashlib import sha256
from os.path import isfile

from captiond.archive import Archive, StoredImage
from captiond.imaging import NotRestorable, restore


class OriginalUnavailable(Exception):
    """The upload of an archived image cannot be loaded."""


def has_original(archive: Archive, image: StoredImage) -> bool:
    """Return whether there is a file to load the upload from, without reading it."""
    if not image.has_original and image.reencode_reason is not None:
        return False
    file = archive.original(image) or archive.file(image)
    return isfile(file)  # noqa: PTH113 - Path.is_file raises an error for a directory that must not be read


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

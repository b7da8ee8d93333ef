"""Loads the uploads of archived images: a stored original, or restored from the captioned JPEG."""

from hashlib import sha256

from captiond.archive import Archive, StoredImage
from captiond.imaging import NotRestorable, restore


class OriginalUnavailable(Exception):
    """The upload of an archived image cannot be loaded. The message gives the reason."""


def load_original(archive: Archive, image: StoredImage) -> bytes:
    """Return the upload byte for byte, after a check of its SHA-256.

    Raises OriginalUnavailable, FileNotFoundError.
    """
    path = archive.original(image)
    if path is not None:
        original = path.read_bytes()
    elif image.reencode_reason is not None:
        raise OriginalUnavailable(f"The photo was re-encoded ({image.reencode_reason}) and its upload was not stored.")
    else:
        try:
            original = restore(archive.file(image).read_bytes())
        except NotRestorable as error:
            raise OriginalUnavailable(f"The upload cannot be restored from the archived file: {error}.") from error
    if sha256(original).digest() != image.upload_sha256:
        raise OriginalUnavailable("The archived file was altered: the restored bytes do not match upload_sha256.")
    return original

"""Uploads had back: out of the captioned image, or from beside it."""

from hashlib import sha256

from captiond.archive import Archive, StoredImage
from captiond.imaging import NotRestorable, restore


class OriginalUnavailable(Exception):
    """The upload of an archived image cannot be had back; the message says why."""


def load_original(archive: Archive, image: StoredImage) -> bytes:
    """Return the upload byte for byte, its SHA-256 checked against the row.

    Raises OriginalUnavailable, FileNotFoundError.
    """
    kept = archive.original(image)
    if kept is not None:
        original = kept.read_bytes()
    elif image.reencode_reason is not None:
        raise OriginalUnavailable(f"The photo was encoded anew ({image.reencode_reason}), and its upload was not kept.")
    else:
        try:
            original = restore(archive.file(image).read_bytes())
        except NotRestorable as error:
            raise OriginalUnavailable(f"The archived file does not give it back: {error}.") from error
    if sha256(original).hexdigest() != image.upload_sha256:
        raise OriginalUnavailable("The archived file was altered: what it gives back is not the upload.")
    return original

"""The error of a failed image for clients and for the receivers of webhooks."""

from uuid import UUID

from captiond.imaging import BadImage


def make_public_error(image_id: UUID, error: str) -> str:
    """Return the message of a BadImage, which concerns the upload only. Other errors may contain hosts and paths."""
    error_class, _, message = error.partition(": ")
    if error_class == BadImage.__name__:
        return message
    return f"Processing failed; the operator can read the error with `captiond dead show {image_id}`."

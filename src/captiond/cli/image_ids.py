"""The ids of images, as arguments of the commands."""

from uuid import UUID

from captiond.cli.errors import UsageError


def parse_image_id(text: str) -> UUID:
    """Parse the id of an image. Raises UsageError."""
    try:
        return UUID(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not an image id, such as those that `captiond list` prints") from error

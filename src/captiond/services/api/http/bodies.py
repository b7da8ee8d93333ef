"""JSON bodies of successful responses."""

from datetime import UTC, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, PlainSerializer

from captiond.archive import StoredImage
from captiond.messages import Status


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(_rfc3339), Field(examples=["2026-11-23T22:31:00.123456Z"])]


class Accepted(BaseModel):
    """An accepted upload. `received_at` is the time of the first request with this id."""

    id: UUID
    received_at: Moment
    description: str
    status: Status


class ImageStatus(BaseModel):
    """The status of an image, with the error if it failed."""

    id: UUID
    status: Status
    error: str | None = None


class ListedImage(BaseModel):
    """An archived image; `width`, `height`, `bytes` and `sha256` are those of the captioned file."""

    id: UUID
    received_at: Moment
    description: str
    stored_at: Moment
    width: int
    height: int
    bytes: int
    sha256: str
    upload_sha256: str
    redraw_reason: str | None = Field(description="why the photo was encoded anew; null: it was not")

    @classmethod
    def of(cls, image: StoredImage) -> Self:
        return cls(
            id=image.id,
            received_at=image.received_at,
            description=image.description,
            stored_at=image.stored_at,
            width=image.width,
            height=image.height,
            bytes=image.bytes,
            sha256=image.sha256,
            upload_sha256=image.upload_sha256,
            redraw_reason=image.reencode_reason,
        )

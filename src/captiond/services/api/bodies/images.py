"""JSON bodies of successful responses."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from captiond.image import UNCHECKED, Method
from captiond.messages import Status
from captiond.times import rfc3339

Sha256 = Annotated[str, BeforeValidator(bytes.hex)]
Moment = Annotated[datetime, PlainSerializer(rfc3339), Field(examples=["2026-11-23T22:31:00.123456Z"])]


class Accepted(BaseModel):
    """An accepted upload. `received_at` is the time of the first request with this id."""

    id: UUID
    received_at: Moment
    description: str
    status: Status
    captured_at: Moment | None = None
    camera: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    receipt: str | None = Field(default=None, description="signed receipt (compact JWS); absent without a signing key")


class ImageStatus(BaseModel):
    """The status of an image, with the error if it failed."""

    id: UUID
    status: Status
    error: str | None = None


class ListedImage(BaseModel):
    """An archived image; `width`, `height`, `bytes` and `sha256` describe the captioned JPEG."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    received_at: Moment
    description: str
    stored_at: Moment
    width: int
    height: int
    bytes: int = Field(validation_alias="size_bytes")
    sha256: Sha256
    upload_sha256: Sha256
    method: Method = Field(
        description="how the caption was added; a lossless caption keeps the compressed data of the photo"
    )
    reencode_reason: str | None = Field(
        description="why the photo was re-encoded; null: the caption was added losslessly"
    )
    redraw_reason: str | None = Field(
        validation_alias="reencode_reason",
        description="old name of `reencode_reason`",
        json_schema_extra={"deprecated": True},
    )
    damage: str | None = Field(
        description="the first fault in the compressed data of the photo; null: it is intact; "
        f"`{UNCHECKED}`: it was not checked"
    )
    caption: str | None = Field(description="the text in the strip; null: the description")
    captured_at: Moment | None = Field(description="the time of capture, as the client stated it")
    camera: str | None = Field(description="the name of the camera")
    labels: dict[str, str] = Field(description="further data of the client", examples=[{"speed": "83"}])
    held: bool = Field(description="whether a legal hold prevents the deletion of the image")

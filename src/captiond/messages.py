"""What travels: an upload on the way to the captioner, a captioned image on the way to the archiver."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Self
from uuid import UUID

from captiond.patch import Patch
from captiond.workqueue import MalformedMessage, Message

UPLOADS = "uploads"
CAPTIONED = "captioned"
# In the order of travel.
QUEUES = (UPLOADS, CAPTIONED)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    """Where an image is; `failed` means that it lies in the dead letters of a queue."""

    QUEUED = "queued"
    CAPTIONED = "captioned"
    STORED = "stored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Upload:
    """A JPEG as it came in. `sha256` is taken where it came in and holds on every leg."""

    id: UUID
    received_at: datetime
    description: str
    sha256: bytes
    jpeg: bytes = field(repr=False)

    def to_message(self) -> Message:
        headers = {
            "received_at": microseconds(self.received_at),
            "description": self.description.encode(),
            "sha256": self.sha256,
        }
        return Message(self.id, headers, self.jpeg)

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode and check the body against its SHA-256. Raises MalformedMessage."""
        with _Headers(message) as headers:
            return cls(
                id=message.id,
                received_at=headers.time("received_at"),
                description=headers.text("description"),
                sha256=headers.sha256_of_body("sha256"),
                jpeg=message.body,
            )


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """A JPEG with its caption, `width` x `height` pixels, and the SHA-256 of itself and of its upload.

    `patch` makes it of the upload, so that nothing else has to travel. `redraw_reason` says why the photo was encoded
    anew, if it was; `original` is the upload where it is to be kept.
    """

    id: UUID
    received_at: datetime
    description: str
    width: int
    height: int
    sha256: bytes
    upload_sha256: bytes
    patch: Patch = field(repr=False)
    jpeg: bytes = field(repr=False)
    redraw_reason: str | None = None
    original: bytes | None = field(default=None, repr=False)

    def to_headers(self) -> dict[str, bytes]:
        """Write what the upload's message goes on with."""
        headers = {
            "received_at": microseconds(self.received_at),
            "description": self.description.encode(),
            "width": b"%d" % self.width,
            "height": b"%d" % self.height,
            "sha256": self.sha256,
            "upload_sha256": self.upload_sha256,
            "patch": self.patch.to_bytes(),
        }
        if self.redraw_reason is not None:
            headers["redraw_reason"] = self.redraw_reason.encode()
        if self.original is not None:
            headers["keep_original"] = b"1"
        return headers

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode; the archive checks the JPEG against its SHA-256. Raises MalformedMessage."""
        with _Headers(message) as headers:
            patch = Patch.from_bytes(headers["patch"])
            return cls(
                id=message.id,
                received_at=headers.time("received_at"),
                description=headers.text("description"),
                width=int(headers["width"]),
                height=int(headers["height"]),
                sha256=headers["sha256"],
                upload_sha256=headers["upload_sha256"],
                patch=patch,
                jpeg=patch.apply(message.body),
                redraw_reason=headers.text("redraw_reason") if "redraw_reason" in message.headers else None,
                original=message.body if "keep_original" in message.headers else None,
            )


def microseconds(moment: datetime) -> bytes:
    """Write a time as microseconds since the epoch, exactly."""
    return b"%d" % ((moment - EPOCH) // timedelta(microseconds=1))


def moment(microseconds_since_epoch: bytes) -> datetime:
    """Read what `microseconds` wrote. Raises ValueError, OverflowError."""
    return EPOCH + timedelta(microseconds=int(microseconds_since_epoch))


class _Headers:
    """Reads headers; whatever is missing or unreadable leaves the `with` block as MalformedMessage."""

    def __init__(self, message: Message) -> None:
        self._headers: Mapping[str, bytes] = message.headers
        self._message = message

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (KeyError, ValueError, OverflowError)) and not isinstance(error, MalformedMessage):
            raise MalformedMessage(f"message {self._message.id} cannot be read: {error!r}") from error

    def __getitem__(self, name: str) -> bytes:
        return self._headers[name]

    def text(self, name: str) -> str:
        return self._headers[name].decode()

    def time(self, name: str) -> datetime:
        return moment(self._headers[name])

    def sha256_of_body(self, name: str) -> bytes:
        digest = self._headers[name]
        if sha256(self._message.body).digest() != digest:
            raise MalformedMessage(f"message {self._message.id} does not match its SHA-256")
        return digest

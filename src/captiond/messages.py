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

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    """Where an image is; `failed` means that it lies in the dead letters of a queue."""

    QUEUED = "queued"
    CAPTIONED = "captioned"
    STORED = "stored"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Upload:
    """A JPEG as it came in. `sha256` is taken where it came in and checked where it is archived."""

    id: UUID
    received_at: datetime
    description: str
    sha256: bytes
    jpeg: bytes = field(repr=False)

    def verify_checksum(self) -> None:
        """Raise MalformedMessage unless the JPEG is what came in."""
        _require_digest(self.jpeg, self.sha256, f"message {self.id} does not match its sha256")

    def to_message(self) -> Message:
        headers = {
            "received_at": microseconds(self.received_at),
            "description": self.description.encode(),
            "sha256": self.sha256,
        }
        return Message(self.id, headers, self.jpeg)

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode; what is made of the body is checked with it at the end of its way. Raises MalformedMessage."""
        with _Headers(message) as headers:
            return cls(
                id=message.id,
                received_at=headers.time("received_at"),
                description=headers.text("description"),
                sha256=headers["sha256"],
                jpeg=message.payload,
            )


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """A JPEG with its caption, `width` x `height` pixels: an upload, and the patch that makes it of that.

    `reencode_reason`: why the photo was re-encoded, or None; `keep_original`: whether to store the upload too.
    """

    id: UUID
    received_at: datetime
    description: str
    width: int
    height: int
    upload_sha256: bytes
    upload: bytes = field(repr=False)
    patch: Patch = field(repr=False)
    reencode_reason: str | None = None
    keep_original: bool = False

    def to_headers(self) -> dict[str, bytes]:
        """Write what the upload's message goes on with."""
        patch = self.patch.to_bytes()
        headers = {
            "received_at": microseconds(self.received_at),
            "description": self.description.encode(),
            "width": b"%d" % self.width,
            "height": b"%d" % self.height,
            "upload_sha256": self.upload_sha256,
            "patch": patch,
            "patch_sha256": sha256(patch).digest(),
        }
        if self.reencode_reason is not None:
            headers["redraw_reason"] = self.reencode_reason.encode()
        if self.keep_original:
            headers["keep_original"] = b"1"
        return headers

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode and check upload and patch against their SHA-256. Raises MalformedMessage."""
        with _Headers(message) as headers:
            return cls(
                id=message.id,
                received_at=headers.time("received_at"),
                description=headers.text("description"),
                width=int(headers["width"]),
                height=int(headers["height"]),
                upload_sha256=headers.checked("upload_sha256", message.payload),
                upload=message.payload,
                patch=headers.patch("patch", "patch_sha256"),
                reencode_reason=headers.text("redraw_reason") if "redraw_reason" in message.headers else None,
                keep_original="keep_original" in message.headers,
            )

    def to_jpeg(self) -> bytes:
        """Make the JPEG. Raises MalformedMessage where the captioner did not see the upload that this is."""
        try:
            return self.patch.apply(self.upload)
        except ValueError as error:
            raise MalformedMessage(f"image {self.id} cannot be put together: {error}") from error


def microseconds(moment: datetime) -> bytes:
    """Write a time as microseconds since the epoch, exactly."""
    return b"%d" % ((moment - EPOCH) // timedelta(microseconds=1))


def moment(microseconds_since_epoch: bytes) -> datetime:
    """Read what `microseconds` wrote. Raises ValueError, OverflowError."""
    return EPOCH + timedelta(microseconds=int(microseconds_since_epoch))


def _require_digest(content: bytes, digest: bytes, problem: str) -> None:
    if sha256(content).digest() != digest:
        raise MalformedMessage(problem)


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

    def checked(self, name: str, content: bytes) -> bytes:
        """Return the SHA-256 that this header says the content has."""
        digest = self._headers[name]
        _require_digest(content, digest, f"message {self._message.id} does not match its {name}")
        return digest

    def patch(self, name: str, sha256_name: str) -> Patch:
        self.checked(sha256_name, self._headers[name])
        return Patch.from_bytes(self._headers[name])

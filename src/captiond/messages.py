"""The messages of queue `uploads` (an upload) and of queue `captioned` (a captioned upload)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Self
from uuid import UUID
from zlib import crc32

from captiond.image import CaptionedImage, ReceivedImage, decode_headers, encode_headers
from captiond.patch import Patch
from captiond.workqueue import MalformedMessage, Message


class Status(StrEnum):
    """The position of an image in the pipeline; `failed` images are in a dead-letter queue.

    A `deleted` image was stored before.
    """

    QUEUED = "queued"
    CAPTIONED = "captioned"
    STORED = "stored"
    FAILED = "failed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Upload:
    """A message of queue `uploads`.

    The API or the FTP service computes `upload_sha256`. The archiver verifies it, and the captioner if it cannot
    caption the photo.
    """

    image: ReceivedImage
    jpeg: bytes = field(repr=False)

    def verify_checksum(self) -> None:
        """Raise MalformedMessage if the JPEG does not match `upload_sha256`."""
        _verify(self.image.id, "upload", self.jpeg, self.image.upload_sha256)

    def to_message(self) -> Message:
        return Message(self.image.id, encode_headers(self.image), self.jpeg)

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode without verifying the checksum. Raises MalformedMessage."""
        with _malformed_if_undecodable(message):
            return cls(decode_headers(ReceivedImage, message.id, message.headers), message.payload)


@dataclass(frozen=True, slots=True)
class CaptionedUpload:
    """A message of queue `captioned`: an upload, and the patch that turns it into the captioned JPEG.

    `keep_original` asks the archiver to store the upload too.
    """

    image: CaptionedImage
    upload: bytes = field(repr=False)
    patch: Patch = field(repr=False)
    keep_original: bool = False

    def to_headers(self) -> dict[str, bytes]:
        """Encode all but the upload, which stays the payload of the message."""
        patch = self.patch.to_bytes()
        headers = {**encode_headers(self.image), "patch": patch, "patch_sha256": sha256(patch).digest()}
        return {**headers, "keep_original": b"1"} if self.keep_original else headers

    @classmethod
    def from_message(cls, message: Message) -> Self:
        """Decode, and verify the checksums of upload and patch. Raises MalformedMessage."""
        headers = message.headers
        with _malformed_if_undecodable(message):
            image = decode_headers(CaptionedImage, message.id, headers)
            if "patch" not in headers and "sha256" in headers:
                return cls._from_previous_format(image, message)
            _verify(message.id, "upload", message.payload, image.upload_sha256)
            _verify(message.id, "patch", headers["patch"], headers["patch_sha256"])
            patch = Patch.from_bytes(headers["patch"])
            return cls(image, message.payload, patch, keep_original="keep_original" in headers)

    @classmethod
    def _from_previous_format(cls, image: CaptionedImage, message: Message) -> Self:
        """Decode a message whose payload is the captioned JPEG, as early versions 0.1 wrote it."""
        _verify(message.id, "captioned image", message.payload, message.headers["sha256"])
        upload = message.headers.get("original", b"")
        patch = Patch(crc32(upload), (message.payload,))
        return cls(image, upload, patch, keep_original="original" in message.headers)

    def to_jpeg(self) -> bytes:
        """Apply the patch. Raises MalformedMessage if it was made for another upload."""
        try:
            return self.patch.apply(self.upload)
        except ValueError as error:
            raise MalformedMessage(f"cannot apply the patch of message {self.image.id}: {error}") from error


def _verify(message_id: UUID, part: str, content: bytes, digest: bytes) -> None:
    if sha256(content).digest() != digest:
        raise MalformedMessage(f"the {part} of message {message_id} does not match {part}_sha256")


@contextmanager
def _malformed_if_undecodable(message: Message) -> Iterator[None]:
    try:
        yield
    except (KeyError, ValueError, OverflowError) as error:
        raise MalformedMessage(f"cannot decode message {message.id}: {error!r}") from error

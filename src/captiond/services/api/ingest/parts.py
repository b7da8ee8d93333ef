"""Reads the multipart body of an event: documents and pictures, recognised by their first bytes."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from captiond.imaging import JPEG_START
from captiond.services.api.http.digests import BodyDigest
from captiond.services.api.http.problem_types import NOT_MULTIPART, TOO_LARGE
from captiond.services.api.http.problems import CLOSE, FieldError, Problem
from captiond.services.api.ingest.documents import MAX_DOCUMENT_BYTES
from captiond.services.api.upload.body import image_too_large, require_digest
from captiond.services.api.upload.form import MAX_FORM_OVERHEAD_BYTES
from captiond.services.api.upload.multipart import (
    FormLimitExceeded,
    MalformedForm,
    MultipartParser,
    Part,
    parse_file_headers,
)
from captiond.services.api.upload.text import InvalidText, decode_transfer

_DOCUMENT = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,64}[<{]|\xff\xfe|\xfe\xff")
# In these encodings, a picture can be recognised only when the part is complete.
_ENCODINGS = frozenset({"base64", "quoted-printable"})
_PICTURE_NAME = re.compile(r"\.(?:jpe?g|png|bmp|gif|webp)$|picture|image", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReceivedPart:
    """A part and its content. Of a part that is neither document nor JPEG, only the start is kept.

    `names` are its name, its file name and its Content-ID. A missing value is empty.
    """

    names: tuple[str, str, str]
    media_type: str
    charset: str
    content: bytes = field(repr=False)

    @property
    def label(self) -> str:
        """The name of the part in messages."""
        return next(filter(None, self.names), "")[:64]

    @property
    def is_document(self) -> bool:
        return bool(_DOCUMENT.match(self.content))

    @property
    def is_picture(self) -> bool:
        """Whether the part is a JPEG or declared as a picture. Firmware sends empty parts for missing pictures."""
        claims = self.media_type.startswith("image/") or _PICTURE_NAME.search(self.label)
        return bool(self.content) and (self.content.startswith(JPEG_START) or bool(claims))


def max_form_bytes(max_image_bytes: int) -> int:
    """Return the maximum size of an event. Its pictures together may be as large as two images."""
    return 2 * max_image_bytes + MAX_FORM_OVERHEAD_BYTES


async def read_parts(
    boundary: bytes, stream: AsyncIterator[bytes], digest: BodyDigest, max_image_bytes: int
) -> list[ReceivedPart]:
    """Read all parts. Raises Problem and ClientDisconnect."""
    reader = _PartReader(max_image_bytes)
    try:
        await reader.read(MultipartParser(boundary), stream, digest)
        require_digest(digest)
        return [_to_received(part, content) for part, content in reader.parts]
    except MalformedForm as error:
        raise Problem(NOT_MULTIPART, f"The multipart body is malformed: {error}.", headers=CLOSE) from error
    except FormLimitExceeded as error:
        raise Problem(TOO_LARGE, str(error), headers=CLOSE) from error


class _PartReader:
    def __init__(self, max_image_bytes: int) -> None:
        self.parts: list[tuple[Part, bytearray]] = []
        self._max_image_bytes = max_image_bytes
        self._received_bytes = 0

    async def read(self, parser: MultipartParser, stream: AsyncIterator[bytes], digest: BodyDigest) -> None:
        max_bytes = max_form_bytes(self._max_image_bytes)
        async for chunk in stream:
            digest.update(chunk)
            self._received_bytes += len(chunk)
            if self._received_bytes > max_bytes:
                raise Problem(TOO_LARGE, f"The event exceeds the limit of {max_bytes} bytes.", headers=CLOSE)
            for event in parser.feed(chunk):
                if isinstance(event, Part):
                    self.parts.append((event, bytearray()))
                elif event:
                    self._append(event)
        if not parser.ended:
            raise MalformedForm("it ends before its closing boundary")

    def _append(self, data: bytes) -> None:
        part, content = self.parts[-1]
        content += data
        if content.startswith(JPEG_START) or part.transfer_encoding.lower() in _ENCODINGS:
            if len(content) > self._max_image_bytes:
                raise image_too_large(self._max_image_bytes)
        elif len(content) <= MAX_DOCUMENT_BYTES:
            return
        elif _DOCUMENT.match(content):
            label = part.name or parse_file_headers(part).filename
            detail = f"The part {label[:64]!r} exceeds the limit of {MAX_DOCUMENT_BYTES} bytes."
            raise Problem(TOO_LARGE, detail, headers=CLOSE)
        else:
            del content[64:]  # such as a video


def _to_received(part: Part, content: bytearray) -> ReceivedPart:
    file = parse_file_headers(part)
    try:
        decoded = decode_transfer(bytes(content), part.transfer_encoding)
    except InvalidText as error:
        raise Problem.invalid([FieldError(field=part.name or file.filename, detail=str(error))]) from error
    return ReceivedPart((part.name, file.filename, file.content_id), file.media_type, part.charset, decoded)

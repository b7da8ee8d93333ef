"""Reads the multipart form of an upload as a stream, and stops at the first byte over a limit."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from unicodedata import normalize

from multipart import (  # type: ignore[import-untyped] # it has no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from captiond.imaging import find_header_fault
from captiond.services.api.http.digests import BodyDigest
from captiond.services.api.http.problem_types import DIGEST_MISMATCH, NOT_A_JPEG, NOT_MULTIPART, TOO_LARGE
from captiond.services.api.http.problems import FieldError, Problem

JPEG_START = b"\xff\xd8\xff"
MAX_DESCRIPTION_CHARACTERS = 200
# More than 200 characters of 4 bytes, each decomposed into as many characters as NFC composes.
MAX_DESCRIPTION_BYTES = 16 << 10
# The bytes of a form besides the image: description, boundaries, headers, other parts.
MAX_FORM_OVERHEAD_BYTES = 64 << 10
MAX_PARTS = 16
# The rest of a rejected body is not read, so the connection cannot be reused.
CLOSE = {"Connection": "close"}


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A valid form. `sha256` is that of the JPEG."""

    jpeg: bytes = field(repr=False)
    sha256: bytes
    description: str


async def read_upload_form(request: Request, max_image_bytes: int) -> UploadForm:
    """Read and validate the parts `image` and `description`. Raises Problem."""
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if media_type != "multipart/form-data" or not options.get("boundary"):
        raise Problem(NOT_MULTIPART, NOT_MULTIPART.example)
    _check_content_length(request, max_image_bytes)
    reader, digest = _FormReader(max_image_bytes), BodyDigest(request.headers)
    try:
        parser = PushMultipartParser(options["boundary"], max_segment_count=MAX_PARTS)
        await reader.read(parser, request.stream(), digest)
    except MultipartError as error:
        raise Problem(NOT_MULTIPART, f"The multipart form is malformed: {error}.", headers=CLOSE) from error
    except ClientDisconnect as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The client disconnected before the end of the form.") from error
    if header := digest.mismatch():
        raise Problem(DIGEST_MISMATCH, f"The body does not match its {header} header; send it again.")
    return reader.to_form()


class _FormReader:
    """Collects the parts `image` and `description` and counts the bytes of all others."""

    def __init__(self, max_image_bytes: int) -> None:
        self._max_bytes = {"image": max_image_bytes, "description": MAX_DESCRIPTION_BYTES}
        self._received: dict[str, bytearray] = {}
        self._repeated: set[str] = set()
        self._other_bytes = 0
        self._digest = sha256()
        self._current = ""

    async def read(self, parser: PushMultipartParser, stream: AsyncIterator[bytes], digest: BodyDigest) -> None:
        with parser:
            async for chunk in stream:
                digest.update(chunk)
                if parser.closed:
                    self._count_other(len(chunk))
                elif chunk:
                    self._process(parser.parse(chunk))

    def _process(self, events: Iterable[MultipartSegment | bytearray | bytes | None]) -> None:
        for event in events:
            if isinstance(event, MultipartSegment):
                self._begin(event.name)
            elif event:
                self._append(event)

    def _begin(self, name: str) -> None:
        self._current = name
        if name in self._received:
            self._repeated.add(name)
        elif name in self._max_bytes:
            self._received[name] = bytearray()

    def _append(self, data: bytearray | bytes) -> None:
        if self._current not in self._received or self._current in self._repeated:
            self._count_other(len(data))
            return
        part = self._received[self._current]
        part += data
        if len(part) > self._max_bytes[self._current]:
            raise _too_large(self._current, self._max_bytes[self._current])
        if self._current == "image":
            self._digest.update(data)

    def _count_other(self, size_bytes: int) -> None:
        """Limit the bytes outside the two parts. Raises Problem."""
        self._other_bytes += size_bytes
        if self._other_bytes > MAX_FORM_OVERHEAD_BYTES:
            detail = f"The form has over {MAX_FORM_OVERHEAD_BYTES} bytes besides `image` and `description`."
            raise Problem(TOO_LARGE, detail, headers=CLOSE)

    def to_form(self) -> UploadForm:
        """Validate the parts. Raises Problem."""
        errors = [FieldError(field=name, detail="must be sent once") for name in sorted(self._repeated)]
        image = self._received.get("image")
        if not image:
            errors.append(FieldError(field="image", detail="is missing" if image is None else "is empty"))
        description = _decode_description(self._received.get("description"), errors)
        if errors:
            raise Problem.invalid(errors)
        jpeg = bytes(image or b"")
        if not jpeg.startswith(JPEG_START):
            raise Problem(NOT_A_JPEG, f"The part `image` starts with {jpeg[:3].hex(' ')}; a JPEG starts with ff d8 ff.")
        if fault := find_header_fault(jpeg):
            raise Problem(NOT_A_JPEG, f"The part `image` has no JPEG header: {fault}.")
        return UploadForm(jpeg, self._digest.digest(), description)


def _decode_description(raw: bytearray | None, errors: list[FieldError]) -> str:
    """Decode a description, convert it to NFC and validate it. Adds a problem to `errors`."""
    try:
        text = normalize("NFC", raw.decode()) if raw is not None else None
    except UnicodeDecodeError:
        errors.append(FieldError(field="description", detail="must be UTF-8"))
        return ""
    if text is None:
        errors.append(FieldError(field="description", detail="is missing"))
    elif not text.strip():
        errors.append(FieldError(field="description", detail="must not be blank"))
    elif len(text) > MAX_DESCRIPTION_CHARACTERS:
        detail = f"has {len(text)} characters; the limit is {MAX_DESCRIPTION_CHARACTERS}"
        errors.append(FieldError(field="description", detail=detail))
    elif "\0" in text:
        errors.append(FieldError(field="description", detail="must not contain U+0000"))
    return text or ""


def _check_content_length(request: Request, max_image_bytes: int) -> None:
    """Reject a body by its Content-Length, before reading it. Raises Problem."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_image_bytes + MAX_FORM_OVERHEAD_BYTES:
        raise _too_large("image", max_image_bytes)


def _too_large(name: str, max_bytes: int) -> Problem:
    if name == "description":
        error = FieldError(field=name, detail=f"exceeds the limit of {MAX_DESCRIPTION_CHARACTERS} characters")
        problem = Problem.invalid([error])
        problem.headers.update(CLOSE)
        return problem
    return Problem(TOO_LARGE, f"The image exceeds the limit of {max_bytes} bytes.", headers=CLOSE)

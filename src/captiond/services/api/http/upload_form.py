"""Reads the multipart form of an upload as a stream, and stops at the first byte over a limit."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from captiond.imaging import find_header_fault
from captiond.services.api.http.digests import BodyDigest
from captiond.services.api.http.form_text import (
    MAX_DESCRIPTION_CHARACTERS,
    InvalidText,
    decode_description,
    decode_transfer,
)
from captiond.services.api.http.multipart import (
    FormLimitExceeded,
    MalformedForm,
    MultipartParser,
    Part,
    parse_parameters,
)
from captiond.services.api.http.problem_types import DIGEST_MISMATCH, NOT_A_JPEG, NOT_MULTIPART, TOO_LARGE
from captiond.services.api.http.problems import FieldError, Problem

JPEG_START = b"\xff\xd8\xff"
IMAGE, DESCRIPTION = "image", "description"
# A form field with the charset of the text fields (RFC 7578 section 4.6).
CHARSET = "_charset_"
MAX_CHARSET_BYTES = 64
# More than 200 characters of 4 bytes, each decomposed into as many characters as NFC composes.
MAX_DESCRIPTION_BYTES = 16 << 10
# The bytes of a form besides its parts: boundaries, headers, preamble, epilogue.
MAX_FORM_OVERHEAD_BYTES = 64 << 10
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
    boundary = _read_boundary(request)
    _check_content_length(request, max_image_bytes)
    reader, digest = _FormReader(max_image_bytes), BodyDigest(request.headers)
    try:
        await reader.read(MultipartParser(boundary), request.stream(), digest)
    except MalformedForm as error:
        raise Problem(NOT_MULTIPART, f"The multipart form is malformed: {error}.", headers=CLOSE) from error
    except FormLimitExceeded as error:
        raise Problem(TOO_LARGE, str(error), headers=CLOSE) from error
    except ClientDisconnect as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "The client disconnected before the end of the form.") from error
    if header := digest.mismatch():
        raise Problem(DIGEST_MISMATCH, f"The body does not match its {header} header; send it again.")
    return reader.to_form()


def _read_boundary(request: Request) -> bytes:
    """Return the boundary that Content-Type names. Raises Problem."""
    media_type, parameters = parse_parameters(request.headers.get("content-type", ""))
    if media_type != "multipart/form-data":
        raise Problem(NOT_MULTIPART, NOT_MULTIPART.example)
    if not parameters.get("boundary"):
        detail = "The Content-Type header has no boundary; most HTTP clients add one if you do not set the header."
        raise Problem(NOT_MULTIPART, detail)
    return parameters["boundary"].encode("latin-1")


class _FormReader:
    """Collects the parts `image`, `description` and `_charset_`, and counts the bytes of all others."""

    def __init__(self, max_image_bytes: int) -> None:
        self._max_bytes = {IMAGE: max_image_bytes, DESCRIPTION: MAX_DESCRIPTION_BYTES, CHARSET: MAX_CHARSET_BYTES}
        self._parts: dict[str, Part] = {}
        self._received: dict[str, bytearray] = {}
        self._repeated: set[str] = set()
        self._max_other_bytes = max_image_bytes
        self._other_bytes = 0
        self._digest = sha256()
        self._current = Part("")

    async def read(self, parser: MultipartParser, stream: AsyncIterator[bytes], digest: BodyDigest) -> None:
        async for chunk in stream:
            digest.update(chunk)
            if parser.ended:
                self._count_other(len(chunk))
            for event in parser.feed(chunk):
                if isinstance(event, Part):
                    self._begin(event)
                elif event:
                    self._append(event)
        if not parser.ended:
            raise MalformedForm("it ends before its closing boundary")

    def _begin(self, part: Part) -> None:
        self._current = part
        if part.name in self._received:
            self._repeated.add(part.name)
        elif part.name in self._max_bytes:
            self._parts[part.name] = part
            self._received[part.name] = bytearray()

    def _append(self, data: bytes) -> None:
        name = self._current.name
        if name not in self._received or name in self._repeated:
            self._count_other(len(data))
            return
        content = self._received[name]
        content += data
        if len(content) > self._max_bytes[name]:
            raise _too_large(name, self._max_bytes[name])
        if name == IMAGE:
            self._digest.update(data)

    def _count_other(self, size_bytes: int) -> None:
        """Limit the bytes outside the parts that are read. Raises Problem."""
        self._other_bytes += size_bytes
        if self._other_bytes > self._max_other_bytes:
            detail = (
                f"The parts besides `image` and `description` exceed the limit of {self._max_other_bytes} bytes "
                f"in {self._current.name[:64]!r}."
            )
            raise Problem(TOO_LARGE, detail, headers=CLOSE)

    def to_form(self) -> UploadForm:
        """Validate the parts. Raises Problem."""
        errors = [FieldError(field=name, detail="must be sent once") for name in sorted(self._repeated)]
        image, digest, description = b"", b"", ""
        try:
            image, digest = self._read_image()
        except InvalidText as error:
            errors.append(FieldError(field=IMAGE, detail=str(error)))
        try:
            description = self._read_description()
        except InvalidText as error:
            errors.append(FieldError(field=DESCRIPTION, detail=str(error)))
        if errors:
            raise Problem.invalid(errors)
        if not image.startswith(JPEG_START):
            raise Problem(
                NOT_A_JPEG, f"The part `image` starts with {image[:3].hex(' ')}; a JPEG starts with ff d8 ff."
            )
        if fault := find_header_fault(image):
            raise Problem(NOT_A_JPEG, f"The part `image` has no JPEG header: {fault}.")
        return UploadForm(image, digest, description)

    def _read_image(self) -> tuple[bytes, bytes]:
        """Return the image and its SHA-256. Raises InvalidText."""
        received = self._get(IMAGE)
        image = decode_transfer(received, self._parts[IMAGE].transfer_encoding)
        if not image:
            raise InvalidText("is empty")
        return image, self._digest.digest() if image is received else sha256(image).digest()

    def _read_description(self) -> str:
        """Decode the description in the charset of its part, else of the form. Raises InvalidText."""
        received = self._get(DESCRIPTION)
        part = self._parts[DESCRIPTION]
        form_charset = self._received.get(CHARSET, b"").decode("latin-1").strip()
        return decode_description(decode_transfer(received, part.transfer_encoding), part.charset or form_charset)

    def _get(self, name: str) -> bytes:
        if name not in self._received:
            raise InvalidText("is missing")
        return bytes(self._received[name])


def _check_content_length(request: Request, max_image_bytes: int) -> None:
    """Reject a body by its Content-Length, before reading it. Raises Problem."""
    declared = request.headers.get("content-length", "")
    # Other parts may be as large as the image.
    if declared.isdigit() and int(declared) > 2 * max_image_bytes + MAX_FORM_OVERHEAD_BYTES:
        raise _too_large(IMAGE, max_image_bytes)


def _too_large(name: str, max_bytes: int) -> Problem:
    if name == IMAGE:
        return Problem(TOO_LARGE, f"The image exceeds the limit of {max_bytes} bytes.", headers=CLOSE)
    limit = f"{MAX_DESCRIPTION_CHARACTERS} characters" if name == DESCRIPTION else f"{max_bytes} bytes"
    problem = Problem.invalid([FieldError(field=name, detail=f"exceeds the limit of {limit}")])
    problem.headers.update(CLOSE)
    return problem

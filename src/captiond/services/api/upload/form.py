"""Reads the multipart form of an upload as a stream, and stops at the first byte over a limit."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from starlette.requests import Request

from captiond.image import MAX_DESCRIPTION_CHARACTERS
from captiond.services.api.http.digests import BodyDigest
from captiond.services.api.http.problem_types import NOT_MULTIPART, TOO_LARGE
from captiond.services.api.http.problems import CLOSE, FieldError, Problem
from captiond.services.api.upload.body import (
    UploadBody,
    check_content_length,
    image_too_large,
    require_digest,
    require_jpeg,
)
from captiond.services.api.upload.fields import (
    DESCRIPTION,
    MAX_FIELD_BYTES,
    NOT_UTF8,
    is_utf8,
    parse_fields,
    read_query,
    select_query_fields,
)
from captiond.services.api.upload.multipart import (
    FormLimitExceeded,
    MalformedForm,
    MultipartParser,
    Part,
)
from captiond.services.api.upload.text import InvalidText, decode_text, decode_transfer

IMAGE = "image"
# A field of the query string: the name of the part with the picture, for cameras that send several.
IMAGE_PART = "image_part"
# A form field with the charset of the text fields (RFC 7578 section 4.6).
CHARSET = "_charset_"
MAX_CHARSET_BYTES = 64
# The bytes of a form besides its parts: boundaries, headers, preamble, epilogue.
MAX_FORM_OVERHEAD_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class FormParameters:
    """The parameters of the Content-Type of a form. Some clients name the charset of its texts there."""

    boundary: bytes
    charset: str = ""


async def read_upload_form(
    request: Request, form: FormParameters, max_image_bytes: int, digest: BodyDigest
) -> UploadBody:
    """Read and validate the part of the image and the parts of the fields. Raises Problem, ClientDisconnect.

    Fields that the form lacks are read from the query string, because the URL in a camera can be changed, but not its
    form.
    """
    # Other parts may be as large as the image.
    check_content_length(request, 2 * max_image_bytes + MAX_FORM_OVERHEAD_BYTES, max_image_bytes)
    reader = _FormReader(max_image_bytes, read_query(request), form.charset)
    try:
        await reader.read(MultipartParser(form.boundary), request.stream(), digest)
    except MalformedForm as error:
        raise Problem(NOT_MULTIPART, f"The multipart form is malformed: {error}.", headers=CLOSE) from error
    except FormLimitExceeded as error:
        raise Problem(TOO_LARGE, str(error), headers=CLOSE) from error
    require_digest(digest)
    return reader.to_form()


class _FormReader:
    """Collects the parts of the image, `_charset_` and the fields, and counts the bytes of all others."""

    def __init__(self, max_image_bytes: int, query: Sequence[tuple[str, str]], charset: str) -> None:
        self._charset = charset
        self._image = dict(query).get(IMAGE_PART, IMAGE)
        if not is_utf8(self._image):
            raise Problem.invalid([FieldError(field=IMAGE_PART, detail=NOT_UTF8)])
        self._query = query
        self._max_bytes = {self._image: max_image_bytes, CHARSET: MAX_CHARSET_BYTES, **MAX_FIELD_BYTES}
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
            is_image = name == self._image
            raise image_too_large(self._max_other_bytes) if is_image else _too_large(name, self._max_bytes[name])
        if name == self._image:
            self._digest.update(data)

    def _count_other(self, size_bytes: int) -> None:
        """Limit the bytes outside the parts that are read. Raises Problem."""
        self._other_bytes += size_bytes
        if self._other_bytes > self._max_other_bytes:
            detail = (
                f"The parts besides `image` and its fields exceed the limit of {self._max_other_bytes} bytes "
                f"in {self._current.name[:64]!r}."
            )
            raise Problem(TOO_LARGE, detail, headers=CLOSE)

    def to_form(self) -> UploadBody:
        """Validate the parts. Raises Problem."""
        # Only the first image is read, because cameras send further pictures under the same name.
        repeated = sorted(self._repeated - {self._image})
        errors = [FieldError(field=name, detail="must be sent once") for name in repeated]
        image, digest = b"", b""
        try:
            image, digest = self._read_image()
        except InvalidText as error:
            errors.append(FieldError(field=self._image, detail=str(error)))
        unread = [(name, text) for name, text in self._query if name not in self._received]
        values = select_query_fields(unread, errors)
        for name in (name for name in MAX_FIELD_BYTES if name in self._received):
            try:
                values[name] = self._read_text(name)
            except InvalidText as error:
                errors.append(FieldError(field=name, detail=str(error)))
        fields = parse_fields(values, errors)
        if errors:
            raise Problem.invalid(errors)
        require_jpeg(image, f"The part `{self._image}`")
        return UploadBody(image, digest, fields)

    def _read_image(self) -> tuple[bytes, bytes]:
        """Return the image and its SHA-256. Raises InvalidText."""
        if self._image not in self._received:
            raise InvalidText("is missing")
        received = bytes(self._received[self._image])
        image = decode_transfer(received, self._parts[self._image].transfer_encoding)
        if not image:
            raise InvalidText("is empty")
        return image, self._digest.digest() if image is received else sha256(image).digest()

    def _read_text(self, name: str) -> str:
        """Decode a field in the charset of its part, else of `_charset_`, else of the form. Raises InvalidText."""
        part = self._parts[name]
        form_charset = self._received.get(CHARSET, b"").decode("latin-1").strip()
        content = decode_transfer(bytes(self._received[name]), part.transfer_encoding)
        return decode_text(content, part.charset or form_charset or self._charset)


def _too_large(name: str, max_bytes: int) -> Problem:
    limit = f"{MAX_DESCRIPTION_CHARACTERS} characters" if name == DESCRIPTION else f"{max_bytes} bytes"
    problem = Problem.invalid([FieldError(field=name, detail=f"exceeds the limit of {limit}")])
    problem.headers.update(CLOSE)
    return problem

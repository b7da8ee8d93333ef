"""Reads the form of an upload as it streams in; stops at the first byte too many."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from unicodedata import normalize

from multipart import (  # type: ignore[import-untyped] # it carries no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)
from starlette.requests import ClientDisconnect, Request

from captiond.services.api.http.digests import BodyDigest
from captiond.services.api.http.problems import (
    DIGEST_MISMATCH,
    NOT_A_JPEG,
    NOT_MULTIPART,
    TOO_LARGE,
    FieldError,
    Problem,
)

JPEG_START = b"\xff\xd8\xff"
MAX_DESCRIPTION_CHARACTERS = 200
# 200 characters of 4 bytes, each decomposed into as many as NFC ever composes, and then some.
MAX_DESCRIPTION_BYTES = 16 << 10
# What a form adds around an image: the description, boundaries, headers, parts of no interest to us.
MAX_FORM_OVERHEAD_BYTES = 64 << 10
MAX_PARTS = 16


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form whose parts are right."""

    jpeg: bytes = field(repr=False)
    sha256: bytes
    description: str


async def read_upload_form(request: Request, max_image_bytes: int) -> UploadForm:
    """Read and check the parts `image` and `description`. Raises Problem."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != "multipart/form-data" or not options.get("boundary"):
        raise Problem(NOT_MULTIPART, NOT_MULTIPART.example)
    _refuse_length(request, max_image_bytes)
    parts, digest = _Parts(max_image_bytes), BodyDigest(request.headers)
    try:
        parser = PushMultipartParser(options["boundary"], max_segment_count=MAX_PARTS)
        await parts.read(parser, request.stream(), digest)
    except MultipartError as error:
        raise Problem(NOT_MULTIPART, f"The form cannot be read: {error}.", headers=_CLOSE) from error
    except ClientDisconnect as error:
        raise Problem(NOT_MULTIPART, "The client went away before the form's end.") from error
    if header := digest.mismatch():
        raise Problem(DIGEST_MISMATCH, f"The body does not match its {header}.")
    return parts.checked()


# The rest of a refused body is not read, so the connection cannot be used again.
_CLOSE = {"Connection": "close"}


class _Parts:
    """What has come in so far."""

    def __init__(self, max_image_bytes: int) -> None:
        self._max_bytes = {"image": max_image_bytes, "description": MAX_DESCRIPTION_BYTES}
        self._received: dict[str, bytearray] = {}
        self._twice: set[str] = set()
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
                    self._take(parser.parse(chunk))

    def _take(self, events: Iterable[MultipartSegment | bytearray | bytes | None]) -> None:
        for event in events:
            if isinstance(event, MultipartSegment):
                self._begin(event.name)
            elif event:
                self._append(event)

    def _begin(self, name: str) -> None:
        self._current = name
        if name in self._received:
            self._twice.add(name)
        elif name in self._max_bytes:
            self._received[name] = bytearray()

    def _append(self, data: bytearray | bytes) -> None:
        if self._current not in self._received or self._current in self._twice:
            self._count_other(len(data))
            return
        part = self._received[self._current]
        part += data
        if len(part) > self._max_bytes[self._current]:
            raise _too_large(self._current, self._max_bytes[self._current])
        if self._current == "image":
            self._digest.update(data)

    def _count_other(self, size_bytes: int) -> None:
        """Bound what is read beside the two parts."""
        self._other_bytes += size_bytes
        if self._other_bytes > MAX_FORM_OVERHEAD_BYTES:
            raise Problem(TOO_LARGE, "The form holds too much beside the image.", headers=_CLOSE)

    def checked(self) -> UploadForm:
        errors = [FieldError(field=name, detail="was sent twice") for name in sorted(self._twice)]
        image = self._received.get("image")
        if not image:
            errors.append(FieldError(field="image", detail="is missing" if image is None else "is empty"))
        description = _description(self._received.get("description"), errors)
        if errors:
            raise Problem.invalid(errors)
        jpeg = bytes(image or b"")
        if not jpeg.startswith(JPEG_START):
            raise Problem(NOT_A_JPEG, f"The part `image` begins with {jpeg[:3].hex(' ')}, a JPEG begins with ff d8 ff.")
        return UploadForm(jpeg, self._digest.digest(), description)


def _description(raw: bytearray | None, errors: list[FieldError]) -> str:
    """Decode and check a description, in NFC; what is wrong with it is added to `errors`."""
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
        detail = f"may have {MAX_DESCRIPTION_CHARACTERS} characters at most, has {len(text)}"
        errors.append(FieldError(field="description", detail=detail))
    elif "\0" in text:
        errors.append(FieldError(field="description", detail="must not hold the character U+0000"))
    return text or ""


def _refuse_length(request: Request, max_image_bytes: int) -> None:
    """Refuse by what the client announces, before anything is read."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_image_bytes + MAX_FORM_OVERHEAD_BYTES:
        raise _too_large("image", max_image_bytes)


def _too_large(name: str, max_bytes: int) -> Problem:
    if name == "description":
        error = FieldError(field=name, detail=f"may have {MAX_DESCRIPTION_CHARACTERS} characters at most")
        problem = Problem.invalid([error])
        problem.headers.update(_CLOSE)
        return problem
    return Problem(TOO_LARGE, f"An image may have {max_bytes} bytes at most.", headers=_CLOSE)

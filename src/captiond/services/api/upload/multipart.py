"""Splits a multipart/form-data body (RFC 7578) into its parts, as a stream.

Reads what cameras and old clients send beyond the RFC: header parameters in any encoding, lines that end with LF,
padding after the boundary, a boundary parameter that already contains the leading dashes, folded or malformed part
headers, and wrong Content-Length headers of parts, which RFC 7578 does not define.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# RFC 2046 allows 70.
MAX_BOUNDARY_BYTES = 256
MAX_PREAMBLE_BYTES = 8 << 10
MAX_PART_HEADER_BYTES = 8 << 10
MAX_PARTS = 64
# What may follow the boundary in its line. `partial` and `dash` need more data. Anything else is content.
_AFTER_BOUNDARY = re.compile(rb"(?P<close>--)|[ \t]{0,256}+(?:(?P<open>\r?\n)|(?P<partial>\r?\Z))|(?P<dash>-\Z)")
_PARAMETER = re.compile(r';\s*+([^\s;="]++)\s*+=\s*+(?:"((?:\\.|[^"\\])*+)"|([^;]*+))', re.ASCII | re.DOTALL)
# The headers that browsers and HTTP libraries send. Reading all others takes 14 us more.
_USUAL_HEADERS = re.compile(
    rb'\r\nContent-Disposition: form-data; name="([\w.-]*+)"(?:; filename="[^"\\\r\n]*+")?'
    rb"(?:\r\nContent-Type: [\w.+/-]*+)?"
)
_FOLD = re.compile(r"\r?\n[ \t]+")


class MalformedForm(Exception):
    """The body has no such parts as its boundary promises."""


class FormLimitExceeded(Exception):
    """The form has more parts or longer part headers than allowed."""


@dataclass(frozen=True, slots=True)
class Part:
    """The headers of a part that the parser uses, and all headers as bytes. `name` is empty where the part has none."""

    name: str
    charset: str = ""
    transfer_encoding: str = ""
    headers: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class FileHeaders:
    """The headers that describe the file of a part. A value that the part lacks is empty."""

    filename: str
    media_type: str
    content_id: str


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split a header value into its lower-case main value and its parameters, the first of each name."""
    main, semicolon, _ = value.partition(";")
    parameters: dict[str, str] = {}
    for name, quoted, plain in _PARAMETER.findall(value, len(main)) if semicolon else ():
        parameters.setdefault(name.lower(), quoted or plain.strip())
    return main.strip().lower(), parameters


def parse_file_headers(part: Part) -> FileHeaders:
    """Return the headers that describe the file of a part. Few routes need them."""
    headers = _split_headers(part.headers)
    _, disposition = parse_parameters(headers.get("content-disposition", ""))
    media_type, _ = parse_parameters(headers.get("content-type", ""))
    return FileHeaders(_as_utf8(disposition.get("filename", "")), media_type, headers.get("content-id", ""))


class MultipartParser:
    """Parses chunk by chunk and buffers part headers only. `ended` is set by the closing boundary."""

    def __init__(self, boundary: bytes) -> None:
        """Raises FormLimitExceeded for a long boundary, whose search would take long."""
        if len(boundary) > MAX_BOUNDARY_BYTES:
            raise FormLimitExceeded(f"The boundary exceeds {MAX_BOUNDARY_BYTES} bytes.")
        self.ended = False
        self._boundary = boundary
        self._line_break = self._delimiter = b""
        self._buffer = b""
        self._at = 0
        self._parts = 0
        self._is_start = False
        self._next_event: Callable[[], Part | bytes | None] = self._read_preamble

    def feed(self, chunk: bytes) -> Iterator[Part | bytes]:
        """Yield each part, and after it the pieces of its content, which may be empty.

        Raises MalformedForm and FormLimitExceeded.
        """
        self._buffer += chunk
        while not self.ended and (event := self._next_event()) is not None:
            yield event
        self._buffer = b"" if self.ended else self._buffer[self._at :]
        self._at = 0

    def _read_preamble(self) -> bytes | None:
        """Find the first boundary at the start of a line."""
        buffer, boundary = self._buffer, self._boundary
        found = buffer.find(boundary)
        while 0 <= found <= MAX_PREAMBLE_BYTES:
            line = buffer.rfind(b"\n", 0, found) + 1
            delimiter = b"--" + boundary
            if boundary.startswith(b"--") and not buffer.startswith(delimiter, line):
                delimiter = boundary
            after = _AFTER_BOUNDARY.match(buffer, line + len(delimiter))
            if after and buffer.startswith(delimiter, line):
                if not _is_complete(after):
                    return None
                self._line_break = after["open"] or b"\r\n"
                self._delimiter = self._line_break + delimiter
                return self._pass_boundary(after)
            found = buffer.find(boundary, found + 1)
        if len(buffer) > MAX_PREAMBLE_BYTES + len(boundary):
            raise MalformedForm(f"no line with the boundary in the first {MAX_PREAMBLE_BYTES} bytes")
        return None

    def _read_headers(self) -> Part | bytes | None:
        """Read the headers up to the empty line. The unread buffer starts with the line break before them."""
        end = self._buffer.find(2 * self._line_break, self._at)
        limit = end if end >= 0 else len(self._buffer)
        # Without an empty line, a boundary ends the headers of a part that is ignored.
        found = self._buffer.find(self._delimiter, self._at, limit)
        after = _AFTER_BOUNDARY.match(self._buffer, found + len(self._delimiter)) if found >= 0 else None
        if after and _is_complete(after):
            return self._pass_boundary(after)
        if limit - self._at > MAX_PART_HEADER_BYTES:
            raise FormLimitExceeded(f"The headers of part {self._parts} exceed {MAX_PART_HEADER_BYTES} bytes.")
        if end < 0:
            return None
        block = self._buffer[self._at : end]
        self._at = end + len(self._line_break)
        self._is_start = True
        self._next_event = self._read_content
        return _parse_headers(block)

    def _read_content(self) -> bytes | None:
        """Return the content up to the next boundary, or as much as there is of it."""
        buffer = self._buffer
        # The line break before the content may belong to the boundary of a part without content.
        start = self._at + len(self._line_break) if self._is_start else self._at
        found = buffer.find(self._delimiter, self._at)
        while found >= 0:
            after = _AFTER_BOUNDARY.match(buffer, found + len(self._delimiter))
            if after and _is_complete(after):
                self._pass_boundary(after)
                return buffer[start:found]
            if after:
                break
            found = buffer.find(self._delimiter, found + 1)
        end = found if found >= 0 else self._find_partial_delimiter()
        if end <= start and (end < start or end == self._at):
            return None
        self._at = end
        self._is_start = False
        return buffer[start:end]

    def _find_partial_delimiter(self) -> int:
        """Return where a delimiter may start that the buffer cuts off, or the end of the buffer."""
        buffer, delimiter = self._buffer, self._delimiter
        at = buffer.rfind(delimiter[:1], max(self._at, len(buffer) - len(delimiter) + 1))
        return at if at >= 0 and delimiter.startswith(buffer[at:]) else len(buffer)

    def _pass_boundary(self, after: re.Match[bytes]) -> bytes:
        self.ended = after.lastgroup == "close"
        self._parts += not self.ended
        if self._parts > MAX_PARTS:
            raise FormLimitExceeded(f"The form has more than {MAX_PARTS} parts.")
        self._at = after.end() - len(self._line_break)
        self._next_event = self._read_headers
        return b""


def _is_complete(after: re.Match[bytes]) -> bool:
    """Return whether this is the rest of a boundary line, and not only the start of one."""
    return after.lastgroup in {"close", "open"}


def _parse_headers(block: bytes) -> Part:
    """Read the headers that matter. Lines that are no header are ignored."""
    if usual := _USUAL_HEADERS.fullmatch(block):
        return Part(usual[1].decode(), "", "", block)
    headers = _split_headers(block)
    _, disposition = parse_parameters(headers.get("content-disposition", ""))
    _, content_type = parse_parameters(headers.get("content-type", ""))
    charset, encoding = content_type.get("charset", ""), headers.get("content-transfer-encoding", "")
    return Part(_as_utf8(disposition.get("name", "")), charset, encoding, block)


def _split_headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in _FOLD.sub(" ", block.decode("latin-1")).split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip().lower(), value.strip())
    return headers


def _as_utf8(value: str) -> str:
    return value.encode("latin-1").decode("utf-8", "replace")

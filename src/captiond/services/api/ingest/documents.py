"""Reads the XML or JSON document of a camera's event into its fields.

Firmware sends documents with and without namespaces, in several encodings, and with bytes that are invalid in the
encoding that it declares. The size, depth and number of values are limited, and no document type is allowed, because
the sender may be hostile.
"""

import json
import re
from typing import TypeAlias
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from captiond.services.api.upload.text import InvalidText, decode_text

# A document of many plates and coordinates has 20 KiB.
MAX_DOCUMENT_BYTES = 256 << 10
MAX_DEPTH = 64
MAX_VALUES = 5000

Value: TypeAlias = "str | list[Value] | dict[str, Value]"
"""A value of a document. Numbers and Booleans are texts, as in XML."""

# Firmware pads documents.
_PADDING = b"\0 \t\r\n"
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_XML_ENCODING = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.-]{1,40})["']""", re.ASCII)
# Characters that XML does not allow (XML 1.0 section 2.2). Firmware sends them in names that users typed.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class MalformedDocument(Exception):
    """The document cannot be parsed, or exceeds a limit. The message has the reason."""


def parse_document(content: bytes, charset: str = "") -> Value:
    """Parse XML or JSON. `charset` is that of the Content-Type header. Raises MalformedDocument."""
    if len(content) > MAX_DOCUMENT_BYTES:
        raise MalformedDocument(f"exceeds the limit of {MAX_DOCUMENT_BYTES} bytes")
    text = _decode(content, charset).strip()
    return _parse_xml(text) if text.startswith("<") else _parse_json(text)


def collect_fields(document: Value) -> dict[str, str]:
    """Return the first value of each name, in lower case, and of each `parent/name`."""
    fields: dict[str, str] = {}
    stack: list[tuple[str, str, Value]] = [("", "", document)]
    while stack:
        parent, name, value = stack.pop()
        match value:
            case dict():
                stack += [(name, key.lower(), child) for key, child in reversed(value.items())]
            case list():
                stack += [(parent, name, child) for child in reversed(value)]
            case _ if value:
                fields.setdefault(name, value)
                fields.setdefault(f"{parent}/{name}", value)
    return fields


def _decode(content: bytes, charset: str) -> str:
    """Decode in the encoding of the byte order mark, of the declaration or of the header, else as UTF-8.

    Invalid bytes become U+FFFD, so that they do not prevent archiving the pictures of the event.
    """
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace").rstrip("\0")
    content = content.strip(_PADDING)
    declared = _XML_ENCODING.match(content)
    try:
        return decode_text(content, declared[1].decode() if declared else charset)
    except InvalidText:
        return content.decode("utf-8", "replace")


def _parse_xml(text: str) -> Value:
    builder = _ValueBuilder()
    # The parser ignores the declared encoding of a text.
    parser = XMLParser(target=builder, forbid_dtd=True)
    try:
        parser.feed(_NOT_XML.sub("\ufffd", text))
        parser.close()
    except ParseError as error:
        raise MalformedDocument(f"is not valid XML: {error}") from error
    except DefusedXmlException as error:
        raise MalformedDocument("has a document type declaration, which is not allowed") from error
    return builder.root


class _ValueBuilder:
    """Target of the XML parser. An element becomes an object of its children or, without children, a text."""

    def __init__(self) -> None:
        self.root: dict[str, Value] = {}
        self._open = [self.root]
        self._text: list[str] = []
        self._elements = 0

    def start(self, _tag: str, _attributes: dict[str, str]) -> None:
        self._elements += 1
        _check_limits(len(self._open), self._elements)
        self._open.append({})
        self._text.clear()

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        children = self._open.pop()
        value: Value = children or "".join(self._text).strip()
        self._text.clear()
        siblings, name = self._open[-1], tag.rpartition("}")[2]
        earlier = siblings.get(name)
        if earlier is None:
            siblings[name] = value
        elif isinstance(earlier, list):
            earlier.append(value)
        else:
            siblings[name] = [earlier, value]

    def close(self) -> None:
        """End the document."""


def _parse_json(text: str) -> Value:
    _check_limits(0, text.count("{") + text.count("[") + text.count(","))  # cheaper than parsing
    try:
        return _to_value(json.loads(text, parse_int=str, parse_float=str), 0)
    except (ValueError, RecursionError) as error:
        raise MalformedDocument("is not valid JSON") from error


def _to_value(value: object, depth: int) -> Value:
    _check_limits(depth, 0)
    match value:
        case dict():
            return {str(key): _to_value(child, depth + 1) for key, child in value.items()}
        case list():
            return [_to_value(child, depth + 1) for child in value]
        case bool():
            return str(value).lower()
        case None:
            return ""
        case _:
            return str(value)


def _check_limits(depth: int, values: int) -> None:
    if depth > MAX_DEPTH:
        raise MalformedDocument(f"is nested deeper than {MAX_DEPTH} levels")
    if values > MAX_VALUES:
        raise MalformedDocument(f"has more than {MAX_VALUES} values")

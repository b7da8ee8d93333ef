"""The metadata of a re-encoded photo: its APPn and COM segments, without what no longer applies."""

import struct
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from captiond.imaging.jpeg.segments import APP0, APP15, COM, SOI, segment_bytes

Segments: TypeAlias = Sequence[tuple[str, bytes]]
"""Names ("APP0" to "APP15", "COM") and bodies, in the order of the file."""

_MPF = b"MPF\0"  # the index of further images in the file, which are dropped (CIPA DC-007)
_ADOBE = b"Adobe"
_ADOBE_TRANSFORM_AT = 11
_YCCK = b"\2"
_CMYK = 4  # components


def replace_metadata(segments: Segments, components: int, encoded: bytes) -> bytes:
    """The encoder's file with the photo's segments instead of the encoder's own."""
    start = len(SOI)
    while APP0 <= encoded[start + 1] <= APP15:
        start += 2 + struct.unpack_from(">H", encoded, start + 2)[0]
    return b"".join((SOI, *_retained(segments, components), encoded[start:]))


def _retained(segments: Segments, components: int) -> Iterator[bytes]:
    for name, body in segments:
        if name == "COM":
            yield segment_bytes(COM, body)
        elif name == "APP14" and components == _CMYK:
            yield segment_bytes(APP0 + 14, _mark_as_cmyk(body))
        elif not (name == "APP2" and body.startswith(_MPF)):
            yield segment_bytes(APP0 + int(name.removeprefix("APP")), body)


def _mark_as_cmyk(body: bytes) -> bytes:
    """The Adobe segment for CMYK instead of YCCK. It may be longer than its 12 standard bytes."""
    transform = body[_ADOBE_TRANSFORM_AT : _ADOBE_TRANSFORM_AT + 1]
    if body.startswith(_ADOBE) and transform == _YCCK:
        return body[:_ADOBE_TRANSFORM_AT] + b"\0" + body[_ADOBE_TRANSFORM_AT + 1 :]
    return body

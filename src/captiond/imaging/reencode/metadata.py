"""The metadata of a re-encoded photo: its APPn and COM segments, without what no longer applies."""

import re
import struct
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from captiond.imaging.jpeg.exif import UPRIGHT, find_orientation, reset_orientation
from captiond.imaging.jpeg.segments import APP0, APP15, COM, SOI, segment_bytes

Segments: TypeAlias = Sequence[tuple[str, bytes]]
"""Names ("APP0" to "APP15", "COM") and bodies, in the order of the file."""

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=\"|>))[2-8]")
_MPF = b"MPF\0"  # the index of further images in the file, which are dropped (CIPA DC-007)
_ADOBE = b"Adobe"
_ADOBE_TRANSFORM_AT = 11
_YCCK = 2


def read_orientation(segments: Segments) -> int:
    """The Exif orientation, 1 to 8. 1 is upright, and the default."""
    found = (find_orientation(body) for name, body in segments if name == "APP1")
    return next((orientation.value for orientation in found if orientation), UPRIGHT)


def replace_metadata(segments: Segments, encoded: bytes) -> bytes:
    """The encoder's file with the photo's segments instead of the encoder's own."""
    start = len(SOI)
    while APP0 <= encoded[start + 1] <= APP15:
        start += 2 + struct.unpack_from(">H", encoded, start + 2)[0]
    return b"".join((SOI, *_retained(segments), encoded[start:]))


def _retained(segments: Segments) -> Iterator[bytes]:
    for name, body in segments:
        if name == "COM":
            yield segment_bytes(COM, body)
        elif not (name == "APP2" and body.startswith(_MPF)):
            yield segment_bytes(APP0 + int(name.removeprefix("APP")), _update(body))


def _update(body: bytes) -> bytes:
    """Mark the photo as upright, and YCCK as CMYK."""
    if body.startswith(_XMP):
        return _XMP_ORIENTATION.sub(rb"\g<1>1", body)
    if body.startswith(_ADOBE) and body[_ADOBE_TRANSFORM_AT:] == bytes([_YCCK]):
        return body[:_ADOBE_TRANSFORM_AT] + b"\0"
    return reset_orientation(body)

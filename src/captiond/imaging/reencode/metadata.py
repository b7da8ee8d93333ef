"""The metadata of a re-encoded photo: its APPn and COM segments, without what no longer applies."""

import struct
from collections.abc import Iterator, Sequence

from captiond.imaging.jpeg.further_images import PLACEHOLDER, find_names_in
from captiond.imaging.jpeg.segments import APP0, APP14, APP15, SOI, Segment, segment_bytes

_ADOBE = b"Adobe"
_ADOBE_TRANSFORM_AT = 11
_IS_CMYK = b"\0"
_CMYK = 4  # components


def replace_metadata(segments: Sequence[Segment], components: int, encoded: bytes) -> bytes:
    """The encoder's file with the photo's metadata segments instead of the encoder's own."""
    start = len(SOI)
    while APP0 <= encoded[start + 1] <= APP15:
        start += 2 + struct.unpack_from(">H", encoded, start + 2)[0]
    return b"".join((SOI, *_retained(segments, components), encoded[start:]))


def _retained(segments: Sequence[Segment], components: int) -> Iterator[bytes]:
    for segment in segments:
        marker, body = segment.marker, segment.body
        if marker == APP14 and components == _CMYK:
            yield segment_bytes(marker, _mark_as_cmyk(body))
        else:
            yield segment_bytes(marker, _hide_further_images(marker, body))


def _hide_further_images(marker: int, body: bytes) -> bytes:
    """The body without the names that announce further images, which the new file lacks."""
    changed = bytearray(body)
    for at in find_names_in(marker, body):
        changed[at : at + 1] = PLACEHOLDER
    return bytes(changed)


def _mark_as_cmyk(body: bytes) -> bytes:
    """The Adobe segment for CMYK instead of YCCK, for which decoders take all transforms but 0.

    It may be longer than its 12 standard bytes. Decoders ignore a shorter one.
    """
    if body.startswith(_ADOBE) and len(body) > _ADOBE_TRANSFORM_AT:
        return body[:_ADOBE_TRANSFORM_AT] + _IS_CMYK + body[_ADOBE_TRANSFORM_AT + 1 :]
    return body

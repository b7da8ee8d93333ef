"""Metadata about further images in a file, which are not captioned: the MPF index, and HDR gain maps.

A viewer must not stretch a gain map over photo and strip. One byte of each name is replaced, so that readers skip
what it names and nothing moves.
"""

import re
from collections.abc import Sequence
from itertools import islice

from captiond.imaging.errors import UnsupportedJpeg
from captiond.imaging.jpeg.segments import APP1, APP2, Segment

PLACEHOLDER = b"_"
"""The byte that replaces the first one of a name."""

_MPF = b"MPF\0"  # CIPA DC-007
_GAIN_MAP_VERSION = b"urn:iso:std:iso:ts:21496"  # ISO 21496-1 annex C
_XMP = b"http://ns.adobe.com/x"  # the packet and its extension
_MAX_NAMES = 1000  # a gain map has a dozen; each takes memory and a part of the restore segments
# The properties of Adobe, Google and Apple, and their namespace.
_GAIN_MAP_NAME = re.compile(b"hdrgm|hdr-gain-map|GainMap")
_ANY_NAME = re.compile(_GAIN_MAP_NAME.pattern + b"|" + re.escape(_GAIN_MAP_VERSION))


def find_names(segments: Sequence[Segment], jpeg: bytes, end: int) -> list[int]:
    """The offset of each name, in ascending order: in the segments, and in the file from the offset `end` on.

    Raises UnsupportedJpeg if there are more than 1,000.
    """
    found = [segment.body_start + at for segment in segments for at in find_names_in(segment.marker, segment.body)]
    if found:
        found += [name.start() for name in islice(_ANY_NAME.finditer(jpeg, end), _MAX_NAMES + 1)]
    if len(found) > _MAX_NAMES:
        raise UnsupportedJpeg(f"more than {_MAX_NAMES} names of gain maps")
    return found


def find_names_in(marker: int, body: bytes) -> Sequence[int]:
    """The offset of each name in the body of a segment, in ascending order."""
    if marker == APP2 and body.startswith((_MPF, _GAIN_MAP_VERSION)):
        return (0,)
    if marker == APP1 and body.startswith(_XMP):
        return [name.start() for name in _GAIN_MAP_NAME.finditer(body)]
    return ()

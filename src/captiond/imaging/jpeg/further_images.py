"""Metadata about further images in a file, which are not captioned: the MPF index, and HDR gain maps.

A viewer must not stretch a gain map over photo and strip. One byte of each name is replaced, so that readers skip
what it names and nothing moves.
"""

from collections.abc import Iterator, Sequence

from captiond.imaging.jpeg.segments import APP1, APP2, Segment

PLACEHOLDER = b"_"
"""The byte that replaces the first one of a name."""

_MPF = b"MPF\0"  # CIPA DC-007
_GAIN_MAP_VERSION = b"urn:iso:std:iso:ts:21496"  # ISO 21496-1 annex C
_XMP = b"http://ns.adobe.com/x"  # the packet and its extension
_GAIN_MAP_NAMES = (
    b"hdrgm",
    b"hdr-gain-map",
    b"GainMap",
)  # the properties of Adobe, Google and Apple, and their namespace


def find_names(segments: Sequence[Segment], jpeg: bytes, end: int) -> Iterator[int]:
    """The offset of each name, in ascending order: in the segments, and in the file from the offset `end` on."""
    found = False
    for segment in segments:
        for at in find_names_in(segment.marker, segment.body):
            found = True
            yield segment.body_start + at
    if found:
        yield from _find_all(jpeg, (*_GAIN_MAP_NAMES, _GAIN_MAP_VERSION), end)


def find_names_in(marker: int, body: bytes) -> Sequence[int]:
    """The offset of each name in the body of a segment, in ascending order."""
    if marker == APP2 and body.startswith((_MPF, _GAIN_MAP_VERSION)):
        return (0,)
    if marker == APP1 and body.startswith(_XMP):
        return _find_all(body, _GAIN_MAP_NAMES, 0)
    return ()


def _find_all(data: bytes, names: Sequence[bytes], start: int) -> list[int]:
    found = []
    for name in names:
        at = data.find(name, start)
        while at >= 0:
            found.append(at)
            at = data.find(name, at + len(name))
    return sorted(found)

"""The orientation tag of an Exif segment, located so that it can be reset in place."""

import struct
from dataclasses import dataclass

_HEADER = b"Exif\0\0"
_TIFF_START = len(_HEADER)
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION_TAG = 0x0112
_SHORT = 3
_ENTRY_BYTES = 12
_ORIENTATIONS = range(1, 9)

UPRIGHT = 1
"""The orientation of a photo that needs no rotation."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """An orientation (1 to 8, Exif 2.32 section 4.6.4) and the offset of its value in the segment."""

    value: int
    offset: int
    byte_order: str


def find_orientation(segment: bytes) -> Orientation | None:
    """The orientation in the body of an APP1 segment, or None where it is absent or unreadable."""
    if not segment.startswith(_HEADER):
        return None
    byte_order = _BYTE_ORDERS.get(segment[_TIFF_START : _TIFF_START + 4])
    if byte_order is None:
        return None
    try:
        (directory_offset,) = struct.unpack_from(byte_order + "I", segment, _TIFF_START + 4)
        start = _TIFF_START + directory_offset
        (entries,) = struct.unpack_from(byte_order + "H", segment, start)
        for entry in range(start + 2, start + 2 + entries * _ENTRY_BYTES, _ENTRY_BYTES):
            tag, kind, count, value = struct.unpack_from(byte_order + "HHIH", segment, entry)
            if (tag, kind, count) == (_ORIENTATION_TAG, _SHORT, 1) and value in _ORIENTATIONS:
                return Orientation(value, entry + _ENTRY_BYTES - 4, byte_order)
    except struct.error:  # the directory points past the end of the segment
        return None
    return None


def reset_orientation(segment: bytes) -> bytes:
    """The same segment with orientation 1, or unchanged if it has no orientation."""
    found = find_orientation(segment)
    if found is None:
        return segment
    value = struct.pack(found.byte_order + "H", UPRIGHT)
    return segment[: found.offset] + value + segment[found.offset + 2 :]

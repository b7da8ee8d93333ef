"""The orientation tag of an EXIF segment, found and reset in place."""

import struct
from dataclasses import dataclass

_HEADER = b"Exif\0\0"
_TIFF_AT = len(_HEADER)
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION = 0x0112
_SHORT = 3
_ENTRY_BYTES = 12
_UPRIGHT = 1
_ORIENTATIONS = range(1, 9)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How the photo must be turned (1 to 8, EXIF 2.32 section 4.6.4) and where it is written."""

    value: int
    at: int
    byte_order: str


def find_orientation(segment: bytes) -> Orientation | None:
    """The orientation in the body of an APP1 segment; None where it is absent or unreadable."""
    if not segment.startswith(_HEADER):
        return None
    byte_order = _BYTE_ORDERS.get(segment[_TIFF_AT : _TIFF_AT + 4])
    if byte_order is None:
        return None
    try:
        (directory_at,) = struct.unpack_from(byte_order + "I", segment, _TIFF_AT + 4)
        at = _TIFF_AT + directory_at
        (entries,) = struct.unpack_from(byte_order + "H", segment, at)
        for entry_at in range(at + 2, at + 2 + entries * _ENTRY_BYTES, _ENTRY_BYTES):
            tag, kind, count, value = struct.unpack_from(byte_order + "HHIH", segment, entry_at)
            if (tag, kind, count) == (_ORIENTATION, _SHORT, 1) and value in _ORIENTATIONS:
                return Orientation(value, entry_at + _ENTRY_BYTES - 4, byte_order)
    except struct.error:  # a directory that points past the segment says nothing
        return None
    return None


def reset_orientation(segment: bytes) -> bytes:
    """The same segment saying that the photo stands upright; nothing else is touched."""
    found = find_orientation(segment)
    if found is None:
        return segment
    value = struct.pack(found.byte_order + "H", _UPRIGHT)
    return segment[: found.at] + value + segment[found.at + 2 :]

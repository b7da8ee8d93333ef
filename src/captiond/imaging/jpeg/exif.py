"""The Exif orientation: how viewers turn a photo."""

import struct
from collections.abc import Iterable

_HEADER = b"Exif\0\0"
_TIFF_START = len(_HEADER)
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION_TAG = 0x0112
_ENTRY_BYTES = 12
_VALUE_FORMATS = {3: "H", 4: "I"}  # SHORT as the standard demands, or LONG as some encoders write
_ORIENTATIONS = range(1, 9)

UPRIGHT = 1
"""The orientation of a photo that viewers show as it is stored."""


def read_orientation(app1_bodies: Iterable[bytes]) -> int:
    """The orientation, 1 to 8 (Exif 2.32 section 4.6.4), by the first segment that has one. The default is upright."""
    found = map(_find_orientation, app1_bodies)
    return next((orientation for orientation in found if orientation), UPRIGHT)


def _find_orientation(segment: bytes) -> int | None:
    """The orientation in the body of an APP1 segment, or None where it is absent or unreadable."""
    byte_order = _BYTE_ORDERS.get(segment[_TIFF_START : _TIFF_START + 4])
    if not segment.startswith(_HEADER) or byte_order is None:
        return None
    try:
        (directory_offset,) = struct.unpack_from(byte_order + "I", segment, _TIFF_START + 4)
        start = _TIFF_START + directory_offset
        (entries,) = struct.unpack_from(byte_order + "H", segment, start)
        for entry in range(start + 2, start + 2 + entries * _ENTRY_BYTES, _ENTRY_BYTES):
            tag, kind, count = struct.unpack_from(byte_order + "HHI", segment, entry)
            if (tag, count) == (_ORIENTATION_TAG, 1) and kind in _VALUE_FORMATS:
                (value,) = struct.unpack_from(byte_order + _VALUE_FORMATS[kind], segment, entry + 8)
                if value in _ORIENTATIONS:
                    return int(value)
    except struct.error:  # the directory points past the end of the segment
        return None
    return None

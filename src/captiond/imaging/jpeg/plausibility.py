"""Checks cheaply whether an upload can be a JPEG, by its segment headers up to the frame header."""

import re

from captiond.imaging.jpeg.segments import EOI, FRAMES, MAX_SEGMENTS, SOI, SOS

JPEG_START = SOI + b"\xff"
"""The marker SOI, and the first byte of the next marker, T.81 section B.1.1."""

MAX_STRAY_BYTES = 64
"""Between two segments. Decoders skip them; an encoder that writes a wrong length leaves a few."""

_MARKER = re.compile(rb"\xff+([^\xff])")
_CODES = frozenset(range(0xC0, 0xFF)) - frozenset(range(0xD0, 0xD8))  # others have no place in a header, table B.1
_FRAMES = FRAMES | {0xF7}  # SOF55 of JPEG-LS


def find_start_fault(content: bytes) -> str | None:
    """Describe the first bytes of a file that is not a JPEG. None: it starts as a JPEG."""
    if content.startswith(JPEG_START):
        return None
    return f"starts with {content[: len(JPEG_START)].hex(' ')}; a JPEG starts with {JPEG_START.hex(' ')}"


def find_header_fault(jpeg: bytes) -> str | None:
    """Describe why decoders cannot read the header of a file that starts with SOI. None: it may be a JPEG.

    A file that ends early or lacks tables may be one too. Reads no content of segments.
    """
    at = len(SOI)
    for _ in range(MAX_SEGMENTS):
        code, end = _find_marker(jpeg, at)
        if code in _FRAMES:
            return None
        if code is None:
            stray = len(jpeg) - at > MAX_STRAY_BYTES
            return f"no marker within {MAX_STRAY_BYTES} bytes of offset {at}" if stray else None
        if code in (SOS, EOI[1]):
            return f"marker ff {code:02x} at offset {end - 2} precedes the frame header"
        at = end if code == SOI[1] else end + max(int.from_bytes(jpeg[end : end + 2], "big"), 2)
    return f"more than {MAX_SEGMENTS} segments before the frame header"


def _find_marker(jpeg: bytes, start: int) -> tuple[int | None, int]:
    """The code of the next marker that a header may have, after few stray bytes, and the offset after it."""
    at = start
    while (found := _MARKER.search(jpeg, at)) and found.start() - start <= MAX_STRAY_BYTES:
        at = found.end()
        if found[1][0] in _CODES:
            return found[1][0], at
    return None, at


def is_complete(jpeg: bytes) -> bool:
    """Return whether a file ends with EOI after the header of a scan, T.81 section B.2.1.

    Zeros after EOI are accepted, because some cameras pad their files. An EOI before the scan is that of a thumbnail.
    """
    if not jpeg.rstrip(b"\0").endswith(EOI):
        return False
    at = len(SOI)
    for _ in range(MAX_SEGMENTS):
        code, end = _find_marker(jpeg, at)
        if code is None or code == SOS:
            return code is not None
        at = end if code in (SOI[1], EOI[1]) else end + max(int.from_bytes(jpeg[end : end + 2], "big"), 2)
    return False

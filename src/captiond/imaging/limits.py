"""Limits of photos and captioned images, checked before any pixel is decoded."""

import re

from captiond.imaging.errors import BadImage
from captiond.imaging.jpeg.segments import (
    DHT,
    DQT,
    EOI,
    FRAMES,
    MAX_FILL_BYTES,
    MAX_SEGMENTS,
    MAX_TABLE_BYTES,
    SOI,
    SOS,
)
from captiond.imaging.style import Style

MAX_SIDE_PX = 65_500
"""The limit of libjpeg. The format's own is 65,535."""

_FULL_SCANS = 20  # of a photo of `max_pixels`; encoders write about ten, and each costs time even if it is empty
# RSTn and TEM have no length, B.1.1.3. A pattern that repeats 0xFF would take quadratic time.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")


def require_at_most(max_pixels: int, width_px: int, height_px: int) -> None:
    """Raise BadImage for a larger photo, which would take too much memory to decode."""
    pixels = width_px * height_px
    if pixels > max_pixels:
        raise BadImage(f"photo too large: {width_px}x{height_px} = {pixels} pixels; at most {max_pixels}")


def require_side(name: str, width_px: int, height_px: int) -> None:
    """Raise BadImage for a picture that libjpeg refuses."""
    if max(width_px, height_px) > MAX_SIDE_PX:
        raise BadImage(f"{name} too large: {width_px}x{height_px}; at most {MAX_SIDE_PX} px per side")


def require_few_segments(jpeg: bytes, style: Style) -> None:
    """Raise BadImage for a photo that takes longer to decode than any usual one, by reading its markers up to EOI.

    Each scan costs time even if it is empty. Like libjpeg, skips what is no marker.
    """
    limits = {"scans": style.max_scans, "marker segments": MAX_SEGMENTS}
    limits |= {"fill bytes": MAX_FILL_BYTES, "bytes of tables": MAX_TABLE_BYTES}
    counts = dict.fromkeys(limits, 0)
    at = 0
    while found := _MARKER.search(jpeg, at):
        marker = found[0][1]
        counts["marker segments"] += 1
        counts["fill bytes"] += 0 if counts["scans"] else found.start() - at
        at = found.end()
        size = 0 if marker in (SOI[1], EOI[1]) else int.from_bytes(jpeg[at : at + 2], "big")
        counts["scans"] += marker == SOS
        counts["bytes of tables"] += size if marker in (DHT, DQT) else 0
        if marker in FRAMES:
            pixels = max(int.from_bytes(jpeg[at + 3 : at + 5], "big") * int.from_bytes(jpeg[at + 5 : at + 7], "big"), 1)
            limits["scans"] = min(style.max_scans, max(_FULL_SCANS * style.max_pixels // pixels, 1))
        for name, limit in limits.items():
            if counts[name] > limit:
                raise BadImage(f"photo has more than {limit} {name}")
        if marker == EOI[1]:
            return
        at += size

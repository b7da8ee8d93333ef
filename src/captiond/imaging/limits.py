"""Limits of photos and captioned images, checked before any pixel is decoded."""

import re

from captiond.imaging.errors import BadImage
from captiond.imaging.jpeg.segments import EOI, SOS

MAX_SIDE_PX = 65_500
"""The limit of libjpeg. The format's own is 65,535."""

_MAX_SCANS = 20  # of the largest photo; encoders write about ten, and each costs time even if it is empty
_SOS = bytes((0xFF, SOS))
_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])")  # RSTn, SOI and TEM have no length, B.1.1.3


def require_at_most(max_pixels: int, width_px: int, height_px: int) -> None:
    """Raise BadImage for a larger photo, which would take too much memory to decode."""
    pixels = width_px * height_px
    if pixels > max_pixels:
        raise BadImage(f"photo too large: {width_px}x{height_px} = {pixels} pixels; at most {max_pixels}")


def require_side(name: str, width_px: int, height_px: int) -> None:
    """Raise BadImage for a picture that libjpeg refuses."""
    if max(width_px, height_px) > MAX_SIDE_PX:
        raise BadImage(f"{name} too large: {width_px}x{height_px}; at most {MAX_SIDE_PX} px per side")


def require_few_scans(jpeg: bytes, max_pixels: int, width_px: int, height_px: int) -> None:
    """Raise BadImage for a photo with so many scans that decoding takes longer than for any usual one."""
    limit = _MAX_SCANS * max_pixels // (width_px * height_px)
    has_many = jpeg.count(_SOS) > limit  # or only looks so: previews in metadata have scans
    if has_many and _count_scans(jpeg, limit) > limit:
        raise BadImage(f"photo has more than {limit} scans, too many for {width_px}x{height_px} pixels")


def _count_scans(jpeg: bytes, limit: int) -> int:
    """The number of scans up to EOI, or `limit` + 1 if there are more. Like libjpeg, skips what is no marker."""
    scans = at = 0
    while scans <= limit and (found := _MARKER.search(jpeg, at)):
        marker, at = found[1][0], found.end()
        if marker == EOI[1]:
            break
        scans += marker == SOS
        at += int.from_bytes(jpeg[at : at + 2], "big")
    return scans

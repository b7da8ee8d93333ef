"""Captions JPEGs: bytes and a text in, bytes out. Reads nothing but fonts from disk."""

from captiond.imaging.caption import Captioned, Captioner
from captiond.imaging.errors import BadImage, FontNotFound, ImagingError, NoThumbnail, NotRestorable
from captiond.imaging.jpeg.plausibility import JPEG_START, find_header_fault, find_start_fault, is_complete
from captiond.imaging.limits import MAX_SIDE_PX
from captiond.imaging.placement import measure_viewed
from captiond.imaging.splice.restore import restore
from captiond.imaging.style import Style
from captiond.imaging.thumbnail import THUMBNAIL_VERSION, make_thumbnail

__all__ = [
    "JPEG_START",
    "MAX_SIDE_PX",
    "THUMBNAIL_VERSION",
    "BadImage",
    "Captioned",
    "Captioner",
    "FontNotFound",
    "ImagingError",
    "NoThumbnail",
    "NotRestorable",
    "Style",
    "find_header_fault",
    "find_start_fault",
    "is_complete",
    "make_thumbnail",
    "measure_viewed",
    "restore",
]

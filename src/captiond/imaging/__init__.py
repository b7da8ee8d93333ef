"""JPEG and text -> captioned JPEG. Pure; knows Pillow and nothing of disk, queue or HTTP."""

from captiond.imaging.caption import Captioned, Captioner
from captiond.imaging.errors import BadImage, FontNotFound, ImagingError, NotRestorable
from captiond.imaging.splice.restore import restore
from captiond.imaging.style import Style

__all__ = [
    "BadImage",
    "Captioned",
    "Captioner",
    "FontNotFound",
    "ImagingError",
    "NotRestorable",
    "Style",
    "restore",
]

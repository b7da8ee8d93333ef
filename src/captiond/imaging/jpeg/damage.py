"""Finds damage in the compressed data of a JPEG."""

from captiond.imaging.errors import JpegError
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.native import is_native
from captiond.imaging.jpeg.scan_reader import read_scan

UNCHECKED = "unchecked"
"""Stands for the damage of a photo whose compressed data were not checked."""
MISSING_END = "missing end of image"


def find_damage(jpeg: bytes) -> str | None:
    """Describe the first fault of the compressed data. None: intact. UNCHECKED: unknown."""
    if not is_native():
        return UNCHECKED
    try:
        header = read_header(jpeg)
    except JpegError:
        return UNCHECKED
    return read_scan(jpeg, header, header.mcus).damage

"""Pillow's JPEG reader without its warnings and without its module-wide switches."""

from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.jpeg.colour_space import MIN_ADOBE_BYTES, MIN_JFIF_BYTES
from captiond.imaging.jpeg.segments import APP0, APP2, APP13, APP14, EOI, SOS, find_segments

_SHORTEST = {APP0: (b"JFIF", MIN_JFIF_BYTES), APP2: (b"ICC_PROFILE\0", 14), APP14: (b"Adobe", MIN_ADOBE_BYTES)}
"""Marker -> the name of metadata, and the bytes without which libjpeg ignores them. Pillow refuses such files."""
_PHOTOSHOP = b"Photoshop 3.0\0"
_HIDDEN = b"_"


class JpegReader(JpegImageFile):
    """Reads JPEGs only. `Image.open` would also accept other formats, and may warn."""

    def _read_dpi_from_exif(self) -> None:
        """Do nothing: the resolution is not needed, and Pillow warns when it reads it from invalid Exif."""


class LenientJpegReader(JpegReader):
    """Decodes the beginning of a truncated file; the rest is grey.

    Pillow does so if `ImageFile.LOAD_TRUNCATED_IMAGES` is set, which would affect all threads of the process.
    """

    _ended = False

    def load_read(self, read_bytes: int) -> bytes:
        """Read more of the file. At its end, return an end of image once, so that libjpeg completes the picture."""
        content = super().load_read(read_bytes)
        if content or self._ended:
            return content
        self._ended = True
        return EOI


def hide_metadata(jpeg: bytes) -> bytes:
    """The file without the metadata that Pillow cannot parse or that nothing needs: its names are changed."""
    hidden = []
    for segment in find_segments(jpeg):
        if segment.marker == SOS:
            break
        name, size = _SHORTEST.get(segment.marker, (_PHOTOSHOP, len(segment.body) + (segment.marker == APP13)))
        if segment.body.startswith(name) and len(segment.body) < size:
            hidden.append(segment.body_start)
    if not hidden:
        return jpeg
    changed = bytearray(jpeg)
    for at in hidden:
        changed[at : at + 1] = _HIDDEN
    return bytes(changed)

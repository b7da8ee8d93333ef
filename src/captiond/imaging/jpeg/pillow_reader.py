"""Pillow's JPEG reader without its warnings and without its module-wide switches."""

from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.jpeg.segments import EOI


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

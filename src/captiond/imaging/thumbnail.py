"""Makes small JPEGs of captioned images for lists.

libjpeg decodes at 1/8, 1/4 or 1/2 of the size where that suffices, which takes less time and memory.
"""

from io import BytesIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.errors import NoThumbnail
from captiond.imaging.jpeg.exif import read_orientation
from captiond.imaging.jpeg.pillow_reader import LenientJpegReader, hide_metadata
from captiond.imaging.placement import turn_to_viewed

THUMBNAIL_VERSION = 1
"""Changes with the size or the look of thumbnails, because caches may contain thumbnails of earlier versions."""

SIDE_PX = 320
_QUALITY = 80
_MAX_PROFILE_BYTES = 4096  # sRGB and Display P3 are smaller; a larger profile could exceed the size of the picture


def make_thumbnail(file: BytesIO, max_pixels: int) -> bytes:
    """Return a JPEG of the whole picture as viewers show it, at most 320 pixels wide and high.

    Small images are not enlarged. The missing part of a truncated file is grey. The only metadata is a small
    colour profile. Raises NoThumbnail for a file that cannot be decoded or has more than `max_pixels`.
    """
    picture = _open(file)
    if picture.width * picture.height > max_pixels:
        raise NoThumbnail(f"the image has {picture.width}x{picture.height} pixels; at most {max_pixels} are decoded")
    orientation = read_orientation(body for name, body in picture.applist if name == "APP1")
    size = _fit(picture.width, picture.height)
    picture.draft(None, size)
    _decode(picture)
    small = picture if picture.size == size else picture.resize(size, Image.Resampling.BOX, reducing_gap=2.0)
    return _encode(turn_to_viewed(small, orientation), _find_profile(picture))


def _open(file: BytesIO) -> JpegImageFile:
    try:
        return LenientJpegReader(BytesIO(hide_metadata(file.getvalue())))
    except (OSError, SyntaxError, ValueError, OverflowError) as error:
        raise NoThumbnail("the file has no readable JPEG header") from error


def _fit(width_px: int, height_px: int) -> tuple[int, int]:
    longest = max(width_px, height_px, SIDE_PX)
    return max(1, round(width_px * SIDE_PX / longest)), max(1, round(height_px * SIDE_PX / longest))


def _decode(picture: JpegImageFile) -> None:
    """Decode the pixels. After an error in the compressed data, the pixels before it remain, and the rest is black."""
    if not picture.tile:
        raise NoThumbnail("the file has no compressed data")
    try:
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        # Pillow clears the tiles when it has decoded what it can.
        if picture.tile or picture.getbbox() is None:
            raise NoThumbnail("the compressed data cannot be decoded") from error


def _find_profile(picture: JpegImageFile) -> bytes | None:
    """Return the colour profile, if it is small and still applies: the thumbnail of a CMYK picture is RGB."""
    profile: bytes = picture.info.get("icc_profile") or b""
    return profile if picture.mode != "CMYK" and 0 < len(profile) <= _MAX_PROFILE_BYTES else None


def _encode(picture: Image.Image, profile: bytes | None) -> bytes:
    encoded = BytesIO()
    upright = picture if picture.mode in ("RGB", "L") else picture.convert("RGB")
    upright.save(encoded, "JPEG", quality=_QUALITY, icc_profile=profile, comment=b"")
    return encoded.getvalue()

"""The invariant of captioning: any bytes give a captioned JPEG with an unchanged photo, or BadImage."""

import io
import warnings

from PIL import Image, ImageChops, UnidentifiedImageError

from captiond.imaging import BadImage, Captioned, Captioner, restore
from captiond.imaging.errors import JpegError
from captiond.imaging.jpeg.damage import find_damage
from captiond.imaging.jpeg.exif import read_orientation
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.native import INTERPRETED, default_build
from captiond.imaging.jpeg.scan_reader import read_scan
from captiond.imaging.jpeg.segments import APP1
from captiond.imaging.placement import Side, place

SMOOTHED_PX = 2
"""Lines or columns at the seam that a decoder changes when it interpolates subsampled chroma."""
MAX_MCU_PX = 32
"""The side of an MCU with the highest sampling factors. The MCUs at the seam may be encoded again."""


def check(captioner: Captioner, upload: bytes) -> Captioned | None:
    """Caption any bytes, or return None for BadImage. Raises AssertionError if the result breaks the invariant."""
    try:
        captioned = captioner.add_caption(upload, "7 секунд")
    except BadImage:
        return None
    image = decode(captioned.jpeg)
    assert image is not None, "the captioned file cannot be decoded"
    assert image.size in ((captioned.width, captioned.height), (captioned.height, captioned.width))  # if turned
    if captioned.reencode_reason is None:
        assert restore(captioned.jpeg) == upload
        photo = decode(upload) if _is_sound(upload) else None
        assert photo is None or _is_same_photo(photo, image, _side(upload)), "the photo differs from the upload"
    return captioned


def decode(jpeg: bytes) -> Image.Image | None:
    """Decode with Pillow, or return None for an invalid file."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            image.load()
            return image
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        return None


def _is_sound(upload: bytes) -> bool:
    """Return whether the scans contain all MCUs and no other data. Decoders disagree about damaged scans."""
    try:
        header = read_header(upload)
    except JpegError:
        return False
    builds = (default_build(), INTERPRETED)
    if header.is_progressive:
        damages = [find_damage(upload, header.width_px * header.height_px, build) for build in builds]
        assert damages[0] == damages[1], "the compiled and the interpreted decoder disagree"
        return damages[0] is None
    readings = [read_scan(upload, header, 0, build) for build in builds]
    assert readings[0] == readings[1], "the compiled and the interpreted decoder disagree"
    return readings[0].damage is None


def _side(upload: bytes) -> Side:
    segments = read_header(upload).segments
    return place(read_orientation(segment.body for segment in segments if segment.marker == APP1), "below").side


def _is_same_photo(photo: Image.Image, captioned: Image.Image, side: Side) -> bool:
    """Compare the pixels that the strip on a side of the stored picture leaves alone."""
    left = SMOOTHED_PX if side == "left" else 0
    top = SMOOTHED_PX if side == "top" else 0
    right = photo.width - (photo.width % MAX_MCU_PX + SMOOTHED_PX if side == "right" else 0)
    bottom = photo.height - (photo.height % MAX_MCU_PX + SMOOTHED_PX if side == "bottom" else 0)
    if left >= right or top >= bottom or photo.mode != captioned.mode:
        return photo.mode == captioned.mode
    across = captioned.width - photo.width if side == "left" else 0
    down = captioned.height - photo.height if side == "top" else 0
    moved = captioned.crop((left + across, top + down, right + across, bottom + down))
    return ImageChops.difference(photo.crop((left, top, right, bottom)), moved).getbbox() is None

"""What must hold whatever bytes come in: a captioned JPEG whose photo is the upload's, or a clean refusal."""

import io
import warnings

from PIL import Image, ImageChops, UnidentifiedImageError

from captiond.imaging import BadImage, Captioned, Captioner, restore
from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.scan import find_scan
from captiond.imaging.splice.scan_tail import read_tail

# A decoder that smooths chroma mixes the photo's last lines with the strip's first.
MIXED_LINES = 2


def check(captioner: Captioner, upload: bytes) -> Captioned | None:
    """Caption any bytes; AssertionError where the result is not what it must be. None: refused."""
    try:
        captioned = captioner.add_caption(upload, "7 секунд")
    except BadImage:
        return None
    picture = decode(captioned.jpeg)
    assert picture is not None, "the captioned file cannot be decoded"
    assert picture.size == (captioned.width, captioned.height)
    if captioned.reencode_reason is None:
        assert restore(captioned.jpeg) == upload
        photo = decode(upload) if _is_sound(upload) else None
        assert photo is None or _same_photo(photo, picture), "the photo is not the upload's"
    return captioned


def decode(jpeg: bytes) -> Image.Image | None:
    """Decode as Pillow does; None where it cannot."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            warnings.simplefilter("ignore")
            image.load()
            return image
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        return None


def _is_sound(upload: bytes) -> bool:
    """Tell whether the scan holds its photo and nothing else; decoders guess differently at what is broken."""
    try:
        header = read_header(upload)
        read_tail(upload, header, find_scan(upload, header), 0, header.restart_interval or header.mcus)
    except NotSpliceable:
        return False
    return True


def _same_photo(photo: Image.Image, captioned: Image.Image) -> bool:
    mcu_height_px = 32  # of the largest sampling; lines of the last row may be coded anew
    whole = photo.height - photo.height % mcu_height_px - MIXED_LINES
    if whole <= 0 or photo.mode != captioned.mode:
        return photo.mode == captioned.mode
    area = (0, 0, photo.width, whole)
    return ImageChops.difference(photo.crop(area), captioned.crop(area)).getbbox() is None

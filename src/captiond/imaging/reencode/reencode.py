"""Decodes a photo, adds the strip below or above it, and encodes both: lossy, but possible for every JPEG."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.errors import BadImage, JpegError, MalformedJpeg, UndecodableJpeg
from captiond.imaging.jpeg.exif import read_orientation
from captiond.imaging.jpeg.header import BLOCK_PX, read_header
from captiond.imaging.jpeg.pillow_reader import JpegReader
from captiond.imaging.limits import require_at_most, require_side
from captiond.imaging.placement import place
from captiond.imaging.reencode.metadata import replace_metadata
from captiond.imaging.style import Position

_COLOUR = 3  # components
_SUBSAMPLINGS: dict[tuple[tuple[int, int], ...], int] = {((2, 1), (1, 1), (1, 1)): 1, ((2, 2), (1, 1), (1, 1)): 2}
_LOSSLESS = [[1] * 64]  # quantisation tables for a photo without any


@dataclass(frozen=True, slots=True)
class Reencoded:
    """A new file and its size."""

    jpeg: bytes
    width_px: int
    height_px: int


def reencode(
    jpeg: bytes, draw: Callable[[int], Image.Image], max_pixels: int, position: Position = "below"
) -> Reencoded:
    """Add the strip that `draw` returns for the width of the photo as viewed.

    The new file has the photo's own quantisation tables, sampling, orientation and metadata, and its blocks keep
    their grid. Raises BadImage.
    """
    photo = _open(jpeg, max_pixels)
    placement = place(read_orientation(body for name, body in photo.applist if name == "APP1"), position)
    decoded = _decode(photo, jpeg)
    strip = placement.turn(draw(placement.viewed(decoded.size)[0]), _mcu_size(photo))
    size, photo_at, strip_at = placement.arrange(decoded.size, strip.size)
    require_side("captioned image", *size)
    canvas = Image.new(decoded.mode, size)
    canvas.paste(decoded, photo_at)
    canvas.paste(strip.convert(decoded.mode), strip_at)
    return Reencoded(replace_metadata(photo.applist, photo.layers, _encode(canvas, photo)), *placement.viewed(size))


def _open(jpeg: bytes, max_pixels: int) -> JpegImageFile:
    """Read the header only."""
    try:
        photo = JpegReader(BytesIO(jpeg))
    except (OSError, SyntaxError, ValueError, OverflowError) as error:
        raise BadImage(f"not a readable JPEG: {_find_fault(jpeg) or 'damaged header'}") from error
    require_side("photo", *photo.size)
    require_at_most(max_pixels, *photo.size)
    return photo


def _find_fault(jpeg: bytes) -> str | None:
    """The reason, if the header shows it, why libjpeg cannot decode a file."""
    try:
        read_header(jpeg)
    except (MalformedJpeg, UndecodableJpeg) as fault:
        return str(fault)
    except JpegError:  # which libjpeg decodes
        return None
    return None


def _decode(photo: JpegImageFile, jpeg: bytes) -> Image.Image:
    """The pixels, in YCbCr if the file is, to avoid a conversion and its rounding.

    A lossless JPEG may be RGB despite a JFIF marker, and libjpeg does not convert it: its colours are left to Pillow.
    """
    if photo.quantization and not _is_rgb(photo):
        photo.draft("YCbCr", None)
    try:
        photo.load()
    except (OSError, SyntaxError, ValueError) as error:
        is_truncated = isinstance(error, OSError) and "truncated" in str(error)
        fault = _find_fault(jpeg) or ("truncated file" if is_truncated else "damaged compressed data")
        raise BadImage(f"JPEG cannot be decoded: {fault}") from error
    return photo


def _encode(image: Image.Image, photo: JpegImageFile) -> bytes:
    """Encode with the photo's own tables and sampling, or with 4:4:4 if Pillow cannot write its sampling."""
    used = [photo.layer[0][3], photo.layer[min(1, photo.layers - 1)][3]]  # luma, chroma
    missing = set(used) - set(photo.quantization)
    if missing and photo.quantization:
        raise BadImage(f"missing quantisation table {min(missing)}")
    tables = _LOSSLESS if missing else [photo.quantization[table] for table in used]
    factors = tuple((across, down) for _, across, down, _ in photo.layer)
    file = BytesIO()
    image.save(file, "JPEG", qtables=tables, subsampling=_SUBSAMPLINGS.get(factors, 0), keep_rgb=True)
    return file.getvalue()


def _mcu_size(photo: JpegImageFile) -> tuple[int, int]:
    """Width and height of the photo's MCUs in pixels."""
    return BLOCK_PX * max(layer[1] for layer in photo.layer), BLOCK_PX * max(layer[2] for layer in photo.layer)


def _is_rgb(photo: JpegImageFile) -> bool:
    """Whether libjpeg takes the colours for RGB: it checks JFIF, then Adobe, then the component identifiers."""
    if photo.layers != _COLOUR or "jfif" in photo.info:
        return False
    if "adobe" in photo.info:
        return bool(photo.info.get("adobe_transform") == 0)
    return bytes(layer[0] for layer in photo.layer) == b"RGB"

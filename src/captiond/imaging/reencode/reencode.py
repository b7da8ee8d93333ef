"""Decodes a photo, adds the strip below or above it, and encodes both: lossy, but possible for every JPEG."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import takewhile

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.errors import BadImage, JpegError, MalformedJpeg, UndecodableJpeg
from captiond.imaging.jpeg.damage import UNCHECKED, find_damage
from captiond.imaging.jpeg.exif import read_orientation
from captiond.imaging.jpeg.header import BLOCK_PX, METADATA, read_header
from captiond.imaging.jpeg.pillow_reader import JpegReader, hide_metadata
from captiond.imaging.jpeg.segments import APP1, SOS, Segment, find_segments
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
    metadata = [segment for segment in takewhile(_is_in_header, find_segments(jpeg)) if segment.marker in METADATA]
    placement = place(read_orientation(segment.body for segment in metadata if segment.marker == APP1), position)
    decoded = _decode(photo, jpeg, max_pixels)
    strip = placement.turn(draw(placement.viewed(decoded.size)[0]), _mcu_size(photo))
    size, photo_at, strip_at = placement.arrange(decoded.size, strip.size)
    require_side("captioned image", *size)
    canvas = Image.new(decoded.mode, size)
    canvas.paste(decoded, photo_at)
    canvas.paste(strip.convert(decoded.mode), strip_at)
    return Reencoded(replace_metadata(metadata, photo.layers, _encode(canvas, photo)), *placement.viewed(size))


def _open(jpeg: bytes, max_pixels: int) -> JpegImageFile:
    """Read the header only."""
    try:
        photo = JpegReader(BytesIO(hide_metadata(jpeg)))
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


def _find_scan_fault(jpeg: bytes, max_pixels: int) -> str:
    damage = find_damage(jpeg, max_pixels)
    return "damaged compressed data" if damage in (None, UNCHECKED) else damage


def _is_in_header(segment: Segment) -> bool:
    return segment.marker != SOS


def _decode(photo: JpegImageFile, jpeg: bytes, max_pixels: int) -> Image.Image:
    """The pixels, in YCbCr if the file is, to avoid a conversion and its rounding.

    A lossless JPEG may be RGB despite a JFIF marker, and libjpeg does not convert it: its colours are left to Pillow.
    """
    if photo.quantization and not _is_rgb(photo):
        photo.draft("YCbCr", None)
    try:
        photo.load()
    except (OSError, SyntaxError, ValueError) as error:
        is_truncated = isinstance(error, OSError) and "truncated" in str(error)
        fault = _find_fault(jpeg) or ("truncated file" if is_truncated else _find_scan_fault(jpeg, max_pixels))
        raise BadImage(f"JPEG cannot be decoded: {fault}") from error
    return photo


def _encode(image: Image.Image, photo: JpegImageFile) -> bytes:
    """Encode with the photo's own tables and sampling, or with 4:4:4 if Pillow cannot write its sampling.

    Pillow writes RGB with 4:4:4 only.
    """
    used = [photo.layer[0][3], photo.layer[min(1, photo.layers - 1)][3]]  # luma, chroma
    missing = set(used) - set(photo.quantization)
    if missing and photo.quantization:
        raise BadImage(f"missing quantisation table {min(missing)}")
    tables = _LOSSLESS if missing else [photo.quantization[table] for table in used]
    factors = tuple((across, down) for _, across, down, _ in photo.layer)
    file = BytesIO()
    subsampling = 0 if image.mode == "RGB" else _SUBSAMPLINGS.get(factors, 0)
    image.save(file, "JPEG", qtables=tables, subsampling=subsampling, keep_rgb=True)
    return file.getvalue()


def _mcu_size(photo: JpegImageFile) -> tuple[int, int]:
    """Width and height of the photo's MCUs in pixels."""
    return BLOCK_PX * max(layer[1] for layer in photo.layer), BLOCK_PX * max(layer[2] for layer in photo.layer)


def _is_rgb(photo: JpegImageFile) -> bool:
    """Whether libjpeg takes the colours for RGB: it checks JFIF, then Adobe, then the component identifiers."""
    if photo.layers != _COLOUR or "jfif" in photo.info:
        return False
    if "adobe_transform" in photo.info:
        return bool(photo.info["adobe_transform"] == 0)
    return bytes(layer[0] for layer in photo.layer) == b"RGB"

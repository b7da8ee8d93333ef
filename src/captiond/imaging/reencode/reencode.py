"""Decodes a photo, adds the strip below or above it, and encodes both: lossy, but possible for every JPEG."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.errors import BadImage
from captiond.imaging.reencode.metadata import read_orientation, replace_metadata
from captiond.imaging.style import Position

_MAX_SIDE_PX = 65_500  # of libjpeg; the format's is 65,535
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = 5  # the first orientation that exchanges rows and columns
_COLOUR = 3  # components
_SUBSAMPLINGS: dict[tuple[tuple[int, int], ...], int] = {((2, 1), (1, 1), (1, 1)): 1, ((2, 2), (1, 1), (1, 1)): 2}


@dataclass(frozen=True, slots=True)
class Reencoded:
    """A new file and its size."""

    jpeg: bytes
    width_px: int
    height_px: int


class _Photo(JpegImageFile):
    """Pillow's JPEG reader without its warnings."""

    def _read_dpi_from_exif(self) -> None:
        """Do nothing: the resolution is not needed, and Pillow warns when it reads it from invalid Exif."""


def reencode(
    jpeg: bytes, draw: Callable[[int], Image.Image], max_pixels: int, position: Position = "below"
) -> Reencoded:
    """Rotate the photo upright and add the strip that `draw` returns for its width.

    The new file has the photo's own quantisation tables, sampling and metadata. Raises BadImage.
    """
    photo = _open(jpeg, max_pixels)
    orientation = read_orientation(photo.applist)
    upright = _decode(photo)
    if orientation in _TRANSPOSITIONS:
        upright = upright.transpose(_TRANSPOSITIONS[orientation])
    strip = draw(upright.width)
    height_px = upright.height + strip.height
    if max(upright.width, height_px) > _MAX_SIDE_PX:
        raise BadImage(f"captioned image too large: {upright.width}x{height_px}; at most {_MAX_SIDE_PX} px per side")
    canvas = Image.new(upright.mode, (upright.width, height_px))
    below = position == "below"
    canvas.paste(upright, (0, 0 if below else strip.height))
    canvas.paste(strip.convert(upright.mode), (0, upright.height if below else 0))
    encoded = _encode(canvas, photo, orientation)
    return Reencoded(replace_metadata(photo.applist, encoded), *canvas.size)


def require_at_most(max_pixels: int, width_px: int, height_px: int) -> None:
    """Raise BadImage for a larger photo, which would take too much memory to decode."""
    pixels = width_px * height_px
    if pixels > max_pixels:
        raise BadImage(f"photo too large: {width_px}x{height_px} = {pixels} pixels; at most {max_pixels}")


def _open(jpeg: bytes, max_pixels: int) -> JpegImageFile:
    """Read the header only. Image.open would also accept other formats, and may warn."""
    try:
        photo = _Photo(BytesIO(jpeg))
    except (OSError, SyntaxError, ValueError, OverflowError) as error:
        raise BadImage(f"not a readable JPEG: {error}") from error
    require_at_most(max_pixels, photo.width, photo.height)
    return photo


def _decode(photo: JpegImageFile) -> Image.Image:
    """The pixels, in YCbCr if the file is, to avoid a conversion and its rounding."""
    if not _is_rgb(photo):
        photo.draft("YCbCr", None)
    try:
        photo.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise BadImage(f"JPEG cannot be decoded: {error}") from error
    return photo


def _encode(image: Image.Image, photo: JpegImageFile, orientation: int) -> bytes:
    """Encode with the photo's own tables and sampling, or with 4:4:4 if Pillow cannot write its sampling."""
    swaps_sides = orientation >= _SWAPS_SIDES
    used = [photo.layer[0][3], photo.layer[min(1, photo.layers - 1)][3]]  # luma, chroma
    if missing := set(used) - set(photo.quantization):
        raise BadImage(f"missing quantisation table {min(missing)}")
    tables = [photo.quantization[table] for table in used]
    if swaps_sides:
        tables = [[table[8 * (at % 8) + at // 8] for at in range(64)] for table in tables]
    factors = tuple((down, across) if swaps_sides else (across, down) for _, across, down, _ in photo.layer)
    file = BytesIO()
    image.save(file, "JPEG", qtables=tables, subsampling=_SUBSAMPLINGS.get(factors, 0), keep_rgb=True)
    return file.getvalue()


def _is_rgb(photo: JpegImageFile) -> bool:
    """Whether libjpeg takes the colours for RGB: it checks JFIF, then Adobe, then the component identifiers."""
    if photo.layers != _COLOUR or "jfif" in photo.info:
        return False
    if "adobe" in photo.info:
        return bool(photo.info.get("adobe_transform") == 0)
    return bytes(layer[0] for layer in photo.layer) == b"RGB"

"""Decode, put the strip below or above, encode: works for every JPEG, at the cost of a generation."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from captiond.imaging.errors import BadImage
from captiond.imaging.reencode.metadata import graft_metadata, read_orientation
from captiond.imaging.style import Position

_MAX_SIDE_PX = 65_500  # libjpeg's limit, a little below the format's
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = 5  # orientations from here on turn rows into columns
_COLOUR = 3  # components
_SUBSAMPLINGS: dict[tuple[tuple[int, int], ...], int] = {((2, 1), (1, 1), (1, 1)): 1, ((2, 2), (1, 1), (1, 1)): 2}


@dataclass(frozen=True, slots=True)
class Reencoded:
    """A new file and its size."""

    jpeg: bytes
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class _EncoderOptions:
    quantisation_tables: list[list[int]]  # luma, chroma; in rows, not in zigzag
    subsampling: int


class _Photo(JpegImageFile):
    """Pillow's JPEG reader, without its warnings."""

    def _read_dpi_from_exif(self) -> None:
        """Nothing here asks for the resolution, and reading it from broken EXIF warns."""


def reencode(
    jpeg: bytes, draw: Callable[[int], Image.Image], max_pixels: int, position: Position = "below"
) -> Reencoded:
    """The photo with the strip that `draw` makes for its width, upright; raises BadImage.

    The photo's own quantisation tables, sampling and metadata are used for the new file.
    """
    photo = _open(jpeg, max_pixels)
    orientation = read_orientation(photo.applist)
    upright = _decode(photo)
    if orientation in _TURNS:
        upright = upright.transpose(_TURNS[orientation])
    strip = draw(upright.width)
    height_px = upright.height + strip.height
    if max(upright.width, height_px) > _MAX_SIDE_PX:
        raise BadImage(f"with its caption the picture is {height_px} px high, past {_MAX_SIDE_PX}")
    canvas = Image.new(upright.mode, (upright.width, height_px))
    below = position == "below"
    canvas.paste(upright, (0, 0 if below else strip.height))
    canvas.paste(strip.convert(upright.mode), (0, upright.height if below else 0))
    encoded = _encode(canvas, _encoder_options(photo, orientation))
    return Reencoded(graft_metadata(photo.applist, encoded), *canvas.size)


def require_at_most(max_pixels: int, width_px: int, height_px: int) -> None:
    """Raise BadImage for a larger photo: decoding it would take too much memory."""
    pixels = width_px * height_px
    if pixels > max_pixels:
        raise BadImage(f"the photo has {pixels} pixels ({width_px}x{height_px}), more than {max_pixels}")


def _open(jpeg: bytes, max_pixels: int) -> JpegImageFile:
    """Read the header only. The class itself is used, for Image.open may warn, and takes PNGs."""
    try:
        photo = _Photo(BytesIO(jpeg))
    except (OSError, SyntaxError, ValueError, OverflowError) as broken:
        raise BadImage(f"not a readable JPEG: {broken}") from broken
    require_at_most(max_pixels, photo.width, photo.height)
    return photo


def _decode(photo: JpegImageFile) -> Image.Image:
    """The pixels, without leaving YCbCr where the file is in it."""
    if not _is_rgb(photo):
        photo.draft("YCbCr", None)
    try:
        photo.load()
    except (OSError, SyntaxError, ValueError) as broken:
        raise BadImage(f"the JPEG cannot be decoded: {broken}") from broken
    return photo


def _encode(picture: Image.Image, options: _EncoderOptions) -> bytes:
    file = BytesIO()
    picture.save(
        file,
        "JPEG",
        qtables=options.quantisation_tables,
        subsampling=options.subsampling,
        keep_rgb=True,
    )
    return file.getvalue()


def _encoder_options(photo: JpegImageFile, orientation: int) -> _EncoderOptions:
    """The photo's own tables and sampling; where Pillow lacks the sampling, the full one."""
    swaps_sides = orientation >= _SWAPS_SIDES
    used = [photo.layer[0][3], photo.layer[min(1, photo.layers - 1)][3]]
    if missing := set(used) - set(photo.quantization):
        raise BadImage(f"its quantisation table {min(missing)} is missing")
    tables = [photo.quantization[table] for table in used]
    if swaps_sides:
        tables = [[table[8 * (at % 8) + at // 8] for at in range(64)] for table in tables]
    factors = tuple((down, right) if swaps_sides else (right, down) for _, right, down, _ in photo.layer)
    return _EncoderOptions(tables, _SUBSAMPLINGS.get(factors, 0))


def _is_rgb(photo: JpegImageFile) -> bool:
    """Whether the colours are plain RGB; libjpeg asks JFIF, then Adobe, then the components' names."""
    if photo.layers != _COLOUR or "jfif" in photo.info:
        return False
    if "adobe" in photo.info:
        return bool(photo.info.get("adobe_transform") == 0)
    return bytes(layer[0] for layer in photo.layer) == b"RGB"

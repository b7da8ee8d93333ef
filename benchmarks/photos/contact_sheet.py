"""Strips of many captioned photos on pages, to be looked at."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

_COLUMNS = 3
_TILES_PER_PAGE = 60
_TILE_WIDTH_PX, _TILE_HEIGHT_PX = 460, 70
_LABEL_PX = 12
_PHOTO_LINES_PX = 16  # of the photo, above its strip
_GAP_PX = 6
_BACKGROUND = (40, 60, 110)


def cut_tile(label: str, upload: bytes, captioned: bytes) -> Image.Image:
    """The strip at the viewed bottom with the last lines of the photo above it, under its label.

    What does not fit is cut off at the right and at the bottom. Raises OSError for a file that Pillow does not decode.
    """
    photo, whole = (_open_upright(jpeg) for jpeg in (upload, captioned))
    top = max(0, photo.height - _PHOTO_LINES_PX)
    tile = Image.new("RGB", (_TILE_WIDTH_PX, _TILE_HEIGHT_PX), _BACKGROUND)
    ImageDraw.Draw(tile).text((2, 0), label, fill="yellow")
    tile.paste(whole.crop((0, top, whole.width, whole.height)).convert("RGB"), (0, _LABEL_PX))
    return tile


def write_pages(tiles: Sequence[Image.Image], folder: Path) -> Iterator[Path]:
    """Write `strips-1.png` and so on; yields each path."""
    for number, start in enumerate(range(0, len(tiles), _TILES_PER_PAGE), start=1):
        page = _lay_out(tiles[start : start + _TILES_PER_PAGE])
        path = folder / f"strips-{number}.png"
        page.save(path)
        yield path


def _lay_out(tiles: Sequence[Image.Image]) -> Image.Image:
    across_px, down_px = _TILE_WIDTH_PX + _GAP_PX, _TILE_HEIGHT_PX + _GAP_PX
    page = Image.new("RGB", (_COLUMNS * across_px, -(-len(tiles) // _COLUMNS) * down_px), "white")
    for at, tile in enumerate(tiles):
        page.paste(tile, (at % _COLUMNS * across_px, at // _COLUMNS * down_px))
    return page


def _open_upright(jpeg: bytes) -> Image.Image:
    return ImageOps.exif_transpose(Image.open(BytesIO(jpeg)))

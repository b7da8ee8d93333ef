"""Writes the seed corpus: small JPEGs of many kinds."""

import io
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from PIL import Image

ORIENTATION = 0x0112  # an Exif tag
SIZES_PX = ((16, 16), (33, 17), (48, 24))


def seeds() -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file."""
    for mode, subsampling, (width, height), restart, optimise in product(
        ("L", "RGB"), (0, 1, 2), SIZES_PX, (0, 1, 3), (False, True)
    ):
        out = io.BytesIO()
        image = Image.linear_gradient("L").resize((width, height)).convert(mode)
        image.save(out, "JPEG", quality=60, subsampling=subsampling, restart_marker_blocks=restart, optimize=optimise)
        yield f"{mode}-{subsampling}-{width}x{height}-{restart}-{optimise}.jpg", out.getvalue()
    for mode, subsampling, size, quality in product(("L", "RGB"), (0, 1, 2), SIZES_PX, (60, 95)):
        out = io.BytesIO()
        image = Image.linear_gradient("L").rotate(90).resize(size).convert(mode)
        image.save(out, "JPEG", quality=quality, subsampling=subsampling, progressive=True)
        yield f"progressive-{mode}-{subsampling}-{size[0]}x{size[1]}-{quality}.jpg", out.getvalue()
    for orientation, subsampling, size, restart in product((3, 6, 8), (0, 2), SIZES_PX, (0, 1)):
        out = io.BytesIO()
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        image = Image.linear_gradient("L").resize(size).convert("RGB")
        image.save(out, "JPEG", exif=exif, quality=60, subsampling=subsampling, restart_marker_blocks=restart)
        yield f"turned-{orientation}-{subsampling}-{size[0]}x{size[1]}-{restart}.jpg", out.getvalue()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in seeds():
        (folder / name).write_bytes(content)

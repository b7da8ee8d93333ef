"""Measures how close re-encoded photos are to their uploads: python -m benchmarks.fidelity.

Compares captiond with encoding at a fixed quality.
"""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from benchmarks.inputs.frames import encode, make_frames
from PIL import Image

from captiond.imaging.reencode.reencode import reencode

_QUALITIES = (50, 70, 85, 95)
_FIXED = (75, 90)
_LARGEST = 255
_STRIP_PX = 23
_MAX_PIXELS = 1_000_000
_IDENTICAL = float("inf")


def main() -> None:
    """Print a Markdown table."""
    frames = make_frames()
    print(f"{len(frames)} progressive frames of 640x480 per row; lowest to highest PSNR.\n")
    print("| upload | re-encoded | samples unchanged |", " | ".join(f"quality {fixed}" for fixed in _FIXED), "|")
    print("| --- |", " | ".join(["---:"] * (2 + len(_FIXED))), "|")
    for subsampling in ("4:2:0", "4:4:4"):
        for quality in _QUALITIES:
            uploads = [encode(frame, quality=quality, subsampling=subsampling, progressive=True) for frame in frames]
            before = [_decode(upload) for upload in uploads]
            reencoded = [_decode(reencode(upload, _draw, _MAX_PIXELS).jpeg) for upload in uploads]
            unchanged = np.mean([_crop(was) == _crop(now) for was, now in zip(before, reencoded, strict=True)])
            cells = [_range(before, reencoded), f"{100 * unchanged:.1f} %"]
            cells += [_range(before, [_decode(encode(was, quality=fixed)) for was in before]) for fixed in _FIXED]
            print(f"| {subsampling}, quality {quality} |", " | ".join(cells), "|")


def _draw(width_px: int) -> Image.Image:
    return Image.new("L", (width_px, _STRIP_PX))


def _decode(jpeg: bytes) -> Image.Image:
    return Image.open(BytesIO(jpeg)).convert("RGB")


def _crop(picture: Image.Image) -> npt.NDArray[np.int16]:
    return np.asarray(picture, np.int16)[:480]


def _range(before: list[Image.Image], after: list[Image.Image]) -> str:
    ratios = [_peak_ratio_db(*pair) for pair in zip(before, after, strict=True)]
    ends = ("identical" if end == _IDENTICAL else f"{end:.1f}" for end in (min(ratios), max(ratios)))
    return "–".join(ends) + " dB"


def _peak_ratio_db(before: Image.Image, after: Image.Image) -> float:
    errors = (_crop(before) - _crop(after)).astype(float)
    mean_square = float((errors**2).mean())
    return float(10 * np.log10(_LARGEST**2 / mean_square)) if mean_square else _IDENTICAL


if __name__ == "__main__":
    main()

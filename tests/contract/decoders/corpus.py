"""Uploads of many kinds of JPEG, and their captioned files."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # its stubs lack their marker
from benchmarks.inputs import frames
from benchmarks.inputs.huffman import rewrite_huffman_tables
from PIL import Image, ImageCms

from captiond.imaging import Captioned, Captioner, Style

CAPTION = "С начала фазы запрещающего сигнала прошло: 7 секунд"
_FOCAL_LENGTH = 0x920A
_EXIF_IFD = 0x8769


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of JPEG: how to encode one, and its properties."""

    encode: Callable[[Image.Image], bytes]
    size_px: tuple[int, int] = (208, 144)
    mcu_height_px: int = 16
    quality: int = 85


def _pillow(**options: object) -> Callable[[Image.Image], bytes]:
    return lambda image: frames.encode(image, **options)


def _turbo(sampling: str) -> Callable[[Image.Image], bytes]:
    """Encode with libjpeg-turbo, for samplings that Pillow does not write."""

    def encode(image: Image.Image) -> bytes:
        encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), colorsubsampling=sampling)
        return encoded

    return encode


def _with_metadata(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_FOCAL_LENGTH] = 35
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return frames.encode(image, exif=exif, icc_profile=profile, comment=b"north gate", dpi=(300, 300))


def _with_trailing_bytes(image: Image.Image) -> bytes:
    return frames.encode(image) + frames.encode(image.resize((64, 48))) + b"motion\xff\xd9\xff"


def _grey(image: Image.Image) -> bytes:
    return frames.encode(image.convert("L"), subsampling=0)


KINDS = {
    **{f"4:2:0, quality {quality}": Kind(_pillow(quality=quality), quality=quality) for quality in (10, 20, 30, 50)},
    **{f"4:2:0, quality {quality}": Kind(_pillow(quality=quality), quality=quality) for quality in (70, 85, 95)},
    "4:4:4": Kind(_pillow(subsampling=0), mcu_height_px=8),
    "4:2:2": Kind(_pillow(subsampling=1), mcu_height_px=8),
    "4:4:0": Kind(_turbo("440")),
    "4:1:1": Kind(_turbo("411"), mcu_height_px=8),
    "grey": Kind(_grey, mcu_height_px=8),
    "grey, 2x2 sampling factors": Kind(lambda image: frames.encode(image.convert("L")), mcu_height_px=8),
    "restart interval of one row": Kind(_pillow(restart_marker_rows=1)),
    "restart interval of 9 MCUs": Kind(_pillow(restart_marker_blocks=9)),
    "restart interval of 7 MCUs, not a divisor of the photo's": Kind(_pillow(restart_marker_blocks=7)),
    "optimised Huffman tables": Kind(_pillow(optimize=True)),
    "custom Huffman tables": Kind(lambda image: rewrite_huffman_tables(frames.encode(image))),
    "custom Huffman tables, restart markers": Kind(
        lambda image: rewrite_huffman_tables(frames.encode(image, restart_marker_blocks=9))
    ),
    "custom Huffman tables, grey": Kind(lambda image: rewrite_huffman_tables(_grey(image)), mcu_height_px=8),
    "EXIF, ICC profile and comment": Kind(_with_metadata),
    "trailing data": Kind(_with_trailing_bytes),
    "progressive": Kind(_pillow(progressive=True)),
    "progressive, 4:4:4": Kind(_pillow(progressive=True, subsampling=0), mcu_height_px=8),
    "progressive, grey": Kind(lambda image: frames.encode(image.convert("L"), progressive=True), mcu_height_px=8),
    "progressive, height of 149 px": Kind(_pillow(progressive=True), size_px=(208, 149)),
    "progressive, height of 152 px": Kind(_pillow(progressive=True), size_px=(205, 152)),
    "progressive, height of 149 px, 4:4:4": Kind(
        _pillow(progressive=True, subsampling=0), size_px=(208, 149), mcu_height_px=8
    ),
    "progressive, height of 149 px, 4:2:2": Kind(
        _pillow(progressive=True, subsampling=1), size_px=(208, 149), mcu_height_px=8
    ),
    "width of 205 px": Kind(_pillow(), size_px=(205, 144)),
    "width of 13 px": Kind(_pillow(), size_px=(13, 32)),
    "half an MCU row at the bottom, as with 1080 lines": Kind(_pillow(), size_px=(208, 152)),
    "height of 149 px": Kind(_pillow(), size_px=(208, 149)),
    "height of 149 px, 4:4:4": Kind(_pillow(subsampling=0), size_px=(208, 149), mcu_height_px=8),
    "height of 149 px, grey": Kind(_grey, size_px=(208, 149), mcu_height_px=8),
    "height of 149 px, custom Huffman tables": Kind(
        lambda image: rewrite_huffman_tables(frames.encode(image)), size_px=(208, 149)
    ),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """An upload and its captioned image."""

    kind: Kind
    upload: bytes
    captioned: Captioned

    @property
    def photo_px(self) -> int:
        """The height of the upload."""
        return self.kind.size_px[1]


@cache
def sample(name: str) -> Sample:
    """The sample of a kind, always the same."""
    kind = KINDS[name]
    width, height = kind.size_px
    upload = kind.encode(_scene().crop((60, 200, 60 + width, 200 + height)))
    return Sample(kind, upload, caption(upload))


def caption(upload: bytes) -> Captioned:
    """Caption an upload with the text of all samples."""
    return Captioner(Style()).add_caption(upload, CAPTION)


@cache
def _scene() -> Image.Image:
    return frames.make_frames(1)[0]

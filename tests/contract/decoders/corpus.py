"""Uploads of every kind that a decoder may meet, and their captioned files."""

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
    """How to make an upload."""

    make: Callable[[Image.Image], bytes]
    size_px: tuple[int, int] = (208, 144)
    mcu_height_px: int = 16
    quality: int = 85


def _pillow(**options: object) -> Callable[[Image.Image], bytes]:
    return lambda picture: frames.encode(picture, **options)


def _turbo(sampling: str) -> Callable[[Image.Image], bytes]:
    """Samplings that Pillow does not write."""

    def make(picture: Image.Image) -> bytes:
        encoded: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), colorsubsampling=sampling)
        return encoded

    return make


def _with_metadata(picture: Image.Image) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_FOCAL_LENGTH] = 35
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return frames.encode(picture, exif=exif, icc_profile=profile, comment=b"north gate", dpi=(300, 300))


def _with_trailing_bytes(picture: Image.Image) -> bytes:
    return frames.encode(picture) + frames.encode(picture.resize((64, 48))) + b"motion\xff\xd9\xff"


def _grey(picture: Image.Image) -> bytes:
    return frames.encode(picture.convert("L"), subsampling=0)


KINDS = {
    **{f"4:2:0, quality {quality}": Kind(_pillow(quality=quality), quality=quality) for quality in (10, 20, 30, 50)},
    **{f"4:2:0, quality {quality}": Kind(_pillow(quality=quality), quality=quality) for quality in (70, 85, 95)},
    "4:4:4": Kind(_pillow(subsampling=0), mcu_height_px=8),
    "4:2:2": Kind(_pillow(subsampling=1), mcu_height_px=8),
    "4:4:0": Kind(_turbo("440")),
    "4:1:1": Kind(_turbo("411"), mcu_height_px=8),
    "grey": Kind(_grey, mcu_height_px=8),
    "grey, with sampling factors that mean nothing": Kind(
        lambda picture: frames.encode(picture.convert("L")), mcu_height_px=8
    ),
    "a restart marker every row": Kind(_pillow(restart_marker_rows=1)),
    "a restart marker every 9 MCUs": Kind(_pillow(restart_marker_blocks=9)),
    "a restart marker every 7 MCUs, which do not divide the photo": Kind(_pillow(restart_marker_blocks=7)),
    "optimised Huffman tables": Kind(_pillow(optimize=True)),
    "a vendor's Huffman tables": Kind(lambda picture: rewrite_huffman_tables(frames.encode(picture))),
    "a vendor's Huffman tables, restart markers": Kind(
        lambda picture: rewrite_huffman_tables(frames.encode(picture, restart_marker_blocks=9))
    ),
    "a vendor's Huffman tables, grey": Kind(lambda picture: rewrite_huffman_tables(_grey(picture)), mcu_height_px=8),
    "EXIF, ICC profile and comment": Kind(_with_metadata),
    "bytes behind the end": Kind(_with_trailing_bytes),
    "an odd width": Kind(_pillow(), size_px=(205, 144)),
    "narrower than an MCU": Kind(_pillow(), size_px=(13, 32)),
    "half an MCU at the bottom, as of 1080 lines": Kind(_pillow(), size_px=(208, 152)),
    "an odd height": Kind(_pillow(), size_px=(208, 149)),
    "an odd height, 4:4:4": Kind(_pillow(subsampling=0), size_px=(208, 149), mcu_height_px=8),
    "an odd height, grey": Kind(_grey, size_px=(208, 149), mcu_height_px=8),
    "an odd height, a vendor's Huffman tables": Kind(
        lambda picture: rewrite_huffman_tables(frames.encode(picture)), size_px=(208, 149)
    ),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """An upload and what became of it."""

    kind: Kind
    upload: bytes
    captioned: Captioned

    @property
    def photo_px(self) -> int:
        """The height of the upload."""
        return self.kind.size_px[1]


@cache
def sample(name: str) -> Sample:
    """The sample of a kind; the same one every time."""
    kind = KINDS[name]
    width, height = kind.size_px
    upload = kind.make(_scene().crop((60, 200, 60 + width, 200 + height)))
    return Sample(kind, upload, caption(upload))


def caption(upload: bytes) -> Captioned:
    """An upload with the caption of all samples."""
    return Captioner(Style()).add_caption(upload, CAPTION)


@cache
def _scene() -> Image.Image:
    return frames.make_frames(1)[0]

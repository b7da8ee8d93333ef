"""Every decoder decodes a turned photo in a captioned file as in the upload."""

import os
from functools import cache
from pathlib import Path

import jpeglib  # type: ignore[import-untyped]  # ships no types
import numpy as np
import pytest
from tests.contract.decoders.corpus import caption, sample
from tests.contract.decoders.decoders import DECODERS, DependencyUnavailable, Pixels

from captiond.imaging import restore

MAX_MCU_PX = 32  # of 4:1:1
SMOOTHED_PX = 2
"""Pixels at the seam that change where a decoder interpolates subsampled chroma."""
EXIF = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0%c\0\0\0\0\0\0"
SIDES = {3: "top", 6: "right", 8: "left"}
KINDS = (
    "4:2:0, quality 85",
    "4:4:4",
    "4:2:2",
    "4:1:1",
    "grey",
    "restart interval of one row",
    "restart interval of 7 MCUs, not a divisor of the photo's",
    "optimised Huffman tables",
    "custom Huffman tables",
    "width of 205 px",
    "height of 149 px",
)
PARTIAL = ("width of 205 px", "4:1:1")
"""The kinds whose width is no multiple of the MCU width."""


@cache
def turned(kind: str, orientation: int) -> tuple[bytes, bytes]:
    """An upload of some orientation, and its captioned file."""
    upload = sample(kind).upload
    upload = upload[:2] + EXIF % orientation + upload[2:]
    captioned = caption(upload)
    assert captioned.reencode_reason is None
    return upload, captioned.jpeg


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", SIDES)
def test_coefficients_are_unchanged(kind: str, orientation: int, tmp_path: Path) -> None:
    planes = []
    for name, jpeg in zip(("upload.jpg", "captioned.jpg"), turned(kind, orientation), strict=True):
        (tmp_path / name).write_bytes(jpeg)
        dct = jpeglib.read_dct(str(tmp_path / name))
        planes.append([plane for plane in (dct.Y, dct.Cb, dct.Cr) if plane is not None])

    for upload, captioned in zip(*planes, strict=True):
        rows, columns = upload.shape[:2]
        match SIDES[orientation]:
            case "top":
                assert np.array_equal(captioned[-rows:], upload)
            case "left":
                assert np.array_equal(captioned[:, -columns:], upload)
            case _:
                alone = columns - 4 if kind in PARTIAL else columns  # without the MCU at the seam
                assert np.array_equal(captioned[:, :alone], upload[:, :alone])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", SIDES)
def test_upload_is_restored_byte_for_byte(kind: str, orientation: int) -> None:
    upload, captioned = turned(kind, orientation)

    assert restore(captioned) == upload


@pytest.mark.parametrize("decoder", DECODERS)
def test_stored_photo_is_decoded_as_in_the_upload(decoder: str, tmp_path: Path) -> None:
    cases = [(kind, orientation) for kind in KINDS for orientation in SIDES]
    files = []
    for number, jpeg in enumerate(jpeg for case in cases for jpeg in turned(*case)):
        files.append(tmp_path / f"{number}.jpg")
        files[-1].write_bytes(jpeg.replace(b"Exif", b"none", 1))  # some decoders turn the picture

    try:
        images = iter(DECODERS[decoder].decode(files))
    except DependencyUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{decoder}: {reason}")

    for (kind, orientation), upload, captioned in zip(cases, images, images, strict=True):
        before, after = _photo_alone(upload, captioned, SIDES[orientation])
        assert np.array_equal(before, after), (kind, orientation)


def _photo_alone(upload: Pixels, captioned: Pixels, side: str) -> tuple[Pixels, Pixels]:
    """The photo's pixels in both files, without those that the strip may change."""
    height, width = upload.shape[:2]
    match side:
        case "top":
            return upload[SMOOTHED_PX:], captioned[captioned.shape[0] - height + SMOOTHED_PX :]
        case "left":
            return upload[:, SMOOTHED_PX:], captioned[:, captioned.shape[1] - width + SMOOTHED_PX :]
        case _:
            alone = width - width % MAX_MCU_PX - SMOOTHED_PX
            return upload[:, :alone], captioned[:, :alone]

"""Compares the DCT coefficients of uploads and captioned files, as an independent libjpeg reads them."""

from pathlib import Path

import jpeglib  # type: ignore[import-untyped]  # ships no types
import numpy as np
import numpy.typing as npt
import pytest
from tests.contract.decoders.corpus import KINDS, Sample, sample

from captiond.imaging import restore

BLOCK_PX = 8


@pytest.mark.parametrize("kind", KINDS)
def test_coefficients_and_quantisation_tables_are_unchanged(kind: str, tmp_path: Path) -> None:
    wanted = sample(kind)

    before = read_dct(tmp_path / "upload.jpg", wanted.upload)
    after = read_dct(tmp_path / "captioned.jpg", wanted.captioned.jpeg)

    assert np.array_equal(before.qt, after.qt)
    planes = list(zip(planes_of(before), planes_of(after), strict=True))
    assert len(planes) == (1 if "grey" in kind else 3)
    for upload, captioned in planes:
        rows = rows_without_strip(len(upload), wanted)
        assert rows >= len(upload) - 1
        assert np.array_equal(upload[:rows], captioned[:rows])


@pytest.mark.parametrize("kind", KINDS)
def test_upload_is_restored_byte_for_byte(kind: str) -> None:
    wanted = sample(kind)

    assert wanted.captioned.reencode_reason is None
    assert restore(wanted.captioned.jpeg) == wanted.upload


def read_dct(file: Path, jpeg: bytes) -> jpeglib.DCTJPEG:
    file.write_bytes(jpeg)
    return jpeglib.read_dct(str(file))


def planes_of(jpeg: jpeglib.DCTJPEG) -> list[npt.NDArray[np.int16]]:
    """Rows of blocks of each component."""
    return [plane for plane in (jpeg.Y, jpeg.Cb, jpeg.Cr) if plane is not None]


def rows_without_strip(rows: int, wanted: Sample) -> int:
    """The number of a component's rows of blocks that hold no line of the strip."""
    row_px = BLOCK_PX if rows * BLOCK_PX >= wanted.photo_px else 2 * BLOCK_PX
    return wanted.photo_px // row_px

"""The DCT coefficients of captioned files, as an independent libjpeg reads them, are those of the uploads."""

from pathlib import Path

import jpeglib  # type: ignore[import-untyped]  # ships no types
import numpy as np
import numpy.typing as npt
import pytest
from tests.contract.decoders.corpus import KINDS, Sample, sample

from captiond.imaging import restore

BLOCK_PX = 8
LACKING_SYMBOLS = "optimised Huffman tables"
SPLICED = [kind for kind in KINDS if kind != LACKING_SYMBOLS]


@pytest.mark.parametrize("kind", SPLICED)
def test_the_photos_coefficients_and_tables_are_kept(kind: str, tmp_path: Path) -> None:
    wanted = sample(kind)

    before = read_dct(tmp_path / "upload.jpg", wanted.upload)
    after = read_dct(tmp_path / "captioned.jpg", wanted.captioned.jpeg)

    assert np.array_equal(before.qt, after.qt)
    planes = list(zip(planes_of(before), planes_of(after), strict=True))
    assert len(planes) == (1 if "grey" in kind else 3)
    for ours, theirs in planes:
        rows = rows_without_strip(len(ours), wanted)
        assert rows >= len(ours) - 1
        assert np.array_equal(ours[:rows], theirs[:rows])


@pytest.mark.parametrize("kind", SPLICED)
def test_the_upload_comes_back_byte_for_byte(kind: str) -> None:
    wanted = sample(kind)

    assert wanted.captioned.reencode_reason is None
    assert restore(wanted.captioned.jpeg) == wanted.upload


def test_a_table_that_lacks_a_symbol_of_the_strip_means_a_redraw() -> None:
    reason = sample(LACKING_SYMBOLS).captioned.reencode_reason

    assert reason is not None
    assert "Huffman tables lack" in reason


def read_dct(file: Path, jpeg: bytes) -> jpeglib.DCTJPEG:
    file.write_bytes(jpeg)
    return jpeglib.read_dct(str(file))


def planes_of(jpeg: jpeglib.DCTJPEG) -> list[npt.NDArray[np.int16]]:
    """Rows of blocks of each component."""
    return [plane for plane in (jpeg.Y, jpeg.Cb, jpeg.Cr) if plane is not None]


def rows_without_strip(rows: int, wanted: Sample) -> int:
    """Of a component's rows of blocks, how many hold lines of the photo alone."""
    row_px = BLOCK_PX if rows * BLOCK_PX >= wanted.photo_px else 2 * BLOCK_PX
    return wanted.photo_px // row_px

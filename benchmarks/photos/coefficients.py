"""Compares the photo's DCT coefficients in upload and captioned file with jpeglib, which captiond does not use.

The strip may stand on any side of the photo, and a splice may turn the photo by transposing its coefficients.
So the comparison tries the photo's eight orientations at both ends of the captioned picture.
"""

import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import jpeglib  # type: ignore[import-untyped]  # ships no types
import numpy as np
import numpy.typing as npt

Plane: TypeAlias = npt.NDArray[np.int16]
"""Rows and columns of blocks, each of 8 rows and 8 columns of coefficients."""
_BLOCK_PX = 8
_SIGNS = np.array([1, -1] * 4, np.int16)  # a mirrored cosine of odd frequency changes its sign


class Comparison(StrEnum):
    """How the coefficients of a photo compare. Blocks astride the photo's last line are not compared."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNREADABLE = "not readable by jpeglib"


def compare_coefficients(upload: bytes, captioned: bytes) -> Comparison:
    """Whether the captioned file contains the upload's coefficients and quantisation tables."""
    with tempfile.TemporaryDirectory(prefix="captiond-photos-") as folder:
        try:
            before, after = (_read(Path(folder, name), jpeg) for name, jpeg in (("a", upload), ("b", captioned)))
        except OSError:
            return Comparison.UNREADABLE
        return Comparison.EQUAL if any(_placements(before, after)) else Comparison.DIFFERENT


def turn_plane(plane: Plane, turn: int) -> Plane:
    """The plane of the turned photo. Bit 0 of `turn` mirrors columns, bit 1 mirrors rows, bit 2 then swaps both."""
    if turn & 1:
        plane = plane[:, ::-1] * _SIGNS
    if turn & 2:
        plane = plane[::-1] * _SIGNS[:, None]
    return plane.transpose(1, 0, 3, 2) if turn & 4 else plane


def _read(file: Path, jpeg: bytes) -> jpeglib.DCTJPEG:
    file.write_bytes(jpeg)
    dct = jpeglib.read_dct(str(file))
    dct.load()
    return dct


def _placements(before: jpeglib.DCTJPEG, after: jpeglib.DCTJPEG) -> Iterator[bool]:
    """For each orientation and end, whether all planes are equal."""
    planes, captioned = _planes(before), _planes(after)
    if len(planes) != len(captioned):
        return
    whole = [_whole_blocks(before, component) for component in range(len(planes))]
    for turn in range(8):
        if not np.array_equal(_turn_tables(before.qt, turn), after.qt):
            continue
        turned = [turn_plane(plane, turn) for plane in planes]
        sizes = [size[::-1] if turn & 4 else size for size in whole]
        yield all(_starts_with(there, here, size) for here, there, size in zip(turned, captioned, sizes, strict=True))
        yield all(_ends_with(there, here) for here, there in zip(turned, captioned, strict=True))


def _planes(dct: jpeglib.DCTJPEG) -> list[Plane]:
    return [plane for plane in (dct.Y, dct.Cb, dct.Cr, dct.K) if plane is not None]


def _whole_blocks(dct: jpeglib.DCTJPEG, component: int) -> tuple[int, int]:
    """Rows and columns of blocks that contain lines and columns of the photo alone."""
    largest, factors = dct.samp_factor.max(axis=0), dct.samp_factor[component]
    rows, columns = (int(side * factors[at] // (_BLOCK_PX * largest[at])) for at, side in enumerate(_size_px(dct)))
    return rows, columns


def _size_px(dct: jpeglib.DCTJPEG) -> tuple[int, int]:
    return dct.height, dct.width


def _starts_with(captioned: Plane, photo: Plane, whole: tuple[int, int]) -> bool:
    """The strip follows below or to the right; on that side the photo's last block may be astride its edge."""
    rows = photo.shape[0] if captioned.shape[0] == photo.shape[0] else whole[0]
    columns = photo.shape[1] if captioned.shape[1] == photo.shape[1] else whole[1]
    return np.array_equal(captioned[:rows, :columns], photo[:rows, :columns])


def _ends_with(captioned: Plane, photo: Plane) -> bool:
    """The strip precedes the photo."""
    rows, columns = photo.shape[:2]
    return np.array_equal(captioned[-rows:, -columns:], photo)


def _turn_tables(tables: npt.NDArray[np.uint16], turn: int) -> npt.NDArray[np.uint16]:
    return tables.transpose(0, 2, 1) if turn & 4 else tables

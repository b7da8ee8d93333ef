"""Every decoder decodes the photo in a captioned file as in the upload, and the strip as it was drawn."""

import os
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from tests.contract.decoders.corpus import KINDS, Sample, caption, sample
from tests.contract.decoders.decoders import DECODERS, DependencyUnavailable, Pixels

LUMA = (0.299, 0.587, 0.114)
SMOOTHED_LINES = 2
"""Lines above and below the seam that change where a decoder interpolates subsampled chroma."""
STRIP_ERRORS = {10: 30, 20: 23, 30: 18, 50: 13, 70: 9, 85: 5, 95: 3}
"""The root mean square error of a strip, in levels, that each quality's quantisation may cause."""
REENCODED_LEVELS = 24
"""The largest change of photo lines that were encoded again, in levels."""
NEUTRAL_LEVELS = 8
MISREAD = {("jpeg-js", "grey, 2x2 sampling factors")}
"""jpeg-js interleaves single components too, and expects more data than a short last restart interval has."""


class Decoded(NamedTuple):
    upload: Pixels
    captioned: Pixels


Files: TypeAlias = Mapping[str, tuple[Path, Path]]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The uploaded and the captioned file of each kind."""
    directory = tmp_path_factory.mktemp("corpus")
    found = {}
    for at, name in enumerate(KINDS):
        found[name] = (directory / f"{at}-upload.jpg", directory / f"{at}-captioned.jpg")
        found[name][0].write_bytes(sample(name).upload)
        found[name][1].write_bytes(sample(name).captioned.jpeg)
    return found


@pytest.fixture(scope="session", params=DECODERS)
def decoded(request: pytest.FixtureRequest, files: Files) -> dict[str, Decoded]:
    """The files of each kind, decoded by one decoder."""
    name: str = request.param
    kinds = [kind for kind in KINDS if (name, kind) not in MISREAD]
    try:
        images = DECODERS[name].decode([file for kind in kinds for file in files[kind]])
    except DependencyUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{name}: {reason}")
    return {kind: Decoded(*pair) for kind, pair in zip(kinds, zip(*[iter(images)] * 2, strict=True), strict=True)}


@pytest.mark.parametrize("kind", KINDS)
def test_photo_is_decoded_as_in_the_upload(decoded: dict[str, Decoded], kind: str) -> None:
    before, after = read(decoded, kind)
    wanted = sample(kind)
    unchanged = 0 if wanted.captioned.reencode_reason else lines_above_seam_row(wanted) - SMOOTHED_LINES

    assert after.shape == (wanted.captioned.height, wanted.captioned.width, 3)
    changes = np.abs(before.astype(int) - after[: wanted.photo_px])
    assert not changes[:unchanged].any()
    assert changes[unchanged:].max() < REENCODED_LEVELS


@pytest.mark.parametrize("kind", KINDS)
def test_strip_is_decoded_as_drawn(decoded: dict[str, Decoded], kind: str) -> None:
    wanted = sample(kind)
    strip = read(decoded, kind).captioned[wanted.photo_px :].astype(float)

    errors = strip @ LUMA - drawn_strip(wanted.captioned.width)
    colours = np.ptp(strip[SMOOTHED_LINES:], axis=2)

    assert np.sqrt((errors**2).mean()) < STRIP_ERRORS[wanted.kind.quality]
    assert colours.max() <= NEUTRAL_LEVELS


def read(decoded: dict[str, Decoded], kind: str) -> Decoded:
    if kind not in decoded:
        pytest.xfail("decoder bug: see MISREAD")
    return decoded[kind]


def lines_above_seam_row(wanted: Sample) -> int:
    """The number of the photo's lines that share no MCU with the strip."""
    return wanted.photo_px - wanted.photo_px % wanted.kind.mcu_height_px


@cache
def drawn_strip(width_px: int) -> npt.NDArray[np.float64]:
    """The strip for a photo of this width, decoded from a file without quantisation."""
    file = BytesIO()
    Image.new("L", (width_px, 8)).save(file, "JPEG", qtables=[[1] * 64])
    captioned = Image.open(BytesIO(caption(file.getvalue()).jpeg))
    return np.asarray(captioned, np.float64)[8:]

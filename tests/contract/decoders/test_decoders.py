"""Captioned files are read alike by every decoder, and the photo in them as it was uploaded."""

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
from tests.contract.decoders.decoders import DECODERS, DependencyUnavailable, Picture

LUMA = (0.299, 0.587, 0.114)
SMOOTHED_LINES = 2
"""Above and below the seam: decoders smooth the chroma of coarser planes across it."""
STRIP_ERRORS = {10: 30, 20: 23, 30: 18, 50: 13, 70: 9, 85: 5, 95: 3}
"""Root mean square, in levels, that a quality's own tables cost a strip of text."""
RECODED_LEVELS = 24
"""What photo lines may change by that share their blocks with the strip, or that were reencoded."""
NEUTRAL_LEVELS = 8
MISREAD = {("jpeg-js", "grey, with sampling factors that mean nothing")}
"""It takes factors of 2 for two rows of blocks, and expects more data than a last, short restart interval has."""


class Decoded(NamedTuple):
    upload: Picture
    captioned: Picture


Files: TypeAlias = Mapping[str, tuple[Path, Path]]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Of each kind, the uploaded and the captioned file."""
    directory = tmp_path_factory.mktemp("corpus")
    found = {}
    for at, name in enumerate(KINDS):
        found[name] = (directory / f"{at}-upload.jpg", directory / f"{at}-captioned.jpg")
        found[name][0].write_bytes(sample(name).upload)
        found[name][1].write_bytes(sample(name).captioned.jpeg)
    return found


@pytest.fixture(scope="session", params=DECODERS)
def decoded(request: pytest.FixtureRequest, files: Files) -> dict[str, Decoded]:
    """Of each kind, what one decoder makes of it."""
    name: str = request.param
    kinds = [kind for kind in KINDS if (name, kind) not in MISREAD]
    try:
        pictures = DECODERS[name].decode([file for kind in kinds for file in files[kind]])
    except DependencyUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{name} is not tried: {reason}")
    return {kind: Decoded(*pair) for kind, pair in zip(kinds, zip(*[iter(pictures)] * 2, strict=True), strict=True)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_photo_is_decoded_as_it_was_uploaded(decoded: dict[str, Decoded], kind: str) -> None:
    before, after = read(decoded, kind)
    wanted = sample(kind)
    untouched = 0 if wanted.captioned.reencode_reason else lines_with_their_own_blocks(wanted) - SMOOTHED_LINES

    assert after.shape == (wanted.captioned.height, wanted.captioned.width, 3)
    changes = np.abs(before.astype(int) - after[: wanted.photo_px])
    assert not changes[:untouched].any()
    assert changes[untouched:].max() < RECODED_LEVELS


@pytest.mark.parametrize("kind", KINDS)
def test_the_strip_is_decoded_as_it_was_drawn(decoded: dict[str, Decoded], kind: str) -> None:
    wanted = sample(kind)
    strip = read(decoded, kind).captioned[wanted.photo_px :].astype(float)

    errors = strip @ LUMA - drawn_strip(wanted.captioned.width)
    colours = np.ptp(strip[SMOOTHED_LINES:], axis=2)

    assert np.sqrt((errors**2).mean()) < STRIP_ERRORS[wanted.kind.quality]
    assert colours.max() <= NEUTRAL_LEVELS


def read(decoded: dict[str, Decoded], kind: str) -> Decoded:
    if kind not in decoded:
        pytest.xfail("a bug of that decoder: see MISREAD")
    return decoded[kind]


def lines_with_their_own_blocks(wanted: Sample) -> int:
    """How many lines of the photo share no MCU with the strip."""
    return wanted.photo_px - wanted.photo_px % wanted.kind.mcu_height_px


@cache
def drawn_strip(width_px: int) -> npt.NDArray[np.float64]:
    """The strip for such a photo, out of a file whose tables lose nothing."""
    file = BytesIO()
    Image.new("L", (width_px, 8)).save(file, "JPEG", qtables=[[1] * 64])
    captioned = Image.open(BytesIO(caption(file.getvalue()).jpeg))
    return np.asarray(captioned, np.float64)[8:]

"""Decoders show the damaged part of a losslessly captioned photo as they show it in the upload."""

import os
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest
from benchmarks.inputs import frames
from tests.contract.decoders.corpus import caption
from tests.contract.decoders.decoders import DECODERS, DependencyUnavailable
from tests.unit.imaging.builds import needs_default

from captiond.imaging.jpeg.header import read_header

TOLERANT = ["Pillow", "OpenCV", "FFmpeg", "IJG libjpeg 6b", "IJG libjpeg 9e", "mozjpeg", "Java ImageIO", "Chromium"]
"""The other decoders refuse damaged files."""
SMOOTHED_LINES = 2
ONES = b"\x7f\xbf\xdf\xfe\xfc\xf8"  # as in the longest code words, and in bits that are no code word
PER_KIND = 8
KINDS: dict[str, dict[str, object]] = {
    "standard tables": {},
    "optimised tables": {"optimize": True},
    "restart markers": {"restart_marker_blocks": 9},
    "optimised tables, restart markers": {"optimize": True, "restart_marker_blocks": 9},
}


def damage(jpeg: bytes, number: int) -> bytes:
    """The file with some bytes of its scan replaced, or missing in the middle or at the end."""
    chance = Random(number)  # noqa: S311 - seeded, so that a failure can be repeated
    at = chance.randrange(read_header(jpeg).scan_start, len(jpeg) - 42)
    match number % 3:
        case 0:
            return jpeg[:at] + bytes(chance.choices(ONES, k=40)) + jpeg[at + 40 :]
        case 1:
            return jpeg[:at].rstrip(b"\xff") + jpeg[at + 40 :]
        case _:
            return jpeg[:at].rstrip(b"\xff") + b"\xff\xd9"


@cache
def pairs() -> list[tuple[bytes, bytes]]:
    """Uploads that are flagged as damaged and captioned losslessly, and their captioned files."""
    scene = frames.make_frames(1)[0].crop((60, 200, 268, 344))
    found = []
    for options in KINDS.values():
        for number in range(PER_KIND):
            upload = damage(frames.encode(scene, **options), number)
            captioned = caption(upload)
            if captioned.damage and not captioned.reencode_reason:
                found.append((upload, captioned.jpeg))
    return found


@needs_default
@pytest.mark.parametrize("name", TOLERANT)
def test_damaged_photo_is_decoded_as_in_the_upload(name: str, tmp_path: Path) -> None:
    files = []
    for at, pair in enumerate(pairs()):
        for role, jpeg in zip(("upload", "captioned"), pair, strict=True):
            files.append(tmp_path / f"{at}-{role}.jpg")
            files[-1].write_bytes(jpeg)

    try:
        images = DECODERS[name].decode(files)
    except DependencyUnavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"{name}: {reason}")

    assert len(images) > 2 * PER_KIND
    for upload, captioned in zip(images[::2], images[1::2], strict=True):
        lines = len(upload) - SMOOTHED_LINES
        assert np.array_equal(upload[:lines], captioned[:lines])

"""Limits of what a photo may cost, which are checked before any pixel is decoded."""

import pytest
from PIL import Image
from tests.unit.imaging.builds import needs_default
from tests.unit.imaging.photos import encode, picture

from captiond.image import UNCHECKED
from captiond.imaging import Captioner
from captiond.imaging.errors import BadImage
from captiond.imaging.jpeg.segments import APP1, DHT, DQT, segment_bytes
from captiond.imaging.limits import require_few_segments
from captiond.imaging.style import Style

BASELINE = encode(picture())
PROGRESSIVE = encode(picture(), progressive=True)
SECOND_SCAN = PROGRESSIVE.index(b"\xff\xda", PROGRESSIVE.index(b"\xff\xda") + 2)
CAPTIONER = Captioner(Style())
EXPENSIVE = {
    "marker segments": segment_bytes(APP1, b"") * 10_000,
    "start of image": b"\xff\xd8" * 50_000,
    "fill bytes": b"\xff" * 70_000,
    "fill bytes before no marker": b"\xff" * (1 << 20) + b"\0",
    "quantisation tables": segment_bytes(DQT, bytes(65_000)) * 17,
    "Huffman tables": segment_bytes(DHT, bytes(65_000)) * 17,
}


def with_scans(times: int) -> bytes:
    """A progressive photo whose scans but the first are repeated."""
    return PROGRESSIVE[:SECOND_SCAN] + PROGRESSIVE[SECOND_SCAN:-2] * times + b"\xff\xd9"


@pytest.mark.parametrize("jpeg", [BASELINE, PROGRESSIVE, PROGRESSIVE * 20])
def test_photos_as_encoders_write_them_pass(jpeg: bytes) -> None:
    require_few_segments(jpeg, Style(max_pixels=64 * 48))


@pytest.mark.parametrize(
    ("style", "limit"),
    [(Style(), 100), (Style(max_scans=50), 50), (Style(max_pixels=64 * 48), 20), (Style(max_pixels=1), 1)],
)
def test_photo_with_too_many_scans_is_rejected(style: Style, limit: int) -> None:
    with pytest.raises(BadImage, match=f"photo has more than {limit} scans"):
        require_few_segments(with_scans(20), style)


@pytest.mark.parametrize("jpeg", [BASELINE, PROGRESSIVE], ids=["baseline", "progressive"])
@pytest.mark.parametrize("inserted", EXPENSIVE.values(), ids=EXPENSIVE.keys())
def test_photo_with_a_header_that_takes_long_to_read_is_rejected(jpeg: bytes, inserted: bytes) -> None:
    with pytest.raises(BadImage, match="more than"):
        CAPTIONER.add_caption(jpeg[:2] + inserted + jpeg[2:], "7 секунд")


def test_strip_that_takes_too_much_memory_is_rejected() -> None:
    wide = encode(picture(65_500, 8))

    with pytest.raises(BadImage, match=r"strip too large: 65500x30\d\d pixels; at most 50000000"):
        CAPTIONER.add_caption(wide, "\n" * 199 + "x")


@needs_default
def test_progressive_photo_with_too_many_restart_intervals_is_not_checked_for_damage() -> None:
    jpeg = encode(Image.new("L", (3000, 3000)), progressive=True, restart_marker_blocks=1)

    assert CAPTIONER.add_caption(jpeg, "7 секунд").damage == UNCHECKED

"""Files made after bug reports and real photos, outside the repository. Small ones like them are in other tests."""

import os
import re
from pathlib import Path

import pytest
from PIL import ImageOps
from tests.unit.imaging.builds import needs_default
from tests.unit.imaging.coefficients import read_planes
from tests.unit.imaging.photos import decode, mean_difference

from captiond.imaging import BadImage, Captioner, Style, restore
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.text.fonts import load_font
from captiond.imaging.text.shaping import TextShaper
from captiond.imaging.text.strip import draw_strip

CASES = Path(os.environ.get("CAPTIOND_CASES", Path(__file__).parents[4] / "shared/cases"))
LOSSLESS = {
    "03-double-soi": None,
    "04-mjpeg-no-dht": None,
    "06-no-eoi": None,
    "07-half-scan-eoi": "the scan ends early (MCU 41 of 80)",
    "15-ycck-long-adobe": None,
    "40-optimised-partial": None,
    "41-1080-lines-420": None,
    "42-more-than-65535-mcus": None,
    "43-restart-interval-of-half": None,
}
TURNED = ["16-orientation-as-long", "16-turned-unaligned"]
FURTHER_IMAGES = ["09-mpo", "10-ultrahdr"]
REENCODED = {
    "17-sof3": "lossless JPEG (SOF3)",
    "30-65500x8": "photo too wide",
}
REJECTED = {
    "13-dnl": "height 0 in the frame header (DNL marker)",
    "17-12bit": "12-bit samples",
    "dht_garbage": "invalid Huffman table",
    "prog_scans_100": "photo has more than 20 scans",
}

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no cases; CAPTIOND_CASES names their directory")


def test_every_case_has_an_expectation() -> None:
    expected = {*LOSSLESS, *TURNED, *FURTHER_IMAGES, *REENCODED, *REJECTED}

    assert {case.stem for case in CASES.glob("*.jpg")} == expected


@needs_default
@pytest.mark.parametrize(("name", "damage"), LOSSLESS.items(), ids=LOSSLESS.keys())
def test_case_is_captioned_losslessly(name: str, damage: str | None) -> None:
    jpeg = (CASES / f"{name}.jpg").read_bytes()

    captioned = Captioner(Style()).add_caption(jpeg, "7 секунд")

    assert (captioned.reencode_reason, captioned.damage) == (None, damage)
    assert captioned.jpeg.startswith(b"\xff\xd8\xff")
    assert captioned.jpeg.endswith(b"\xff\xd9")
    assert restore(captioned.jpeg) == jpeg
    if not damage:
        header = read_header(jpeg)
        for component, old, new in zip(header.components, read_planes(jpeg), read_planes(captioned.jpeg), strict=True):
            whole = header.height_px * component.down // header.mcu_height_px
            assert new[:whole] == old[:whole]


@needs_default
@pytest.mark.parametrize("name", TURNED)
def test_strip_is_viewed_below_a_turned_photo(name: str) -> None:
    jpeg = (CASES / f"{name}.jpg").read_bytes()

    captioned = Captioner(Style()).add_caption(jpeg, "7 секунд")

    assert captioned.reencode_reason is None
    assert restore(captioned.jpeg) == jpeg
    before, viewed = (ImageOps.exif_transpose(decode(file)) for file in (jpeg, captioned.jpeg))
    assert viewed.size == (captioned.width, captioned.height)
    photo_px = (0, 0, before.width, before.height - 16)
    assert viewed.crop(photo_px).tobytes() == before.crop(photo_px).tobytes()


@pytest.mark.parametrize("name", FURTHER_IMAGES)
def test_further_images_are_not_announced(name: str) -> None:
    jpeg = (CASES / f"{name}.jpg").read_bytes()

    captioned = Captioner(Style()).add_caption(jpeg, "7 секунд").jpeg

    assert not [mark for mark in (b"MPF\0", b"hdrgm", b"urn:iso:std:iso:ts:21496") if mark in captioned]
    assert restore(captioned) == jpeg


@pytest.mark.parametrize(("name", "reason"), REENCODED.items(), ids=REENCODED.keys())
def test_case_is_reencoded_in_its_colours(name: str, reason: str) -> None:
    jpeg = (CASES / f"{name}.jpg").read_bytes()

    captioned = Captioner(Style()).add_caption(jpeg, "7 секунд")

    assert captioned.reencode_reason == reason
    before = decode(jpeg)
    assert mean_difference(decode(captioned.jpeg).crop((0, 0, *before.size)), before) < 2


@pytest.mark.parametrize(("name", "reason"), REJECTED.items(), ids=REJECTED.keys())
def test_case_is_rejected_with_its_reason(name: str, reason: str) -> None:
    with pytest.raises(BadImage, match=re.escape(reason)):
        Captioner(Style()).add_caption((CASES / f"{name}.jpg").read_bytes(), "7 секунд")


@pytest.mark.parametrize(
    ("name", "width_px", "drawn"),
    [
        ("26-rlo", 640, "Номер: A123BC77 конец"),
        ("26-soft-hyphen", 640, "слово " * 13 + "передвижениетранспорт-\nного"),
        ("26-soft-hyphen", 300, "слово " * 7 + "\n" + "слово " * 6 + "передвиже-\nниетранспортного"),
        ("26-soft-hyphen", 1000, "слово " * 13 + "передвижениетранспортного"),
        ("26-crlf-200", 1000, "a" * 100 + "\n" + "b" * 99),
    ],
)
def test_text_of_a_case_is_drawn_as_expected(name: str, width_px: int, drawn: str) -> None:
    shaper = TextShaper(load_font(None, 12))

    strip = draw_strip((CASES / f"{name}.txt").read_bytes().decode(), width_px, shaper, Style())

    assert strip.tobytes() == draw_strip(drawn, width_px, shaper, Style()).tobytes()

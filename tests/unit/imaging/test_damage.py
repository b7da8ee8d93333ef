"""Damage of photos: it is found, and the photo is captioned nevertheless."""

from collections.abc import Iterator

import pytest
from tests.unit.imaging.photos import decode, encode, picture

from captiond.imaging import BadImage, Captioner, Style, restore
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.native import INTERPRETED, default_build

CAPTION = "7 секунд"
JPEG = encode(picture(96, 64))
ODD_HEIGHT = encode(picture(96, 63))
PROGRESSIVE = encode(picture(96, 64), progressive=True)
EOI = b"\xff\xd9"
without_native = pytest.mark.skipif(default_build() is INTERPRETED, reason="the compiled decoder was not built")


def half(jpeg: bytes) -> bytes:
    """The file up to the middle of its scan."""
    return jpeg[: (read_header(jpeg).scan_start + len(jpeg)) // 2].rstrip(b"\xff")


DAMAGED = {
    "half a scan": (half(JPEG) + EOI, "the scan ends early (MCU "),
    "half a file": (half(JPEG), "the scan ends early (MCU "),
    "header only": (JPEG[: read_header(JPEG).scan_start], "the scan ends early (MCU 0 of 24)"),
    "surplus data": (JPEG[:-2] + b"\x12\x34" + EOI, "data after the last MCU (MCU 24 of 24)"),
    "data after a surplus restart marker": (
        JPEG[:-2] + b"\xff\xd3\x12" + EOI,
        "data after the last MCU (MCU 24 of 24)",
    ),
}
REENCODED = {
    "half a scan, odd height": (half(ODD_HEIGHT) + EOI, "the scan ends early (MCU "),
    "half a file, odd height": (half(ODD_HEIGHT), "the scan ends early (MCU "),
    "wrong restart marker": (
        encode(picture(96, 64), restart_marker_blocks=4).replace(b"\xff\xd1", b"\xff\xd2"),
        "wrong restart marker (MCU 8 of 24)",
    ),
}


@pytest.fixture
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CAPTIOND_NATIVE", "0")
    default_build.cache_clear()
    yield
    default_build.cache_clear()


@without_native
@pytest.mark.parametrize(
    "jpeg", [JPEG, ODD_HEIGHT, JPEG[:-2], JPEG[:-2] + b"\xff\0" + EOI, JPEG[:-2] + b"\xff\xd3" + EOI]
)
def test_intact_photo_has_no_damage(jpeg: bytes) -> None:
    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    assert (captioned.damage, captioned.reencode_reason) == (None, None)


@without_native
@pytest.mark.parametrize(("jpeg", "damage"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_photo_is_spliced_and_flagged(jpeg: bytes, damage: str) -> None:
    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    assert captioned.damage is not None
    assert captioned.damage.startswith(damage)
    assert captioned.reencode_reason is None or "marker 0xFFD3" in captioned.reencode_reason
    assert captioned.reencode_reason or restore(captioned.jpeg) == jpeg
    drawn = decode(captioned.jpeg).convert("L").crop((0, 66, captioned.width, captioned.height)).tobytes()
    assert sorted(drawn)[len(drawn) // 3] < 40
    assert max(drawn) > 130


@without_native
@pytest.mark.parametrize(("jpeg", "damage"), REENCODED.values(), ids=REENCODED.keys())
def test_damaged_photo_that_cannot_be_spliced_is_reencoded_and_flagged(jpeg: bytes, damage: str) -> None:
    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    assert captioned.damage is not None
    assert captioned.damage.startswith(damage)
    assert captioned.reencode_reason is not None
    assert decode(captioned.jpeg).size == (captioned.width, captioned.height)


@without_native
def test_surplus_data_of_an_odd_height_are_restored() -> None:
    jpeg = ODD_HEIGHT[:-2] + b"\0\0\0" + EOI

    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    assert captioned.damage == "data after the last MCU (MCU 24 of 24)"
    assert restore(captioned.jpeg) == jpeg


@pytest.mark.parametrize("jpeg", [JPEG, ODD_HEIGHT, PROGRESSIVE])
def test_damage_is_unchecked_if_the_style_says_so(jpeg: bytes) -> None:
    assert Captioner(Style(check_damage=False)).add_caption(jpeg, CAPTION).damage == "unchecked"


@pytest.mark.usefixtures("_interpreted")
@pytest.mark.parametrize("jpeg", [JPEG, ODD_HEIGHT, half(JPEG) + EOI, PROGRESSIVE, encode(picture(96, 64, "CMYK"))])
def test_interpreted_build_does_not_check(jpeg: bytes) -> None:
    assert Captioner(Style()).add_caption(jpeg, CAPTION).damage == "unchecked"


@pytest.mark.usefixtures("_interpreted")
@pytest.mark.parametrize(
    "jpeg", [half(JPEG), JPEG[:-2], ODD_HEIGHT[:-2], PROGRESSIVE[:-2], PROGRESSIVE[: len(PROGRESSIVE) // 2]]
)
def test_missing_end_of_image_is_found_by_each_build(jpeg: bytes) -> None:
    assert Captioner(Style()).add_caption(jpeg, CAPTION).damage == "missing end of image"


def test_file_truncated_in_its_header_is_bad() -> None:
    with pytest.raises(BadImage):
        Captioner(Style()).add_caption(JPEG[:200], CAPTION)

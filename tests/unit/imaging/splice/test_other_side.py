"""Lossless captions with the strip at another side than the bottom: of photos that viewers turn, and above a photo."""

from itertools import islice

import pytest
from PIL import Image, ImageOps
from tests.unit.imaging.builds import needs_default
from tests.unit.imaging.coefficients import read_planes, recode
from tests.unit.imaging.photos import decode, encode, insert_segment, picture
from tests.unit.imaging.splice.test_splice import (
    FULL_AC,
    SAMPLINGS,
    SMOOTH,
    without_tables,
)

from captiond.imaging import BadImage, Captioned, Captioner, Style, restore
from captiond.imaging.jpeg.header import Header, read_header
from captiond.imaging.jpeg.native import INTERPRETED, default_build, is_native
from captiond.imaging.placement import place

CAPTION = "С начала фазы запрещающего сигнала прошло: 7 секунд"
CAPTIONER = Captioner(Style())
RGB = picture(96, 64)
KINDS = {
    **SAMPLINGS,
    "sides of partial MCUs, 4:4:4": encode(picture(61, 47), subsampling=0),
    "sides of partial MCUs, 4:2:2": encode(picture(61, 47), subsampling=1),
    "sides of partial MCUs, 4:2:0": encode(picture(61, 47), subsampling=2),
    "sides of partial MCUs, grey": encode(picture(61, 47, "L")),
    "sides of half MCUs": encode(picture(56, 40)),
    "narrower than an MCU": encode(picture(9, 64)),
    "lower than an MCU": encode(picture(64, 9)),
    "one pixel": encode(picture(1, 1)),
    "other Huffman tables": recode(encode(RGB)),
    "optimised tables": encode(picture(61, 47), optimize=True),
    "missing symbols in full tables": recode(encode(SMOOTH), ac=FULL_AC),
    "no Huffman tables": without_tables(encode(RGB)),
    "restarts every row": encode(RGB, restart_marker_rows=1),
    "restarts every MCU": encode(picture(61, 47), restart_marker_blocks=1),
    "restarts every 5 MCUs": encode(picture(61, 47), restart_marker_blocks=5),
    "restart interval longer than the photo": encode(RGB, restart_marker_blocks=1000),
    "fine quantisation": encode(RGB, qtables=[[1] * 64] * 2, subsampling=0),
    "coarse quantisation": encode(RGB, quality=1),
    "surplus SOI": b"\xff\xd8" + encode(RGB),
    "two images": encode(RGB) + encode(picture(32, 32)),
}


def exif(orientation: int) -> bytes:
    """An EXIF segment with an orientation."""
    return b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation]) + bytes(6)


def turned(jpeg: bytes, orientation: int) -> bytes:
    """The file with an orientation."""
    surplus = len(jpeg) - len(_without_surplus(jpeg))
    return jpeg[:surplus] + insert_segment(jpeg[surplus:], 0xE1, exif(orientation))


def caption(jpeg: bytes, captioner: Captioner = CAPTIONER, text: str = CAPTION) -> Captioned:
    captioned = captioner.add_caption(jpeg, text)
    assert captioned.reencode_reason is None
    assert captioned.damage is None or not is_native()
    return captioned


@pytest.mark.parametrize("orientation", range(3, 9))
@pytest.mark.parametrize("jpeg", KINDS.values(), ids=KINDS.keys())
def test_coefficients_of_the_photo_are_unchanged(jpeg: bytes, orientation: int) -> None:
    jpeg = turned(jpeg, orientation)

    after = caption(jpeg).jpeg

    before, joined = read_header(jpeg), read_header(after)
    side = place(orientation, "below").side
    for index, component in enumerate(before.components):
        old, new = read_planes(jpeg)[index], read_planes(after)[index]
        left = (joined.mcus_across - before.mcus_across) * component.across if side == "left" else 0
        top = len(new) - len(old) if side == "top" else 0
        whole = _blocks_without_strip(before, index) if side == "right" else len(old[0])
        rows = [row[left : left + whole] for row in islice(new, top, None)]
        assert rows == [row[:whole] for row in old]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("position", ["below", "above"])
@pytest.mark.parametrize("jpeg", KINDS.values(), ids=KINDS.keys())
def test_strip_is_viewed_on_the_right_side_and_removed_by_restoring(
    jpeg: bytes, position: str, orientation: int
) -> None:
    jpeg = turned(jpeg, orientation)
    style = Style(position="below" if position == "below" else "above")

    captioned = caption(jpeg, Captioner(style))

    assert restore(captioned.jpeg) == jpeg
    before, viewed = (
        ImageOps.exif_transpose(decode(file)).convert("L") for file in (_without_surplus(jpeg), captioned.jpeg)
    )
    assert viewed.size == (captioned.width, captioned.height)
    strip_px = viewed.height - before.height
    top = before.height + 2 if position == "below" else 0
    levels = sorted(viewed.crop((0, top, viewed.width, top + strip_px - 2)).tobytes())
    assert levels[len(levels) // 3] < 40
    assert levels[-1] > 130 or before.width < 10


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_decoded_photo_is_unchanged(orientation: int) -> None:
    jpeg = turned(encode(picture(96, 64), subsampling=0), orientation)

    before, viewed = (ImageOps.exif_transpose(decode(file)) for file in (jpeg, caption(jpeg).jpeg))

    assert viewed.crop((0, 0, *before.size)).tobytes() == before.tobytes()


@pytest.mark.parametrize("orientation", range(3, 9))
def test_strip_thinner_than_the_padding_is_joined(orientation: int) -> None:
    jpeg = turned(encode(picture(49, 49)), orientation)

    captioned = caption(jpeg, Captioner(Style(font_size_px=1, padding_px=0)), "")

    assert ImageOps.exif_transpose(decode(captioned.jpeg)).size == (captioned.width, captioned.height)
    assert restore(captioned.jpeg) == jpeg


@pytest.mark.parametrize("orientation", range(3, 9))
def test_captioned_photo_is_captioned_again_and_restored(orientation: int) -> None:
    once = caption(turned(encode(picture(61, 47), restart_marker_blocks=5), orientation)).jpeg
    twice = caption(once, text="again").jpeg

    assert restore(twice) == once


@pytest.mark.parametrize("colour", ["yellow", "#004080"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_strip_has_the_colours_of_the_style(orientation: int, colour: str) -> None:
    jpeg = turned(encode(picture(61, 47)), orientation)

    captioned = caption(jpeg, Captioner(Style(strip_colour=colour, text_colour=colour)))

    viewed = ImageOps.exif_transpose(decode(captioned.jpeg)).convert("RGB")
    corner = viewed.crop((viewed.width - 2, viewed.height - 2, viewed.width - 1, viewed.height - 1)).tobytes()
    expected = Image.new("RGB", (1, 1), colour).tobytes()
    assert max(abs(a - b) for a, b in zip(corner, expected, strict=True)) < 14


GREY = encode(Image.new("L", (48, 48), 200))  # its scan ends with padding
REENCODED = {
    "padding of zeros": (GREY[:-3] + bytes([GREY[-3] & 0xFE]) + b"\xff\xd9", "padding other than ones in the scan"),
    "surplus restart marker": (encode(RGB)[:-2] + b"\xff\xd0\xff\xd9", "data after the scan"),
    "fill bytes before a restart marker": (
        encode(RGB, restart_marker_blocks=4).replace(b"\xff\xd3", b"\xff\xff\xd3"),
        "padding other than ones in the scan",
    ),
    "no EOI": (encode(RGB)[:-2], "data after the scan"),
    "half a scan": (encode(picture(64, 96))[:800] + b"\xff\xd9", "the scan ends early"),
    "half a scan, partial MCUs": (encode(picture(61, 96))[:800] + b"\xff\xd9", "the scan ends early"),
}


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize(("jpeg", "reason"), REENCODED.values(), ids=REENCODED.keys())
def test_scan_that_cannot_be_restored_is_reencoded(jpeg: bytes, reason: str, orientation: int) -> None:
    captioned = CAPTIONER.add_caption(turned(jpeg, orientation), CAPTION)

    assert captioned.reencode_reason is not None
    assert reason in captioned.reencode_reason
    assert ImageOps.exif_transpose(decode(captioned.jpeg)).size == (captioned.width, captioned.height)


def test_photo_with_a_strip_beyond_the_limit_of_libjpeg_is_rejected() -> None:
    with pytest.raises(BadImage, match="captioned image too large: 65519x8"):
        CAPTIONER.add_caption(turned(encode(Image.new("L", (65_496, 8))), 6), "")


def test_photo_whose_seam_exceeds_the_limit_of_libjpeg_is_reencoded() -> None:
    jpeg = turned(encode(Image.new("RGB", (8, 65_500))), 6)

    captioned = CAPTIONER.add_caption(jpeg, "7")

    assert captioned.reencode_reason == "captioned image too large"
    assert (captioned.width, captioned.height) == (65_500, 8 + 23)


@pytest.mark.parametrize("native", ["0", "1"])
def test_interpreted_decoder_joins_short_scans_only(native: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_NATIVE", native)
    default_build.cache_clear()
    jpeg = turned(encode(Image.effect_noise((200, 205), 120), quality=95), 6)

    reason = CAPTIONER.add_caption(jpeg, CAPTION).reencode_reason

    is_interpreted = default_build() is INTERPRETED
    default_build.cache_clear()
    assert (reason is None) != is_interpreted
    assert reason is None or "install captiond with a C compiler" in reason


def _without_surplus(jpeg: bytes) -> bytes:
    """The file with a single SOI, as Pillow reads it."""
    return jpeg[jpeg.startswith(b"\xff\xd8\xff\xd8") * 2 :]


def _blocks_without_strip(header: Header, index: int) -> int:
    """The blocks of a component in a row that hold nothing but the photo."""
    if header.width_px % header.mcu_width_px == 0:
        return header.mcus_across * header.components[index].across
    columns = -(-header.width_px * header.components[index].across * 8 // header.mcu_width_px)
    return columns // 8


@needs_default
def test_strip_at_the_top_of_a_photo_with_too_many_restart_intervals_is_reencoded() -> None:
    jpeg = encode(Image.new("L", (808, 808)), restart_marker_blocks=1)

    captioned = CAPTIONER.add_caption(turned(jpeg, 3), "x")

    assert read_header(jpeg).mcus == 10_201
    assert captioned.reencode_reason == "strip at the top of a photo with too many restart intervals"

"""Unusual files that decoders show: surplus markers, missing tables, short metadata, unusual colours."""

import re
from io import BytesIO

import pytest
from PIL import Image
from tests.unit.imaging.builds import needs_default
from tests.unit.imaging.photos import decode, encode, insert_segment, mean_difference, picture

from captiond.imaging import BadImage, Captioner, Style, make_thumbnail, restore
from captiond.imaging.jpeg.damage import find_damage
from captiond.imaging.jpeg.segments import find_segments

CAPTION = "7 секунд"
PHOTO = picture(160, 112)
BASELINE, PROGRESSIVE = encode(PHOTO), encode(PHOTO, progressive=True)
RESTARTS = encode(PHOTO, progressive=True, restart_marker_blocks=3)
TURNED = insert_segment(BASELINE, 0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06" + bytes(6))
SOI, TEM, RST0 = b"\xff\xd8", b"\xff\x01", b"\xff\xd0"
DHT, SOF0 = 0xC4, 0xC0


def starts(jpeg: bytes, *markers: int) -> list[tuple[int, int]]:
    """The offsets of the segments with these markers, and of their ends."""
    return [(segment.start, segment.end) for segment in find_segments(jpeg) if segment.marker in markers]


def insert(jpeg: bytes, marker: int, data: bytes) -> bytes:
    """The file with data before the first segment with a marker."""
    at = starts(jpeg, marker)[0][0]
    return jpeg[:at] + data + jpeg[at:]


def without(jpeg: bytes, *numbers: int) -> bytes:
    """The file without some of its DHT segments."""
    tables = starts(jpeg, DHT)
    for number in sorted(numbers, reverse=True):
        start, end = tables[number]
        jpeg = jpeg[:start] + jpeg[end:]
    return jpeg


SURPLUS = {
    **{
        f"{name} before {marker:X}": (insert(BASELINE, marker, data), BASELINE)
        for name, data in (("SOI", SOI), ("SOI after fill bytes", b"\xff\xff" + SOI), ("TEM", TEM), ("RST0", RST0 * 3))
        for marker in (0xE0, 0xDB, 0xC0, DHT, 0xDA)
    },
    "SOI, turned": (insert(TURNED, SOF0, SOI), TURNED),
    "SOI, progressive": (insert(PROGRESSIVE, 0xDB, SOI), PROGRESSIVE),
    "SOI before the first progressive scan": (insert(PROGRESSIVE, 0xDA, SOI + TEM), PROGRESSIVE),
    "a header before the file": (BASELINE[:20] + BASELINE, BASELINE),
}


@needs_default
@pytest.mark.parametrize(("jpeg", "clean"), SURPLUS.values(), ids=SURPLUS.keys())
def test_surplus_markers_of_the_header_are_left_out(jpeg: bytes, clean: bytes) -> None:
    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    assert (captioned.reencode_reason, captioned.damage) == (None, None)
    assert restore(captioned.jpeg) == jpeg
    same = decode(Captioner(Style()).add_caption(clean, CAPTION).jpeg)
    assert decode(captioned.jpeg).tobytes() == same.tobytes()


@pytest.mark.parametrize("data", [SOI, TEM, RST0, b"\xff\xff" + SOI])
@pytest.mark.parametrize("marker", [0xDB, 0xC2, 0xDA])
def test_surplus_markers_of_a_reencoded_photo_are_left_out(data: bytes, marker: int) -> None:
    captioned = Captioner(Style()).add_caption(insert(RESTARTS, marker, data), CAPTION)

    assert captioned.reencode_reason is not None
    assert mean_difference(decode(captioned.jpeg).crop((0, 0, *PHOTO.size)), decode(RESTARTS)) < 2


@needs_default
@pytest.mark.parametrize("numbers", [(0,), (1,), (2,), (3,), (2, 3), (0, 1), (1, 2, 3)])
@pytest.mark.parametrize("photo", [PHOTO, picture(150, 115)], ids=["whole", "odd"])
def test_standard_tables_stand_in_for_each_missing_one(photo: Image.Image, numbers: tuple[int, ...]) -> None:
    whole = encode(photo)
    jpeg = without(whole, *numbers)

    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    assert (captioned.reencode_reason, captioned.damage) == (None, None)
    assert restore(captioned.jpeg) == jpeg
    assert find_damage(jpeg, 1 << 20) is None
    defined = [*re.finditer(rb"\xff\xc4", captioned.jpeg[: starts(captioned.jpeg, 0xDA)[0][0]])]
    assert len(defined) == 4 - len(numbers) + 1
    same = decode(Captioner(Style()).add_caption(whole, CAPTION).jpeg)
    assert decode(captioned.jpeg).tobytes() == same.tobytes()


SHORT = {
    "JFIF": (0xE0, b"JFIF"),
    "JFIF without version": (0xE0, b"JFIF\0\1"),
    "Adobe": (0xEE, b"Adobe"),
    "Adobe of 6 bytes": (0xEE, b"Adobe\0"),
    "ICC": (0xE2, b"ICC_PROFILE\0"),
    "ICC of 13 bytes": (0xE2, b"ICC_PROFILE\0\1"),
    "Photoshop": (0xED, b"Photoshop 3.0\x008BIM\x04\x04"),
}


@pytest.mark.parametrize(("marker", "body"), SHORT.values(), ids=SHORT.keys())
def test_metadata_that_pillow_refuses_are_ignored(marker: int, body: bytes) -> None:
    jpeg = insert_segment(RESTARTS, marker, body)

    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    plain = Captioner(Style()).add_caption(RESTARTS, CAPTION)
    assert captioned.jpeg == insert_segment(plain.jpeg, marker, body)
    assert decode(make_thumbnail(BytesIO(captioned.jpeg), 1 << 20)).size == (160, plain.height)


@pytest.mark.parametrize("transform", [1, 2, 3, 255])
@pytest.mark.parametrize("more", [b"", b"\x03\0\x10"])
def test_unknown_adobe_transform_of_cmyk_means_ycck(transform: int, more: bytes) -> None:
    jpeg = encode(picture(mode="CMYK"), restart_marker_blocks=3, progressive=True)
    jpeg = jpeg.replace(b"\xff\xee\0\x0eAdobe\0d\0\0\0\0\0", b"")
    jpeg = insert_segment(jpeg, 0xEE, b"Adobe\0d\0\0\0\0" + bytes([transform]) + more)

    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    before = decode(jpeg)
    assert captioned.reencode_reason is not None
    assert mean_difference(decode(captioned.jpeg).crop((0, 0, *before.size)), before) < 6


def rgb(jpeg: bytes) -> bytes:
    """The samples of a YCbCr photo as RGB, which an Adobe segment declares."""
    return insert_segment(jpeg[:2] + jpeg[20:], 0xEE, b"Adobe\0d\0\0\0\0\0")


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_subsampled_rgb_is_reencoded_in_its_colours(subsampling: int) -> None:
    jpeg = rgb(encode(PHOTO, subsampling=subsampling))

    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    assert captioned.reencode_reason == "colour space other than YCbCr"
    assert mean_difference(decode(captioned.jpeg).crop((0, 0, *PHOTO.size)), decode(jpeg)) < 2


REJECTED = {
    "start of image in the scan": (BASELINE[:-2] + SOI + BASELINE[-2:], "more than one start of image"),
    "scan header twice": (insert(BASELINE, 0xDA, BASELINE[slice(*starts(BASELINE, 0xDA)[0])]), "the scan ends early"),
    "progressive, no Huffman tables": (without(PROGRESSIVE, *range(len(starts(PROGRESSIVE, DHT)))), "missing Huffman"),
    "JPG marker": (insert(BASELINE, DHT, b"\xff\xc8\0\2"), "marker 0xFFC8"),
    "reserved marker": (insert(BASELINE, DHT, b"\xff\x02\0\2"), "marker 0xFF02"),
    "extension marker": (insert(BASELINE, DHT, b"\xff\xf3\0\2"), "marker 0xFFF3"),
    "restart interval of 8 bits": (insert(BASELINE, DHT, b"\xff\xdd\0\3\1"), "invalid restart interval"),
    "no quantisation table": (BASELINE.replace(b"\xff\xdb", b"\xff\xe5"), "missing quantisation table"),
}


@needs_default
@pytest.mark.parametrize(("jpeg", "reason"), REJECTED.values(), ids=REJECTED.keys())
def test_undecodable_file_is_rejected_with_its_fault(jpeg: bytes, reason: str) -> None:
    with pytest.raises(BadImage, match=reason):
        Captioner(Style()).add_caption(jpeg, CAPTION)

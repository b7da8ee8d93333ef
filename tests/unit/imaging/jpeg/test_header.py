"""Headers that are refused, each for its reason, and nothing else happens."""

import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.imaging.coefficients import recode
from tests.unit.imaging.photos import decode, encode, insert_segment, picture

from captiond.imaging import BadImage, Captioner, NotRestorable, Style, restore
from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.scan import find_scan

JPEG = encode(picture(48, 32))
GREY = encode(picture(48, 32, "L"))
SOF = JPEG.index(b"\xff\xc0")
SOS = JPEG.index(b"\xff\xda")
DQT = JPEG.index(b"\xff\xdb")
DHT = JPEG.index(b"\xff\xc4")


def patched(at: int, *values: int) -> bytes:
    return JPEG[:at] + bytes(values) + JPEG[at + len(values) :]


REFUSED = {
    "nothing": (b"", "no JPEG"),
    "a PNG": (b"\x89PNG\r\n\x1a\n", "no JPEG"),
    "SOI alone": (JPEG[:2], "no marker where one must be"),
    "no marker": (patched(DQT, 0x00), "no marker where one must be"),
    "a segment of no length": (patched(DQT + 2, 0, 0), "a segment ends past the file"),
    "a segment too long": (patched(DQT + 2, 0xFF, 0xFF), "a segment ends past the file"),
    "progressive": (patched(SOF + 1, 0xC2), "progressive"),
    "lossless": (patched(SOF + 1, 0xC3), "lossless"),
    "arithmetic": (patched(SOF + 1, 0xC9), "arithmetic coding"),
    "hierarchical": (patched(SOF + 1, 0xC5), "marker c5"),
    "DNL": (insert_segment(JPEG, 0xDC, b"\0\x20"), "marker dc"),
    "a broken DRI": (insert_segment(JPEG, 0xDD, b"\0\0\0"), "marker dd"),
    "no frame": (patched(SOF + 1, 0xEF), "0 frames before the first scan"),
    "two frames": (JPEG[:SOF] + JPEG[SOF : SOF + 19] + JPEG[SOF:], "2 frames before the first scan"),
    "12 bits": (patched(SOF + 4, 12), "12 bits deep"),
    "no height": (patched(SOF + 5, 0, 0), "its size is not in its frame"),
    "no width": (patched(SOF + 7, 0, 0), "its size is not in its frame"),
    "two components": (patched(SOF + 9, 2), "neither grey nor of three components"),
    "an empty frame": (insert_segment(GREY.replace(b"\xff\xc0", b"\xff\xef"), 0xC0, b""), "neither grey"),
    "one name twice": (patched(SOF + 13, 1), "two components of one name"),
    "factor 0": (patched(SOF + 11, 0x02), "broken sampling factors"),
    "factor 0, grey": (GREY.replace(b"\x01\x01\x11\0", b"\x01\x01\x10\0"), "broken sampling factors"),
    "factor 5": (patched(SOF + 11, 0x51), "broken sampling factors"),
    "11 blocks": (patched(SOF + 11, 0x42, 0, 2, 0x21), "too large an MCU"),
    "coarse luma": (patched(SOF + 11, 0x11, 0, 2, 0x21), "luma is not the finest component"),
    "no such quantisation table": (patched(SOF + 12, 3), "a table is missing"),
    "no such DC table": (patched(SOS + 6, 0x30), "a table is missing"),
    "no such AC table": (patched(SOS + 6, 0x03), "a table is missing"),
    "a quantisation table of 24 bits": (patched(DQT + 4, 0x20), "a broken quantisation table"),
    "a fifth quantisation table": (patched(DQT + 4, 0x04), "a broken quantisation table"),
    "a quantisation table cut short": (insert_segment(JPEG, 0xDB, bytes(20)), "a broken quantisation table"),
    "division by zero": (patched(DQT + 5, 0), "a quantisation table divides by zero"),
    "a Huffman table of class 2": (patched(DHT + 4, 0x20), "a broken Huffman table"),
    "a fifth Huffman table": (patched(DHT + 4, 0x04), "a broken Huffman table"),
    "a Huffman table cut short": (insert_segment(JPEG, 0xC4, bytes(9)), "a broken Huffman table"),
    "an overfull Huffman table": (patched(DHT + 5, 3, 0, 3), "a Huffman table is overfull"),
    "an overlong Huffman table": (
        insert_segment(JPEG, 0xC4, b"\0" + bytes([255] * 16) + bytes(255 * 16)),
        "a broken Huff",
    ),
    "DC differences of 16 bits": (patched(DHT + 32, 16), "a broken Huffman table"),
    "a word of all ones": (patched(DHT + 5, 2, 0, 4), "a Huffman table is overfull"),
    "a scan of one component": (patched(SOS + 4, 1), "more than one scan"),
    "a part of the spectrum": (patched(SOS + 12, 5), "more than one scan"),
    "components in disorder": (patched(SOS + 5, 2), "components in disorder"),
    "unknown names": (JPEG[:2] + patched(SOF + 10, 7)[20 : SOS + 5] + b"\7" + JPEG[SOS + 6 :], "may not be YCbCr"),
    "Adobe RGB": (insert_segment(JPEG, 0xEE, b"Adobe\0d\0\0\0\0\0"), "may not be YCbCr"),
    "no EOI": (JPEG[:-2], "no end of image"),
    "a lone FF at the end": (JPEG[:-1], "no end of image"),
    "fill bytes and no marker": (JPEG[:-1] + b"\xff\xff\xff", "marker 00 in the scan"),
    "a stray restart marker": (JPEG[: SOS + 40] + b"\xff\xd0" + JPEG[SOS + 40 :], "2 restart intervals instead"),
    "DNL after the scan": (JPEG[:-2] + b"\xff\xdc\0\4\0\x20\xff\xd9", "marker dc in the scan"),
    "a second scan": (JPEG[:-2] + JPEG[SOS:], "marker da in the scan"),
}


@pytest.mark.parametrize(("jpeg", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_surely_understood_is_refused(jpeg: bytes, reason: str) -> None:
    with pytest.raises(NotSpliceable, match=reason):
        find_scan(jpeg, read_header(jpeg))


def test_a_header_is_read() -> None:
    header = read_header(JPEG)

    assert (header.width_px, header.height_px) == (48, 32)
    assert (header.mcu_width_px, header.mcu_height_px, header.mcus_across, header.mcus) == (16, 16, 3, 6)
    assert JPEG[header.height_at : header.height_at + 2] == b"\0\x20"
    assert JPEG[header.sos_at : header.sos_at + 2] == b"\xff\xda"
    assert find_scan(JPEG, header).intervals == ((header.scan_at, len(JPEG) - 2),)


def test_files_that_differ_in_metadata_alone_have_the_same_components_elsewhere() -> None:
    header = read_header(JPEG)

    other = read_header(insert_segment(JPEG, 0xFE, b"north gate"))

    assert other.components == header.components
    assert (other.height_at, other.sos_at, other.scan_at) == tuple(
        at + len("north gate") + 4 for at in (header.height_at, header.sos_at, header.scan_at)
    )


def test_more_definitions_than_are_remembered_are_read_all_the_same() -> None:
    table = b"\3" + bytes([1] * 64)

    assert read_header(insert_segment(JPEG, 0xDB, table * 100)).components == read_header(JPEG).components


def test_tables_without_jfif_are_known_by_the_components_names() -> None:
    assert read_header(JPEG[:2] + JPEG[20:]).width_px == 48


ODD = [
    JPEG,
    GREY,
    encode(picture(48, 23), restart_marker_blocks=2),
    recode(encode(picture(48, 23))),
    encode(picture(48, 32), progressive=True),
    encode(picture(48, 32, "CMYK")),
]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), jpeg=st.sampled_from(ODD))
def test_any_damage_gives_a_picture_or_a_bad_image(data: st.DataObject, jpeg: bytes) -> None:
    damaged = bytearray(jpeg)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        match data.draw(st.sampled_from(("set", "cut", "drop", "insert"))):
            case "set":
                damaged[at] = data.draw(st.integers(0, 255))
            case "cut":
                damaged = damaged[: at + 1]
            case "drop":
                del damaged[at : at + 1 + data.draw(st.integers(0, 8))]
            case _:
                damaged[at:at] = data.draw(st.binary(max_size=8))
        if not damaged:
            break

    _require_picture_or_bad_image(bytes(damaged))


@settings(max_examples=100, deadline=None)
@given(jpeg=st.binary(max_size=100).map(b"\xff\xd8\xff".__add__) | st.binary(max_size=100))
@example(b"\xff\xd8" + b"\xff" * 100_000)
@example(JPEG[: SOS + 14] + b"\xff" * 100_000 + b"\0")
@example(JPEG[: SOS + 14] + b"\xff\0" * 100_000 + b"\xff\xd9")
@example(b"\xff\xd8" + b"\xff\xfe\0\2" * 20_000)
def test_any_bytes_give_a_picture_or_a_bad_image(jpeg: bytes) -> None:
    _require_picture_or_bad_image(jpeg)


@settings(deadline=None)
@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_is_noticed_or_leaves_the_upload_alone(at: int, value: int) -> None:
    spliced = bytearray(CAPTIONER.add_caption(JPEG, "слово").jpeg)
    spliced[at % len(spliced)] = value

    try:
        restored = restore(bytes(spliced))
    except NotRestorable:
        return

    assert restored == JPEG


@pytest.mark.parametrize("fields", [b"", struct.pack(">HHIII", 9, 200, 2**32 - 1, 2**32 - 1, 1)])
def test_a_broken_note_is_not_followed(fields: bytes) -> None:
    with pytest.raises(NotRestorable):
        restore(JPEG[:SOS] + insert_segment(b"\xff\xd8", 0xEA, b"captiond\0" + fields)[2:] + JPEG[SOS:])


CAPTIONER = Captioner(Style(max_pixels=1_000_000))


def _require_picture_or_bad_image(jpeg: bytes) -> None:
    try:
        captioned = CAPTIONER.add_caption(jpeg, "слово")
    except BadImage:
        return

    assert captioned.jpeg.startswith(b"\xff\xd8")
    assert decode(captioned.jpeg).size == (captioned.width, captioned.height)
    if captioned.reencode_reason is None:
        assert restore(captioned.jpeg) == jpeg

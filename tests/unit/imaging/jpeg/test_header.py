"""Parsing of headers and scans, and captioning of damaged files."""

import struct
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.imaging.coefficients import recode
from tests.unit.imaging.photos import decode, encode, insert_segment, picture

from captiond.imaging import BadImage, Captioner, NotRestorable, Style, restore
from captiond.imaging.errors import JpegError, MalformedJpeg, UnsupportedJpeg
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.scan import find_scan

JPEG = encode(picture(48, 32))
GREY = encode(picture(48, 32, "L"))
CMYK = encode(picture(48, 32, "CMYK"))
SOF = JPEG.index(b"\xff\xc0")
SOS = JPEG.index(b"\xff\xda")
DQT = JPEG.index(b"\xff\xdb")
DHT = JPEG.index(b"\xff\xc4")


def patched(at: int, *values: int) -> bytes:
    return JPEG[:at] + bytes(values) + JPEG[at + len(values) :]


MALFORMED = {
    "empty": (b"", "no start of image"),
    "PNG": (b"\x89PNG\r\n\x1a\n", "no start of image"),
    "SOI alone": (JPEG[:2], "missing marker"),
    "no marker": (patched(DQT, 0x00), "missing marker"),
    "segment of no length": (patched(DQT + 2, 0, 0), "truncated segment"),
    "segment too long": (patched(DQT + 2, 0xFF, 0xFF), "truncated segment"),
    "no frame": (patched(SOF + 1, 0xEF), "0 frame headers before the first scan"),
    "two frames": (JPEG[:SOF] + JPEG[SOF : SOF + 19] + JPEG[SOF:], "2 frame headers before the first scan"),
    "frame header of another length": (patched(SOF + 9, 2), "invalid frame header"),
    "empty frame header": (insert_segment(GREY.replace(b"\xff\xc0", b"\xff\xef"), 0xC0, b""), "invalid frame header"),
    "no width": (patched(SOF + 7, 0, 0), "width 0 in the frame header"),
    "identifier twice": (patched(SOF + 13, 1), "duplicate component identifier"),
    "factor 0": (patched(SOF + 11, 0x02), "invalid sampling factors"),
    "factor 0, grey": (GREY.replace(b"\x01\x01\x11\0", b"\x01\x01\x10\0"), "invalid sampling factors"),
    "factor 5": (patched(SOF + 11, 0x51), "invalid sampling factors"),
    "11 blocks": (patched(SOF + 11, 0x42, 0, 2, 0x21), "too many blocks per MCU"),
    "no such quantisation table": (patched(SOF + 12, 3), "missing quantisation table"),
    "no such DC table": (patched(SOS + 6, 0x30), "missing Huffman table"),
    "no such AC table": (patched(SOS + 6, 0x03), "missing Huffman table"),
    "quantisation table of 24 bits": (patched(DQT + 4, 0x20), "invalid quantisation table"),
    "fifth quantisation table": (patched(DQT + 4, 0x04), "invalid quantisation table"),
    "truncated quantisation table": (insert_segment(JPEG, 0xDB, bytes(20)), "invalid quantisation table"),
    "division by zero": (patched(DQT + 5, 0), "zero in a quantisation table"),
    "Huffman table of class 2": (patched(DHT + 4, 0x20), "invalid Huffman table"),
    "fifth Huffman table": (patched(DHT + 4, 0x04), "invalid Huffman table"),
    "truncated Huffman table": (insert_segment(JPEG, 0xC4, bytes(9)), "invalid Huffman table"),
    "oversubscribed Huffman table": (patched(DHT + 5, 3, 0, 3), "oversubscribed Huffman table"),
    "Huffman table of 4080 symbols": (
        insert_segment(JPEG, 0xC4, b"\0" + bytes([255] * 16) + bytes(255 * 16)),
        "invalid Huffman table",
    ),
    "DC differences of 16 bits": (patched(DHT + 32, 16), "invalid Huffman table"),
    "code of all ones": (patched(DHT + 5, 2, 0, 4), "oversubscribed Huffman table"),
    "restart interval of 24 bits": (insert_segment(JPEG, 0xDD, b"\0\0\0"), "invalid restart interval"),
    "components out of order": (patched(SOS + 5, 2), "scan components out of order"),
    "stray restart marker": (JPEG[: SOS + 40] + b"\xff\xd0" + JPEG[SOS + 40 :], "2 restart intervals instead of 1"),
}
UNSUPPORTED = {
    "lossless": (patched(SOF + 1, 0xC3), r"lossless JPEG \(SOF3\)"),
    "arithmetic": (patched(SOF + 1, 0xC9), "arithmetic coding"),
    "hierarchical": (patched(SOF + 1, 0xC5), "hierarchical JPEG"),
    "DNL": (insert_segment(JPEG, 0xDC, b"\0\x20"), "marker 0xFFDC"),
    "JPG": (insert_segment(JPEG, 0xC8, b""), "marker 0xFFC8"),
    "12 bits": (patched(SOF + 4, 12), "12-bit samples"),
    "no height": (patched(SOF + 5, 0, 0), r"height 0 in the frame header \(DNL marker\)"),
    "two components": (
        JPEG[:SOF] + b"\xff\xc0\0\x0e\x08\0\x20\0\x30\2\1\x11\0\2\x11\0" + JPEG[SOF + 19 :],
        "2 components",
    ),
    "subsampled luma": (patched(SOF + 11, 0x11, 0, 2, 0x21), "subsampled luma or black"),
    "subsampled black": (CMYK.replace(b"C\x11\0M", b"C\x21\0M"), "subsampled luma or black"),
    "CMYK without an Adobe marker": (CMYK.replace(b"Adobe", b"other"), "CMYK without an Adobe marker"),
    "scan of one component": (patched(SOS + 4, 1), "more than one scan"),
    "part of the spectrum": (patched(SOS + 12, 5), "more than one scan"),
    "unknown identifiers": (
        JPEG[:2] + patched(SOF + 10, 7)[20 : SOS + 5] + b"\7" + JPEG[SOS + 6 :],
        "colour space other than YCbCr",
    ),
    "JFIF segment cut short": (
        JPEG[:2] + b"\xff\xe0\0\x09JFIF\0\1\1" + patched(SOF + 10, 7)[20 : SOS + 5] + b"\7" + JPEG[SOS + 6 :],
        "colour space other than YCbCr",
    ),
    "Adobe transform 3": (insert_segment(JPEG, 0xEE, b"Adobe\0d\0\0\0\0\3"), "colour space other than YCbCr"),
    "Adobe segment cut short": (insert_segment(JPEG, 0xEE, b"Adobe\0d\0\0\0\0"), "colour space other than YCbCr"),
    "Adobe RGB": (insert_segment(JPEG, 0xEE, b"Adobe\0d\0\0\0\0\0"), "colour space other than YCbCr"),
    "DNL after the scan": (JPEG[:-2] + b"\xff\xdc\0\4\0\x20\xff\xd9", "marker 0xFFDC in the scan"),
    "second scan": (JPEG[:-2] + JPEG[SOS:], "marker 0xFFDA in the scan"),
}
REJECTED = [
    *(pytest.param(*case, MalformedJpeg, id=name) for name, case in MALFORMED.items()),
    *(pytest.param(*case, UnsupportedJpeg, id=name) for name, case in UNSUPPORTED.items()),
]


@pytest.mark.parametrize(("jpeg", "reason", "error"), REJECTED)
def test_ambiguous_file_is_rejected(jpeg: bytes, reason: str, error: type[JpegError]) -> None:
    with pytest.raises(error, match=f"^{reason}$"):
        find_scan(jpeg, read_header(jpeg))


@pytest.mark.parametrize("end", [b"", b"\xff", b"\xff\xff\xff"])
def test_scan_may_end_with_the_file(end: bytes) -> None:
    scan = find_scan(JPEG[:-2] + end, read_header(JPEG))

    assert (scan.end, scan.marker_start, scan.marker) == (len(JPEG) - 2 + len(end), len(JPEG) - 2 + len(end), None)


def test_surplus_restart_markers_are_no_intervals() -> None:
    longer = JPEG[:-2] + b"\xff\xd0\xff\xff\xd1" + JPEG[-2:]

    scan = find_scan(longer, read_header(longer))

    assert (scan.end, scan.marker_start, scan.marker) == (len(JPEG) - 2, len(longer) - 2, 0xD9)


def test_surplus_start_of_image_is_skipped() -> None:
    header = read_header(JPEG[:2] + JPEG)

    assert header.segments[0].start == 4
    assert header.components == read_header(JPEG).components


def test_file_without_huffman_tables_has_the_standard_ones() -> None:
    tables = [s for s in read_header(JPEG).segments if s.marker == 0xC4]

    header = read_header(JPEG[: tables[0].start] + JPEG[tables[-1].end :])

    assert header.components == read_header(JPEG).components


def test_header_is_parsed() -> None:
    header = read_header(JPEG)

    assert (header.width_px, header.height_px) == (48, 32)
    assert (header.mcu_width_px, header.mcu_height_px, header.mcus_across, header.mcus) == (16, 16, 3, 6)
    assert JPEG[header.height_offset : header.height_offset + 2] == b"\0\x20"
    assert JPEG[header.sos_start : header.sos_start + 2] == b"\xff\xda"
    scan = find_scan(JPEG, header)
    assert ([*scan.starts], [*scan.ends]) == ([header.scan_start], [len(JPEG) - 2])


def test_metadata_shifts_offsets_only() -> None:
    header = read_header(JPEG)

    other = read_header(insert_segment(JPEG, 0xFE, b"north gate"))

    assert other.components == header.components
    assert (other.height_offset, other.sos_start, other.scan_start) == tuple(
        at + len("north gate") + 4 for at in (header.height_offset, header.sos_start, header.scan_start)
    )


def test_header_too_large_for_the_cache_is_parsed() -> None:
    table = b"\3" + bytes([1] * 64)

    assert read_header(insert_segment(JPEG, 0xDB, table * 100)).components == read_header(JPEG).components


def test_component_identifiers_tell_ycbcr_without_jfif() -> None:
    assert read_header(JPEG[:2] + JPEG[20:]).width_px == 48


EXIF = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"  # up to the orientation
DAMAGEABLE = [
    JPEG,
    GREY,
    encode(picture(48, 23), restart_marker_blocks=2),
    recode(encode(picture(48, 23))),
    encode(picture(48, 32), progressive=True),
    CMYK,
    insert_segment(encode(picture(48, 23), restart_marker_blocks=2), 0xE1, EXIF + b"\3\0\0\0\0\0\0"),
    insert_segment(encode(picture(41, 32)), 0xE1, EXIF + b"\6\0\0\0\0\0\0"),
]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), jpeg=st.sampled_from(DAMAGEABLE))
def test_damaged_file_is_captioned_or_bad(data: st.DataObject, jpeg: bytes) -> None:
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

    _require_captioned_or_bad(bytes(damaged))


@settings(max_examples=100, deadline=None)
@given(jpeg=st.binary(max_size=100).map(b"\xff\xd8\xff".__add__) | st.binary(max_size=100))
@example(b"\xff\xd8" + b"\xff" * 100_000)
@example(JPEG[: SOS + 14] + b"\xff" * 100_000 + b"\0")
@example(JPEG[: SOS + 14] + b"\xff\0" * 100_000 + b"\xff\xd9")
@example(b"\xff\xd8" + b"\xff\xfe\0\2" * 20_000)
def test_any_bytes_are_captioned_or_bad(jpeg: bytes) -> None:
    _require_captioned_or_bad(jpeg)


@settings(deadline=None)
@given(at=st.integers(0, 10_000), value=st.integers(0, 255))
def test_changed_byte_is_detected_or_does_not_matter(at: int, value: int) -> None:
    spliced = bytearray(CAPTIONER.add_caption(JPEG, "слово").jpeg)
    spliced[at % len(spliced)] = value

    try:
        restored = restore(bytes(spliced))
    except NotRestorable:
        return

    assert restored == JPEG


@pytest.mark.parametrize("fields", [b"", struct.pack(">HHIII", 9, 200, 2**32 - 1, 2**32 - 1, 1)])
def test_invalid_restore_segment_is_rejected(fields: bytes) -> None:
    with pytest.raises(NotRestorable):
        restore(JPEG[:SOS] + insert_segment(b"\xff\xd8", 0xEA, b"captiond\0" + fields)[2:] + JPEG[SOS:])


CAPTIONER = Captioner(Style(max_pixels=1_000_000))


def _require_captioned_or_bad(jpeg: bytes) -> None:
    try:
        captioned = CAPTIONER.add_caption(jpeg, "слово")
    except BadImage:
        return

    assert captioned.jpeg.startswith(b"\xff\xd8")
    with warnings.catch_warnings(action="ignore"):  # Pillow warns about damaged EXIF data
        size = decode(captioned.jpeg).size
    assert sorted(size) == sorted((captioned.width, captioned.height))
    if captioned.reencode_reason is None:
        assert restore(captioned.jpeg) == jpeg

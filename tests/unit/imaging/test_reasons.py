"""Every reason is in words of this project: why a photo is rejected, re-encoded or damaged."""

import os
import re
from pathlib import Path
from random import Random

import pytest
from PIL import Image
from tests.unit.imaging.photos import encode, insert_segment, picture

from captiond.imaging import BadImage, Captioner, Style

CASES = Path(os.environ.get("CAPTIOND_CASES", Path(__file__).parents[4] / "shared/cases"))
CAPTION = "7 секунд"
BASELINE, PROGRESSIVE = encode(picture()), encode(picture(), progressive=True)
ORIENTATION_6 = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06" + bytes(6)


def sized(jpeg: bytes, height_px: int, width_px: int) -> bytes:
    sizes = height_px.to_bytes(2, "big") + width_px.to_bytes(2, "big")
    return jpeg.replace(b"\x08\0\x30\0\x40", b"\x08" + sizes, 1)


def frame(jpeg: bytes, marker: int, precision: int = 8) -> bytes:
    return re.sub(rb"\xff[\xc0\xc2]\0\x11\x08", bytes((0xFF, marker, 0, 0x11, precision)), jpeg, count=1)


REJECTED = {
    "empty": (b"", "not a readable JPEG: no start of image"),
    "text": (b"hello", "not a readable JPEG: no start of image"),
    "start of image alone": (b"\xff\xd8\xff", "not a readable JPEG: end of image before the first scan"),
    "half a header": (BASELINE[:200], "JPEG cannot be decoded: end of image before the first scan"),
    "half a progressive header": (PROGRESSIVE[:200], "JPEG cannot be decoded: end of image before the first scan"),
    "12 bits": (frame(BASELINE, 0xC1, 12), "not a readable JPEG: 12-bit samples"),
    "16 bits": (frame(BASELINE, 0xC1, 16), "not a readable JPEG: 16-bit samples"),
    "lossless": (frame(BASELINE, 0xC3), "JPEG cannot be decoded: lossless JPEG (SOF3)"),
    "hierarchical": (frame(BASELINE, 0xC5), "JPEG cannot be decoded: hierarchical JPEG"),
    "hierarchical, with arithmetic coding": (frame(BASELINE, 0xCF), "JPEG cannot be decoded: hierarchical JPEG"),
    "lossless, with arithmetic coding": (
        frame(BASELINE, 0xCB),
        "JPEG cannot be decoded: lossless JPEG with arithmetic coding (SOF11)",
    ),
    "JPEG-LS": (frame(BASELINE, 0xF7), "not a readable JPEG: JPEG-LS"),
    "DNL": (
        sized(BASELINE, 0, 64)[:-2] + b"\xff\xdc\0\4\0\x30\xff\xd9",
        "not a readable JPEG: height 0 in the frame header (DNL marker)",
    ),
    "height 0": (sized(PROGRESSIVE, 0, 64), "not a readable JPEG: height 0 in the frame header (DNL marker)"),
    "width 0": (sized(BASELINE, 48, 0), "not a readable JPEG: width 0 in the frame header"),
    "65501 px wide": (sized(BASELINE, 8, 65_501), "photo too large: 65501x8; at most 65500 px per side"),
    "65501 px high": (sized(BASELINE, 65_501, 8), "photo too large: 8x65501; at most 65500 px per side"),
    "too many segments": (
        BASELINE[:2] + b"\xff\xe5\0\2" * 10_000 + BASELINE[2:],
        "more than 10000 segments before the scan",
    ),
}
TOO_LARGE_WITH_STRIP = {
    "65500 px high": encode(Image.new("L", (8, 65_500))),
    "65500 px wide, turned": insert_segment(encode(Image.new("L", (65_500, 8))), 0xE1, ORIENTATION_6),
}
ADOBE_END = 18  # Pillow writes the Adobe segment first
REENCODED = {
    "DNL segment": (BASELINE[:-2] + b"\xff\xdc\0\4\0\x30\xff\xd9", "marker 0xFFDC in the scan"),
    "65500 px wide": (encode(Image.new("L", (65_500, 8))), "photo too wide"),
    "CMYK": (b"\xff\xd8" + encode(picture(mode="CMYK"))[ADOBE_END:], "CMYK without an Adobe marker"),
}
NUMBER = r"(?:0x[0-9A-F]+|\d+)"
FAULT = (
    r"the scan ends early|invalid Huffman code|more than 64 coefficients in a block|data after the last MCU|"
    r"wrong restart marker"
)
HEADER_FAULT = (
    r"(?:no|end of|missing end of) (?:start of )?image(?: before the first scan)?|missing marker|truncated segment|"
    r"(?:invalid|oversubscribed) Huffman table|invalid (?:frame|scan) header|invalid sampling factors|"
    r"(?:invalid|zero in a|missing) quantisation table(?: N)?|missing Huffman table|no scan|invalid restart interval|"
    r"more than one start of image|missing scan of a component|"
    r"too many blocks per MCU|width N in the frame header|height N in the frame header \(DNL marker\)|"
    r"(?:N|more than one) frame headers?(?: before the first scan)?|scan components out of order|"
    r"duplicate component identifier|N-bit samples|N components|marker N(?: in the scan)?|JPEG-LS|"
    r"CMYK without an Adobe marker|colour space other than YCbCr|more than one scan|subsampled luma(?: or black)?|"
    r"hierarchical JPEG|"
    r"more than N (?:fill bytes|bytes of tables)|lossless JPEG(?: with arithmetic coding)? \(SOFN\)|arithmetic coding"
)
SPLICE_FAULT = (
    r"photo too wide|captioned image too (?:high|large)|N restart intervals instead of N|"
    r"padding other than ones in the scan|data after the scan|"
    r"strip at the (?:top|left|right) of a photo with too many restart intervals|"
    r"Huffman table lacks (?:DC size N|AC symbol N|"
    r"AC symbols of the strip|the end-of-block symbol)|coefficients beyond those of 8-bit samples at the seam|"
    r"N KiB of the scan to decode, too long for the interpreted decoder; install captiond with a C compiler|"
    r"strip at the (?:top|left|right) of a photo too large for the interpreted decoder; install captiond with a C "
    r"compiler|"
    r"too much replaced data for the restore segments|more than N names of gain maps|"
    r"progressive photo(?: with restart markers| with the strip at its (?:top|left|right)|, too slow for the "
    r"interpreted decoder; install captiond with a C compiler)|progressive scans out of order|"
    r"incomplete progressive photo|quantisation table between scans|fill bytes in a progressive scan|"
    r"more than N restart intervals|Huffman table lacks (?:AC size N|symbol N|"
    r"AC symbols of blocks that photo and strip share)"
)
DAMAGE = re.compile(rf"unchecked|(?:{FAULT}) \(MCU N of N\)(?: in scan N)?|{HEADER_FAULT}")
REASON = re.compile(rf"(?:{FAULT})(?: \(MCU N of N\))?(?: in scan N)?|{HEADER_FAULT}|{SPLICE_FAULT}")
ERROR = re.compile(
    rf"(?:not a readable JPEG|JPEG cannot be decoded): (?:{HEADER_FAULT}|damaged header|damaged compressed data|"
    rf"(?:{FAULT})(?: \(MCU N of N\))?(?: in scan N)?|"
    r"truncated file)|missing quantisation table N|(?:photo|captioned image) too large: NxN; at most N px per side|"
    r"photo too large: NxN = N pixels; at most N|"
    r"photo has more than N (?:scans|marker segments|fill bytes|bytes of tables)|"
    r"strip too large: NxN pixels; at most N|more than N segments before the scan"
)


@pytest.mark.parametrize(("jpeg", "reason"), REJECTED.values(), ids=REJECTED.keys())
def test_rejected_file_has_its_reason(jpeg: bytes, reason: str) -> None:
    with pytest.raises(BadImage) as rejected:
        Captioner(Style()).add_caption(jpeg, CAPTION)

    assert str(rejected.value) == reason


@pytest.mark.parametrize("jpeg", TOO_LARGE_WITH_STRIP.values(), ids=TOO_LARGE_WITH_STRIP.keys())
def test_photo_that_the_strip_makes_too_large_is_rejected(jpeg: bytes) -> None:
    with pytest.raises(BadImage, match=r"captioned image too large: \d+x\d+; at most 65500 px per side"):
        Captioner(Style()).add_caption(jpeg, CAPTION)


@pytest.mark.parametrize(("jpeg", "reason"), REENCODED.values(), ids=REENCODED.keys())
def test_reencoded_photo_has_its_reason(jpeg: bytes, reason: str) -> None:
    assert Captioner(Style()).add_caption(jpeg, CAPTION).reencode_reason == reason


def test_arithmetic_coding_is_named_whether_libjpeg_decodes_it_or_not() -> None:
    try:
        reason = Captioner(Style()).add_caption(frame(BASELINE, 0xC9), CAPTION).reencode_reason
    except BadImage as error:
        reason = str(error).removeprefix("JPEG cannot be decoded: ")

    assert reason == "arithmetic coding"


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases; CAPTIOND_CASES names their directory")
@pytest.mark.parametrize("seed", range(4))
def test_reasons_of_damaged_cases_are_in_words(seed: int) -> None:
    captioner = Captioner(Style(max_pixels=1 << 20))
    chance = Random(seed)  # noqa: S311 - seeded, so that a failure can be repeated
    cases = sorted(CASES.glob("*.jpg"))
    assert cases
    for case in cases:
        jpeg = case.read_bytes()
        for _ in range(8):
            require_words(captioner, garble(jpeg, chance))


def garble(jpeg: bytes, chance: Random) -> bytes:
    """The file with some bytes replaced, inserted or deleted, half of them in its first kilobyte."""
    changed = bytearray(jpeg)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(chance.choice((1024, len(changed))))
        changed[at : at + chance.randint(0, 4)] = chance.randbytes(chance.randint(0, 4))
    return bytes(changed[: chance.randrange(len(changed))] if chance.random() < 0.1 else changed)


def require_words(captioner: Captioner, jpeg: bytes) -> None:
    error = reason = damage = None
    try:
        captioned = captioner.add_caption(jpeg, CAPTION)
        reason, damage = captioned.reencode_reason, captioned.damage
    except BadImage as rejected:
        error = str(rejected)
    for text, words in ((error, ERROR), (reason, REASON), (damage, DAMAGE)):
        assert text is None or words.fullmatch(without_numbers(text))


def without_numbers(reason: str) -> str:
    kept = reason.replace("64 coefficients", "@").replace("8-bit samples at", "%")
    return re.sub(NUMBER, "N", kept).replace("@", "64 coefficients").replace("%", "8-bit samples at")

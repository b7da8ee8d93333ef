"""Splices the strip into each scan of progressive photos. The upload is restored; its coefficients do not change."""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from os import environ
from pathlib import Path

import pytest
from benchmarks.photos.coefficients import Comparison, compare_coefficients
from PIL import Image
from tests.unit.imaging.builds import NATIVE, needs_compiled, needs_default
from tests.unit.imaging.photos import decode, encode, insert_segment, largest_difference, mean_difference, picture

from captiond.imaging import BadImage, Captioned, Captioner, Style, restore
from captiond.imaging.errors import JpegError, NotSpliceable
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.native import INTERPRETED, default_build
from captiond.imaging.jpeg.segments import DHT, DQT, SOS, find_segments, segment_bytes
from captiond.imaging.splice.progressive import splice_progressive

PHOTOS = Path(environ.get("CAPTIOND_PHOTOS", Path(__file__).parents[5] / "shared/photos"))
CAPTION = "7 секунд"
STRIP_PX = 23
GREY_SCRIPTS = {
    "spectral selection": "0: 0-0, 0, 0; 0: 1-2, 0, 0; 0: 3-63, 0, 0;",
    "three refinements": "0: 0-0, 0, 3; 0: 1-63, 0, 3; 0: 1-63, 3, 2; 0: 0-0, 3, 2; 0: 1-63, 2, 1; 0: 0-0, 2, 1;"
    "0: 0-0, 1, 0; 0: 1-63, 1, 0;",
}
COLOUR_SCRIPTS = {
    "spectral selection": "0,1,2: 0-0, 0, 0; 0: 1-9, 0, 0; 2: 1-63, 0, 0; 1: 1-63, 0, 0; 0: 10-63, 0, 0;",
    "separate DC scans": "0: 0-0, 0, 0; 1,2: 0-0, 0, 1; 1,2: 0-0, 1, 0; 0: 1-63, 0, 1; 0: 1-63, 1, 0;"
    "1: 1-63, 0, 0; 2: 1-63, 0, 0;",
    "refinements": "0,1,2: 0-0, 0, 2; 0: 1-5, 0, 2; 2: 1-63, 0, 1; 1: 1-63, 0, 1; 0: 6-63, 0, 2; 0: 1-63, 2, 1;"
    "0,1,2: 0-0, 2, 1; 0,1,2: 0-0, 1, 0; 2: 1-63, 1, 0; 1: 1-63, 1, 0; 0: 1-63, 1, 0;",
}
SAMPLINGS = {"4:4:4": "1x1", "4:2:2": "2x1", "4:4:0": "1x2", "4:2:0": "2x2", "4:1:1": "4x1"}
PHOTO = encode(picture(96, 64), progressive=True)
GREY = encode(picture(96, 64, "L"), progressive=True)
ORIENTATION_6 = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06" + bytes(6)

needs_cjpeg = pytest.mark.skipif(not shutil.which("cjpeg"), reason="not installed: cjpeg of libjpeg-turbo")


def caption(jpeg: bytes, text: str = CAPTION) -> Captioned:
    return Captioner(Style()).add_caption(jpeg, text)


def cjpeg(image: Image.Image, script: str, tmp_path: Path, *options: str) -> bytes:
    """The file that libjpeg-turbo writes by a scan script."""
    scans = tmp_path / "scans.txt"
    scans.write_text(script)
    pixmap = tmp_path / "photo.ppm"
    image.save(pixmap)
    command = ("cjpeg", "-scans", str(scans), *options, str(pixmap))
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def textured(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Noise whose contrast grows from left to right. The left edge is flat."""
    noise = Image.effect_noise((width, height), 60).convert(mode)
    ramp = Image.linear_gradient("L").rotate(90).resize((width, height))
    return Image.composite(noise, picture(width, height, mode), ramp)


def stripes(width: int, height: int) -> Image.Image:
    """Identical blocks, so that runs of blocks consist of correction bits."""
    line = Image.new("L", (width, 1))
    line.putdata([40 + 30 * (at % 8 // 2) for at in range(width)])
    return line.resize((width, height))


def require_lossless(upload: bytes) -> None:
    captioned = caption(upload)

    assert captioned.reencode_reason is None
    assert captioned.damage is None
    assert restore(captioned.jpeg) == upload
    assert compare_coefficients(upload, captioned.jpeg) is Comparison.EQUAL
    before, after = decode(upload), decode(captioned.jpeg)
    assert after.size == (before.width, captioned.height)
    header = read_header(upload)
    above_seam = (0, 0, before.width, max(0, before.height - before.height % header.mcu_height_px - 2))
    assert after.crop(above_seam).tobytes() == before.crop(above_seam).tobytes()
    assert mean_difference(after.crop((0, 0, *before.size)), before) < 3
    strip = after.convert("L").crop((0, before.height + 2, *after.size))
    assert mean_difference(strip, drawn_strip(before.width, strip.height)) < 9


def drawn_strip(width: int, height: int) -> Image.Image:
    """The strip for a photo of this width, without quantisation."""
    captioned = decode(caption(encode(Image.new("L", (width, 8)), qtables=[[1] * 64])).jpeg)
    return captioned.crop((0, captioned.height - height, *captioned.size))


@needs_default
@needs_cjpeg
@pytest.mark.parametrize("script", COLOUR_SCRIPTS.values(), ids=COLOUR_SCRIPTS.keys())
@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=SAMPLINGS.keys())
def test_colour_photo_of_any_height_is_spliced(script: str, sampling: str, tmp_path: Path) -> None:
    for height in range(33, 49):
        require_lossless(cjpeg(textured(91, height), script, tmp_path, "-quality", "85", "-sample", sampling))


@needs_default
@needs_cjpeg
@pytest.mark.parametrize("script", GREY_SCRIPTS.values(), ids=GREY_SCRIPTS.keys())
def test_grey_photo_of_any_height_is_spliced(script: str, tmp_path: Path) -> None:
    for height in range(33, 41):
        require_lossless(cjpeg(textured(91, height, "L"), script, tmp_path, "-quality", "85", "-grayscale"))


@needs_default
@pytest.mark.parametrize("quality", [20, 75, 95, 100])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(96, 64), (61, 43), (8, 8), (100, 57)])
def test_photo_that_pillow_writes_is_spliced(size: tuple[int, int], subsampling: int, quality: int) -> None:
    captioned = caption(encode(textured(*size), quality=quality, subsampling=subsampling, progressive=True))

    assert (captioned.reencode_reason, captioned.damage) == (None, None)


@needs_default
@pytest.mark.parametrize("image", [picture(64, 41, "L"), picture(64, 41), picture(64, 41, "CMYK")])
def test_each_colour_space_is_spliced(image: Image.Image) -> None:
    upload = encode(image, progressive=True)

    captioned = caption(upload)

    assert captioned.reencode_reason is None
    assert restore(captioned.jpeg) == upload
    assert compare_coefficients(upload, captioned.jpeg) is Comparison.EQUAL


@needs_default
@pytest.mark.parametrize("height", [64, 41])
def test_run_of_blocks_that_reaches_the_strip_ends_with_the_photo(height: int) -> None:
    flat = Image.new("RGB", (200, height), (90, 120, 60))
    flat.paste(textured(50, 20), (0, 0))

    require_lossless(encode(flat, progressive=True))
    require_lossless(encode(stripes(200, height), progressive=True, quality=95))


@needs_default
def test_captioned_photo_is_captioned_again() -> None:
    once = caption(PHOTO).jpeg

    twice = caption(once, "again").jpeg

    assert restore(twice) == once
    assert restore(once) == PHOTO


@needs_default
def test_bytes_after_the_photo_stay() -> None:
    upload = PHOTO + GREY + b"motion"

    captioned = caption(upload)

    assert captioned.jpeg.endswith(GREY + b"motion")
    assert restore(captioned.jpeg) == upload


@needs_default
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no photographs; CAPTIOND_PHOTOS names their directory")
def test_intact_progressive_photographs_are_spliced() -> None:
    paths = [path for path in sorted(PHOTOS.glob("*.jpg")) if _is_progressive(path)]
    assert paths, f"no progressive photographs in {PHOTOS}"
    for path in paths:
        upload = path.read_bytes()

        captioned = caption(upload)

        is_usual = not captioned.damage and captioned.reencode_reason != "incomplete progressive photo"
        assert (captioned.reencode_reason is None) == is_usual, path.name
        if is_usual:
            assert restore(captioned.jpeg) == upload, path.name
            assert compare_coefficients(upload, captioned.jpeg) is Comparison.EQUAL, path.name


def _is_progressive(path: Path) -> bool:
    try:
        return read_header(path.read_bytes()).is_progressive
    except JpegError:
        return False


@needs_compiled
@pytest.mark.parametrize("image", [textured(96, 64), textured(200, 43), stripes(96, 43)])
def test_interpreted_build_writes_the_same(image: Image.Image) -> None:
    jpeg = encode(image, progressive=True, quality=95)
    draw = partial(_strip, STRIP_PX)

    patches = [splice_progressive(jpeg, read_header(jpeg), draw, build=build).patch for build in (INTERPRETED, NATIVE)]

    assert patches[0] == patches[1]


def _strip(height_px: int, width_px: int) -> Image.Image:
    strip = Image.new("L", (width_px, height_px))
    strip.paste(255, (4, 4, width_px // 2, 9))
    return strip


@pytest.fixture
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CAPTIOND_NATIVE", "0")
    default_build.cache_clear()
    yield
    default_build.cache_clear()


@pytest.mark.usefixtures("_interpreted")
def test_interpreted_build_reencodes() -> None:
    assert caption(PHOTO).reencode_reason == (
        "progressive photo, too slow for the interpreted decoder; install captiond with a C compiler"
    )


def scans(jpeg: bytes) -> list[int]:
    """The offsets of the segments that define a scan and its tables."""
    segments = list(find_segments(jpeg))
    return [table.start for table, sos in pairwise(segments) if sos.marker == SOS and table.marker == DHT]


def without_scan(jpeg: bytes, number: int) -> bytes:
    starts = [*scans(jpeg), len(jpeg) - 2]
    return jpeg[: starts[number]] + jpeg[starts[number + 1] :]


def with_scan_twice(jpeg: bytes, number: int) -> bytes:
    starts = [*scans(jpeg), len(jpeg) - 2]
    return jpeg[: starts[number + 1]] + jpeg[starts[number] :]


def with_segment_before_last_scan(marker: int, body: bytes) -> bytes:
    at = scans(GREY)[-1]
    return GREY[:at] + segment_bytes(marker, body) + GREY[at:]


REENCODED = {
    "restart markers": (
        encode(picture(96, 64), progressive=True, restart_marker_blocks=4),
        "progressive photo with restart markers",
    ),
    "surplus restart marker": (GREY[:-2] + b"\xff\xd0" + GREY[-2:], "progressive photo with restart markers"),
    "fill bytes": (GREY[:-2] + b"\xff\xff\0" + GREY[-2:], "fill bytes in a progressive scan"),
    "turned": (insert_segment(PHOTO, 0xE1, ORIENTATION_6), "progressive photo with the strip at its right"),
    "without its last scan": (without_scan(GREY, -2), "incomplete progressive photo"),
    "without its second scan": (without_scan(GREY, 1), "progressive scans out of order"),
    "scan twice": (with_scan_twice(GREY, 1), "progressive scans out of order"),
    "quantisation table between scans": (
        with_segment_before_last_scan(DQT, b"\0" + bytes([1] * 64)),
        "quantisation table between scans",
    ),
    "restart interval for the last scan": (
        with_segment_before_last_scan(0xDD, b"\0\4"),
        "progressive photo with restart markers",
    ),
    "missing end": (PHOTO[:-2], "missing end of image"),
    "surplus data": (PHOTO[:-2] + b"\x12\x34" + PHOTO[-2:], "data after the last MCU (MCU "),
    "65500 px wide": (encode(Image.new("RGB", (65_500, 8)), progressive=True), "photo too wide"),
}


@needs_default
@pytest.mark.parametrize(("jpeg", "reason"), REENCODED.values(), ids=REENCODED.keys())
def test_other_photos_are_reencoded_with_a_reason(jpeg: bytes, reason: str) -> None:
    captioned = caption(jpeg)

    assert captioned.reencode_reason is not None
    assert captioned.reencode_reason.startswith(reason)
    assert decode(captioned.jpeg).height > 8 + STRIP_PX - 1


@needs_default
def test_photo_too_high_with_its_strip_is_rejected() -> None:
    with pytest.raises(BadImage, match="captioned image too large: 8x65504"):
        caption(encode(Image.new("L", (8, 65_481)), progressive=True), "")


def test_photo_too_high_for_the_strip_is_not_spliced() -> None:
    jpeg = encode(Image.new("L", (8, 16)), progressive=True)

    with pytest.raises(NotSpliceable, match="captioned image too high"):
        splice_progressive(jpeg, read_header(jpeg), partial(_strip, 65_500), build=INTERPRETED)


@needs_default
def test_photo_with_too_many_scans_is_bad() -> None:
    with pytest.raises(BadImage, match="photo has more than 5 scans"):
        Captioner(Style(max_scans=5)).add_caption(PHOTO, CAPTION)


FULL = bytes([1] * 16)  # code words of 1 to 16 bits; no further code word is possible
USEFUL = [0x10, 0x01, 0x11, 0x21, 0x02, 0x12, 0x03, 0x31, 0x04, 0x41, 0x05, 0x51, 0xF0, 0x61]


def with_full_tables(jpeg: bytes, symbols: list[int]) -> bytes:
    """The file of a flat photo with other symbols after the only one of each AC table."""
    parts, at = [], 0
    for segment in find_segments(jpeg):
        if segment.marker == DHT and segment.body[0] >> 4:
            used = segment.body[17:]
            assert len(used) == 1
            others = [symbol for symbol in symbols if symbol != used[0]][:15]
            others += [symbol for symbol in range(0xF1, 0xFF) if symbol not in others][: 15 - len(others)]
            parts += [jpeg[at : segment.start], segment_bytes(DHT, bytes((segment.body[0], *FULL, *used, *others)))]
            at = segment.end
    return b"".join((*parts, jpeg[at:]))


@needs_default
def test_strip_changes_to_coefficients_that_have_codes() -> None:
    upload = with_full_tables(encode(Image.new("L", (96, 32), 99), progressive=True, quality=50), [0x00, *USEFUL])

    captioned = caption(upload)

    assert captioned.reencode_reason is None
    assert restore(captioned.jpeg) == upload
    strip = decode(captioned.jpeg).crop((0, 34, 96, captioned.height))
    assert 0 < mean_difference(strip, drawn_strip(96, strip.height)) < 20


@needs_default
@pytest.mark.parametrize(
    ("height", "symbols", "lacks"),
    [
        (32, [0x00], "AC symbols of the strip"),
        (28, [0x00], "AC symbols of blocks that photo and strip share"),
        (32, USEFUL, "symbol 0x00"),
    ],
)
def test_photo_without_the_necessary_codes_is_reencoded(height: int, symbols: list[int], lacks: str) -> None:
    upload = with_full_tables(encode(Image.new("L", (96, height), 200), progressive=True), symbols)
    assert largest_difference(decode(upload), Image.new("L", (96, height), 200)) < 3

    assert caption(upload).reencode_reason == f"Huffman table lacks {lacks}"

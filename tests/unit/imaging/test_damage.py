"""Damage of photos: it is found, and the photo is captioned nevertheless."""

from array import array
from collections.abc import Iterator
from itertools import pairwise, product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.unit.imaging.builds import NATIVE, needs_compiled, needs_default
from tests.unit.imaging.coefficients import read_planes
from tests.unit.imaging.photos import decode, encode, insert_segment, picture

from captiond.imaging import BadImage, Captioner, Style, restore
from captiond.imaging.jpeg.damage import find_damage
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.native import INTERPRETED, Build, default_build
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.jpeg.segments import find_segments, segment_bytes

CAPTION = "7 секунд"
JPEG = encode(picture(96, 64))
ODD_HEIGHT = encode(picture(96, 63))
PROGRESSIVE = encode(picture(96, 64), progressive=True)
EOI = b"\xff\xd9"


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


@pytest.fixture(params=["interpreted", pytest.param("native", marks=needs_compiled)])
def build(request: pytest.FixtureRequest) -> Build:
    return INTERPRETED if request.param == "interpreted" else NATIVE


@pytest.fixture
def _interpreted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CAPTIOND_NATIVE", "0")
    default_build.cache_clear()
    yield
    default_build.cache_clear()


@needs_default
@pytest.mark.parametrize(
    "jpeg", [JPEG, ODD_HEIGHT, JPEG[:-2], JPEG[:-2] + b"\xff\0" + EOI, JPEG[:-2] + b"\xff\xd3" + EOI]
)
def test_intact_photo_has_no_damage(jpeg: bytes) -> None:
    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    assert (captioned.damage, captioned.reencode_reason) == (None, None)


@needs_default
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


@needs_default
@pytest.mark.parametrize(("jpeg", "damage"), REENCODED.values(), ids=REENCODED.keys())
def test_damaged_photo_that_cannot_be_spliced_is_reencoded_and_flagged(jpeg: bytes, damage: str) -> None:
    captioned = Captioner(Style()).add_caption(jpeg, CAPTION)

    assert captioned.damage is not None
    assert captioned.damage.startswith(damage)
    assert captioned.reencode_reason is not None
    assert decode(captioned.jpeg).size == (captioned.width, captioned.height)


@needs_default
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


def separate_scans(jpeg: bytes) -> bytes:
    """The same photo with a scan for each component."""
    header = read_header(jpeg)
    scans = []
    for at, (plane, component) in enumerate(zip(read_planes(jpeg), header.components, strict=True)):
        writer = ScanWriter([component], 0)
        writer.write([block for row in plane for block in row])
        ids = bytes([1, at + 1, component.table_ids, 0, 63, 0])
        scans.append(segment_bytes(0xDA, ids) + writer.finish())
    return jpeg[: header.sos_start] + b"".join(scans) + EOI


INTACT = {
    **{
        f"{mode}-{subsampling}-{size}-{options}": encode(
            picture(*size, mode), progressive=True, subsampling=subsampling, **dict([options])
        )
        for (mode, subsampling), size, options in product(
            (("L", 0), ("RGB", 0), ("RGB", 1), ("RGB", 2), ("CMYK", 0)),
            ((96, 64), (61, 43), (8, 8)),
            (("quality", 75), ("quality", 100), ("quality", 1), ("restart_marker_blocks", 3)),
        )
    },
    "CMYK": encode(picture(61, 43, "CMYK")),
    "RGB": encode(picture(61, 43), keep_rgb=True),
    "RGB, restarts": encode(picture(61, 43), keep_rgb=True, restart_marker_blocks=2),
    "several scans": separate_scans(JPEG),
    "several scans, no end": separate_scans(JPEG)[:-2],
    "surplus SOI": b"\xff\xd8" + PROGRESSIVE,
    "standard tables": JPEG[:-2],
}


@pytest.mark.parametrize("jpeg", INTACT.values(), ids=INTACT.keys())
def test_intact_file_of_any_kind_has_no_damage(jpeg: bytes, build: Build) -> None:
    assert find_damage(jpeg, 1_000_000, build) is None


SEGMENTS = [*find_segments(PROGRESSIVE)]
SCANS = [(one.end, other.start) for one, other in pairwise(SEGMENTS) if one.marker == 0xDA]
FAULTY = {
    **{
        f"scan {number} cut": (
            PROGRESSIVE[: start + (end - start) // 3].rstrip(b"\xff") + PROGRESSIVE[end:],
            f") in scan {number}",
        )
        for number, (start, end) in enumerate(SCANS, 1)
    },
    "data after a scan": (
        PROGRESSIVE[:-2] + bytes(9) + EOI,
        f"data after the last MCU (MCU 96 of 96) in scan {len(SCANS)}",
    ),
    "no restart markers": (
        insert_segment(PROGRESSIVE, 0xDD, b"\0\5"),
        "data after the last MCU (MCU 5 of 24) in scan 1",
    ),
    "too few restart markers": (
        encode(picture(96, 64), progressive=True, restart_marker_blocks=3).replace(b"\xff\xd6", b"", 1),
        "data after the last MCU (MCU 21 of 24) in scan 1",
    ),
    "scan that ends at a restart": (
        insert_segment(encode(Image.new("L", (8, 24)), progressive=True), 0xDD, b"\0\1"),
        "the scan ends early (MCU 1 of 3) in scan 1",
    ),
    "no end": (PROGRESSIVE[:-2], "missing end of image"),
    "no scan": (JPEG[: read_header(JPEG).sos_start] + EOI, "no scan"),
    "half a scan": (separate_scans(JPEG)[:-99] + EOI, "the scan ends early (MCU "),
    "CMYK": (encode(picture(61, 43, "CMYK"))[:-99] + EOI, "the scan ends early (MCU "),
    "invalid frame header": (PROGRESSIVE.replace(b"\xff\xc2\0\x11", b"\xff\xc2\0\x12", 1), "invalid frame header"),
    "invalid scan header": (PROGRESSIVE.replace(b"\xff\xda\0\x0c\3", b"\xff\xda\0\x0c\4", 1), "invalid scan header"),
    "invalid band": (PROGRESSIVE.replace(b"\1\5\2", b"\6\5\2", 1), "invalid scan header"),
    "no Huffman table": (
        PROGRESSIVE.replace(b"\xff\xda\0\x08\1\1\0", b"\xff\xda\0\x08\1\1\3", 1),
        "missing Huffman table",
    ),
    "twelve bits": (PROGRESSIVE.replace(b"\xff\xc2\0\x11\x08", b"\xff\xc2\0\x11\x0c"), "unchecked"),
    "lossless": (JPEG.replace(b"\xff\xc0", b"\xff\xc3"), "unchecked"),
}


@pytest.mark.parametrize(("jpeg", "damage"), FAULTY.values(), ids=FAULTY.keys())
def test_fault_of_any_kind_is_described(jpeg: bytes, damage: str, build: Build) -> None:
    assert damage in (find_damage(jpeg, 1_000_000, build) or "")


@needs_compiled
@settings(deadline=None, max_examples=300)
@given(
    name=st.sampled_from(sorted(INTACT)),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=4), st.integers(0, 4)), max_size=3),
)
@example(name="surplus SOI", changes=[])
def test_both_builds_describe_the_same_damage(name: str, changes: list[tuple[int, bytes, int]]) -> None:
    jpeg = bytearray(INTACT[name])
    start = jpeg.index(b"\xff\xda")
    for at, inserted, removed in changes:
        changed = start + at % (len(jpeg) - start)
        jpeg[changed : changed + removed] = inserted

    assert find_damage(bytes(jpeg), 1_000_000, NATIVE) == find_damage(bytes(jpeg), 1_000_000, INTERPRETED)


def test_additional_bits_past_the_end_of_a_progressive_scan_end_its_decoding(build: Build) -> None:
    one_coefficient = array("H", [0x01 << 8 | 8] * (1 << 16))  # each code word has 8 bits and 1 additional bit
    data = b"\0" + bytes(4)

    assert build.skip_ac(data, array("Q", [0]), (0, 1), (1, 63, False), one_coefficient) == (0, 9)

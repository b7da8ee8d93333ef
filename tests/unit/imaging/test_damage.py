"""Damage of photos: it is found, and the photo is captioned nevertheless."""

import tracemalloc
from collections.abc import Iterator
from itertools import pairwise, product
from random import Random

import pytest
from benchmarks.inputs.frames import make_frames
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.unit.imaging.builds import NATIVE, needs_compiled, needs_default
from tests.unit.imaging.coefficients import read_planes
from tests.unit.imaging.photos import decode, encode, insert_segment, picture, segments

from captiond.imaging import BadImage, Captioner, Style, restore
from captiond.imaging.jpeg.damage import find_damage
from captiond.imaging.jpeg.header import read_header
from captiond.imaging.jpeg.native import INTERPRETED, Build, default_build
from captiond.imaging.jpeg.scan_writer import ScanWriter
from captiond.imaging.jpeg.segments import find_segments, segment_bytes

CAPTION = "7 секунд"
MAX_PIXELS = 1_000_000
JPEG = encode(picture(96, 64))
ODD_HEIGHT = encode(picture(96, 63))
PROGRESSIVE = encode(picture(96, 64), progressive=True)
EOI = b"\xff\xd9"
OPTIMISED = [
    encode(make_frames(1)[0].crop((60, 200, 268, 344)), optimize=True, quality=85, **options)
    for options in ({}, {"subsampling": 0}, {"restart_marker_blocks": 9}, {"restart_marker_blocks": 7})
]
ORIENTATION_6 = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06" + bytes(6)


def half(jpeg: bytes) -> bytes:
    """The file up to the middle of its scan."""
    return jpeg[: (read_header(jpeg).scan_start + len(jpeg)) // 2].rstrip(b"\xff")


def turned(jpeg: bytes) -> bytes:
    return insert_segment(jpeg, 0xE1, ORIENTATION_6)


def garble(jpeg: bytes, seed: int) -> bytes:
    """The file with some other bytes in its scan, of many ones, as in the longest code words and in unused ones."""
    chance = Random(seed)  # noqa: S311 - seeded, so that a failure can be repeated
    at = chance.randrange(read_header(jpeg).scan_start, len(jpeg) - 42)
    return jpeg[:at] + bytes(chance.choices(b"\x7f\xbf\xdf\xfe\xfc\xf8", k=40)) + jpeg[at + 40 :]


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


@pytest.fixture(scope="module", params=["interpreted", pytest.param("native", marks=needs_compiled)])
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


@needs_default
def test_damaged_photo_is_decoded_as_in_the_upload() -> None:
    compared = 0
    for seed in range(200):
        jpeg = garble(OPTIMISED[seed % len(OPTIMISED)], seed)
        captioned = Captioner(Style()).add_caption(jpeg, CAPTION)
        if captioned.damage and not captioned.reencode_reason:
            compared += 1
            before, after = decode(jpeg), decode(captioned.jpeg)
            above_seam = (0, 0, before.width, before.height - before.height % 16 - 2)
            assert after.crop(above_seam).tobytes() == before.crop(above_seam).tobytes(), f"seed {seed}"
    assert compared > 50


@needs_default
@pytest.mark.parametrize("jpeg", OPTIMISED)
def test_huffman_tables_of_a_damaged_photo_stay_as_they_are(jpeg: bytes) -> None:
    damaged = half(jpeg) + EOI

    captioned = Captioner(Style()).add_caption(damaged, CAPTION)

    assert captioned.damage
    tables = [body for marker, body in segments(damaged) if marker == 0xC4]
    assert captioned.reencode_reason or [body for m, body in segments(captioned.jpeg) if m == 0xC4] == tables


@pytest.mark.parametrize(
    "jpeg", [JPEG, ODD_HEIGHT, PROGRESSIVE, JPEG[:-2], half(ODD_HEIGHT), PROGRESSIVE[:-9], turned(JPEG), half(JPEG)]
)
def test_damage_is_unchecked_if_the_style_says_so(jpeg: bytes) -> None:
    assert Captioner(Style(check_damage=False)).add_caption(jpeg, CAPTION).damage == "unchecked"


@needs_default
def test_turned_photo_is_checked() -> None:
    captioner = Captioner(Style())

    intact, damaged = (captioner.add_caption(jpeg, CAPTION) for jpeg in (turned(JPEG), turned(half(JPEG) + EOI)))

    assert (intact.damage, intact.reencode_reason) == (None, None)
    assert damaged.damage is not None
    assert damaged.damage.startswith("the scan ends early (MCU ")


@pytest.mark.usefixtures("_interpreted")
@pytest.mark.parametrize("jpeg", [JPEG, ODD_HEIGHT, half(JPEG) + EOI, PROGRESSIVE, encode(picture(96, 64, "CMYK"))])
def test_interpreted_build_does_not_check(jpeg: bytes) -> None:
    assert Captioner(Style()).add_caption(jpeg, CAPTION).damage == "unchecked"


MISSING_END = {
    "complete scan": (JPEG[:-2], None),
    "complete scan, odd height": (ODD_HEIGHT[:-2], None),
    "complete scan, CMYK": (encode(picture(96, 64, "CMYK"))[:-2], None),
    "half a scan": (half(JPEG), "the scan ends early (MCU "),
    "half a scan, odd height": (half(ODD_HEIGHT), "the scan ends early (MCU "),
    "progressive": (PROGRESSIVE[:-2], "missing end of image"),
    "half a progressive file": (PROGRESSIVE[: len(PROGRESSIVE) // 2], ("the scan ends early", "missing end of image")),
}


@pytest.mark.parametrize(("jpeg", "damage"), MISSING_END.values(), ids=MISSING_END.keys())
@pytest.mark.parametrize("switch", ["0", "1"])
def test_small_file_without_end_of_image_is_checked_by_each_build(
    jpeg: bytes, damage: str | tuple[str, ...] | None, switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTIOND_NATIVE", switch)
    default_build.cache_clear()

    found = Captioner(Style()).add_caption(jpeg, CAPTION).damage

    default_build.cache_clear()
    assert found is None if damage is None else (found or "").startswith(damage)


@pytest.mark.usefixtures("_interpreted")
def test_interpreted_build_does_not_check_a_large_file_without_end_of_image() -> None:
    jpeg = insert_segment(JPEG[:-2], 0xFE, bytes(65_000))
    for _ in range(4):
        jpeg = insert_segment(jpeg, 0xFE, bytes(65_000))

    assert Captioner(Style()).add_caption(jpeg, CAPTION).damage == "unchecked"


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
    "SOI before a scan": PROGRESSIVE.replace(b"\xff\xda", b"\xff\xd8\xff\xda", 1),
    "standard tables": JPEG[:-2],
}


@pytest.mark.parametrize("jpeg", INTACT.values(), ids=INTACT.keys())
def test_intact_file_of_any_kind_has_no_damage(jpeg: bytes, build: Build) -> None:
    assert find_damage(jpeg, MAX_PIXELS, build) is None


FRAME, SCAN = (
    segment_bytes(segment.marker, segment.body) for segment in find_segments(JPEG) if segment.marker in (0xC0, 0xDA)
)
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
    "no component": (JPEG.replace(FRAME, b"\xff\xc0\0\x08\x08\0\x40\0\x60\0"), "invalid frame header"),
    "sampling factor of 5": (JPEG.replace(b"\1\x22\0\2", b"\1\x52\0\2"), "invalid sampling factors"),
    "sampling factor of 0": (JPEG.replace(b"\1\x22\0\2", b"\1\x20\0\2"), "invalid sampling factors"),
    "18 blocks per MCU": (JPEG.replace(b"\1\x22\0\2", b"\1\x44\0\2"), "too many blocks per MCU"),
    "width 0": (JPEG.replace(b"\x08\0\x40\0\x60\3", b"\x08\0\x40\0\0\3"), "width 0 in the frame header"),
    "start of image after a scan": (PROGRESSIVE[:-2] + b"\xff\xd8" + EOI, "more than one start of image"),
    "no scan of a component": (
        separate_scans(JPEG)[: separate_scans(JPEG).rindex(b"\xff\xda")] + EOI,
        "missing scan of a component",
    ),
    "no DC coefficients": (
        PROGRESSIVE.replace(PROGRESSIVE[PROGRESSIVE.index(b"\xff\xda") : SCANS[0][1]], b""),
        "missing scan of a component",
    ),
    "two frames": (JPEG.replace(FRAME, FRAME * 2), "more than one frame header"),
    "scan before the frame": (JPEG.replace(FRAME, b""), "invalid scan header"),
    "scan of five components": (
        JPEG.replace(SCAN, segment_bytes(0xDA, bytes((5, 1, 0, 2, 17, 3, 17, 2, 17, 3, 17, 0, 63, 0)))),
        "invalid scan header",
    ),
    "scan with a component twice": (
        JPEG.replace(SCAN, segment_bytes(0xDA, bytes((2, 1, 0, 1, 0, 0, 63, 0)))),
        "invalid scan header",
    ),
    "scan with components out of order": (
        JPEG.replace(SCAN, segment_bytes(0xDA, bytes((2, 2, 17, 1, 0, 0, 63, 0)))),
        "scan components out of order",
    ),
    "empty scan header": (JPEG.replace(SCAN, segment_bytes(0xDA, b"")), "invalid scan header"),
    "oversubscribed Huffman table": (
        insert_segment(JPEG.replace(b"\xff\xc4", b"\xff\xfe"), 0xC4, b"\0\3" + bytes(15) + b"\0\1\2"),
        "oversubscribed Huffman table",
    ),
    "oversubscribed Huffman table, progressive": (
        PROGRESSIVE.replace(b"\xff\xc4", b"\xff\xfe").replace(
            b"\xff\xda", segment_bytes(0xC4, b"\0\3" + bytes(15) + b"\0\1\2") + b"\xff\xda", 1
        ),
        "oversubscribed Huffman table",
    ),
    "DC differences of 16 bits": (
        insert_segment(JPEG.replace(b"\xff\xc4", b"\xff\xfe"), 0xC4, b"\0\1" + bytes(15) + b"\x10"),
        "invalid Huffman table",
    ),
    "truncated Huffman table": (insert_segment(JPEG, 0xC4, bytes(9)), "invalid Huffman table"),
    "no quantisation table": (JPEG.replace(b"\xff\xdb", b"\xff\xfe"), "missing quantisation table"),
    "wrong restart marker, progressive": (
        encode(picture(96, 64), progressive=True, restart_marker_blocks=3).replace(b"\xff\xd6", b"\xff\xd5", 1),
        "wrong restart marker (MCU 21 of 24) in scan 1",
    ),
    "more pixels than allowed": (encode(Image.new("L", (1001, 1000)))[:-9], "unchecked"),
    "component twice": (JPEG.replace(b"\2\x11\1\3", b"\3\x11\1\3"), "unchecked"),
    "twelve bits": (PROGRESSIVE.replace(b"\xff\xc2\0\x11\x08", b"\xff\xc2\0\x11\x0c"), "unchecked"),
    "lossless": (JPEG.replace(b"\xff\xc0", b"\xff\xc3"), "unchecked"),
}


@pytest.mark.parametrize(("jpeg", "damage"), FAULTY.values(), ids=FAULTY.keys())
def test_fault_of_any_kind_is_described(jpeg: bytes, damage: str, build: Build) -> None:
    assert damage in (find_damage(jpeg, MAX_PIXELS, build) or "")


PIECES = [
    *(segment_bytes(segment.marker, segment.body) for segment in find_segments(JPEG) if segment.marker != 0xD9),
    *(segment_bytes(segment.marker, segment.body) for segment in find_segments(PROGRESSIVE) if segment.marker != 0xD9),
    *(segment_bytes(marker, b"") for marker in (0xC0, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD)),
    segment_bytes(0xDD, b"\0\1"),
    b"\xff\xd0",
    b"\0\1\2\3",
    EOI,
]


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

    assert find_damage(bytes(jpeg), MAX_PIXELS, NATIVE) == find_damage(bytes(jpeg), MAX_PIXELS, INTERPRETED)


@settings(deadline=None, max_examples=300)
@given(
    name=st.sampled_from(sorted(INTACT)),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=4), st.integers(0, 4)), max_size=4),
)
def test_any_bytes_have_a_damage(build: Build, name: str, changes: list[tuple[int, bytes, int]]) -> None:
    jpeg = bytearray(INTACT[name])
    for at, inserted, removed in changes:
        changed = at % (len(jpeg) + 1)
        jpeg[changed : changed + removed] = inserted

    damage = find_damage(bytes(jpeg), MAX_PIXELS, build)

    assert damage is None or damage


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=8).map(b"".join))
def test_segments_in_any_order_have_a_damage(build: Build, jpeg: bytes) -> None:
    assert find_damage(b"\xff\xd8" + jpeg, MAX_PIXELS, build) != ""


@pytest.mark.parametrize("data", [b"", b"\1", b"\1\2"])
@pytest.mark.parametrize("jpeg", [JPEG, PROGRESSIVE, turned(JPEG), ODD_HEIGHT])
def test_restart_markers_take_no_memory_out_of_proportion(jpeg: bytes, data: bytes) -> None:
    interval = b"".join(bytes((0xFF, 0xD0 + number)) + data for number in range(8))
    start = next(segment.end for segment in find_segments(jpeg) if segment.marker == 0xDA)
    flood = jpeg[:start] + interval * (400_000 // len(interval)) + EOI
    Captioner(Style()).add_caption(jpeg, CAPTION)  # fills the caches

    tracemalloc.start()
    captioned = Captioner(Style()).add_caption(flood, CAPTION)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert captioned.damage != ""
    assert peak < 4 * len(flood) + 1_000_000


def test_photo_with_too_many_restart_intervals_is_not_checked(build: Build) -> None:
    jpeg = insert_segment(encode(Image.new("L", (8, 8)), progressive=True), 0xDD, b"\0\1")
    size_at = jpeg.index(b"\xff\xc2") + 5

    assert find_damage(jpeg[:size_at] + b"\x16\x30" * 2 + jpeg[size_at + 4 :], 1 << 26, build) == "unchecked"

import os
import sys
from array import array
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import jpeglib  # type: ignore[import-untyped]  # ships no types
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.unit.imaging.builds import NATIVE, needs_compiled
from tests.unit.imaging.coefficients import FLAT_AC, FLAT_DC, binary_codes, recode
from tests.unit.imaging.photos import encode, picture

from captiond.imaging.errors import JpegError, MalformedJpeg
from captiond.imaging.jpeg import decoder_table, scan_reader
from captiond.imaging.jpeg.header import ZIGZAG, Component, Header, read_header
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.native import INTERPRETED, Build, default_build, is_native
from captiond.imaging.jpeg.scan_reader import Block, ScanReading, Tail, read_scan
from captiond.imaging.jpeg.scan_writer import ScanWriter

APP0, APP15 = 0xE0, 0xEF
PHOTOS = Path(os.environ.get("CAPTIOND_PHOTOS", Path(__file__).parents[5] / "shared/photos"))


@pytest.fixture(params=["interpreted", pytest.param("native", marks=needs_compiled)])
def build(request: pytest.FixtureRequest) -> Build:
    return INTERPRETED if request.param == "interpreted" else NATIVE


def jpegs() -> Iterator[tuple[str, bytes]]:
    for mode, subsampling in (("L", 0), ("RGB", 0), ("RGB", 1), ("RGB", 2)):
        for size in ((64, 48), (61, 43), (8, 8)):
            for options in ({}, {"optimize": True}, {"restart_marker_blocks": 3}, {"quality": 100}, {"quality": 1}):
                name = f"{mode}-{subsampling}-{size[0]}x{size[1]}-{'-'.join(options) or 'plain'}"
                yield name, encode(picture(*size, mode), **{"subsampling": subsampling, **options})
    yield "flat-tables", recode(encode(picture()))
    yield "flat-tables-interval", recode(encode(picture()), interval=5)


CASES = dict(jpegs())


@pytest.mark.parametrize("name", CASES)
def test_blocks_equal_libjpeg_coefficients(name: str, build: Build, tmp_path: Path) -> None:
    header = read_header(CASES[name])

    reading = read_scan(CASES[name], header, 0, build)

    assert reading.damage is None
    assert reading.tail
    for ours, theirs in zip(planes(reading.tail, header), libjpeg_planes(CASES[name], tmp_path), strict=True):
        np.testing.assert_array_equal(ours[: theirs.shape[0], : theirs.shape[1]], theirs)


@pytest.mark.parametrize("name", CASES)
def test_tail_written_again_equals_the_scan(name: str, build: Build) -> None:
    jpeg = CASES[name]
    header = read_header(jpeg)
    for first in range(0, header.mcus + 1, max(1, header.mcus // 7)):
        reading = read_scan(jpeg, header, first, build)

        assert reading == ScanReading(len(jpeg) - 2, len(jpeg) - 2, 0xD9, None, reading.tail)
        assert reading.tail
        assert rewrite(jpeg, header, reading.tail) == jpeg[header.scan_start : reading.end]


def test_scan_without_end_of_image_is_complete(build: Build) -> None:
    jpeg = encode(picture())[:-2]

    reading = read_scan(jpeg, read_header(jpeg), 0, build)

    assert (reading.end, reading.marker, reading.damage) == (len(jpeg), None, None)


def test_fill_bytes_before_the_marker_are_not_data(build: Build) -> None:
    jpeg = encode(picture())
    filled = jpeg[:-2] + b"\xff\xff" + jpeg[-2:]

    reading = read_scan(filled, read_header(filled), 0, build)

    assert (reading.end, reading.marker, reading.damage) == (len(jpeg) - 2, 0xD9, None)


def test_surplus_restart_marker_is_not_part_of_the_scan(build: Build) -> None:
    jpeg = encode(picture(), restart_marker_blocks=4)
    longer = jpeg[:-2] + b"\xff\xd5" + jpeg[-2:]

    reading = read_scan(longer, read_header(longer), 0, build)

    assert (reading.end, reading.marker, reading.damage) == (len(jpeg) - 2, 0xD9, None)


def test_data_after_a_surplus_restart_marker_is_damage(build: Build) -> None:
    jpeg = encode(picture(), restart_marker_blocks=4)
    header = read_header(jpeg)
    longer = jpeg[:-2] + b"\xff\xd5\x12" + jpeg[-2:]

    reading = read_scan(longer, header, None, build)

    assert reading.damage == f"data after the last MCU (MCU {header.mcus} of {header.mcus})"


def test_surplus_bytes_of_ones_are_not_damage(build: Build) -> None:
    jpeg = encode(picture())
    longer = jpeg[:-2] + b"\xff\0" + jpeg[-2:]

    reading = read_scan(longer, read_header(longer), 0, build)

    assert (reading.end, reading.marker_start, reading.damage) == (len(jpeg) - 2, len(jpeg), None)


@pytest.mark.parametrize("first", [0, 1])
def test_scan_may_end_with_a_stuffed_byte(first: int, build: Build) -> None:
    ac = bytes([0, 3]) + bytes(14) + bytes([0x00, 0xF0, 0xEF])
    jpeg = grey_jpeg("00" + "01" * 3 + "10" + "1" * 15, bytes([0, 1]) + bytes(14) + bytes([0]), ac)

    reading = read_scan(jpeg, read_header(jpeg), first, build)

    assert jpeg.endswith(b"\xff\0\xff\xd9")
    assert (reading.end, reading.damage) == (len(jpeg) - 2, None)


def test_half_a_scan_ends_early(build: Build) -> None:
    jpeg = encode(picture())
    header = read_header(jpeg)
    half = jpeg[: (header.scan_start + len(jpeg)) // 2].rstrip(b"\xff") + jpeg[-2:]

    reading = read_scan(half, header, header.mcus, build)

    assert reading.damage
    assert reading.damage.startswith("the scan ends early (MCU ")
    assert reading.tail is None
    assert reading.end == len(half) - 2


def test_data_after_the_last_mcu_is_damage_with_a_tail(build: Build) -> None:
    jpeg = encode(picture())
    header = read_header(jpeg)
    longer = jpeg[:-2] + b"\x12\x34" + jpeg[-2:]

    reading = read_scan(longer, header, 0, build)

    assert reading.damage == f"data after the last MCU (MCU {header.mcus} of {header.mcus})"
    assert (reading.end, reading.marker_start) == (len(jpeg) - 2, len(jpeg))
    assert reading.tail
    assert reading.tail == read_scan(jpeg, header, 0, build).tail


def test_code_word_that_no_table_has_is_damage(build: Build) -> None:
    jpeg = encode(picture())
    header = read_header(jpeg)
    broken = jpeg[: header.scan_start + 40] + b"\xff\0" * 4 + jpeg[header.scan_start + 40 :]

    reading = read_scan(broken, header, header.mcus, build)

    assert reading.damage
    assert reading.damage.startswith("invalid Huffman code (MCU ")


@pytest.mark.parametrize("first", [0, 1])
def test_block_of_more_than_64_coefficients_is_damage(first: int, build: Build) -> None:
    words = binary_codes(STANDARD_AC[0])
    jpeg = grey_jpeg(binary_codes(STANDARD_DC[0])[0] + words[0xF0] * 3 + words[0xF1] + "1" + words[0x01] + "1")

    reading = read_scan(jpeg, read_header(jpeg), first, build)

    assert reading.damage == "more than 64 coefficients in a block (MCU 0 of 1)"


@pytest.mark.parametrize("first", [0, 1])
def test_block_of_exactly_64_coefficients_needs_no_end(first: int, build: Build) -> None:
    words = binary_codes(STANDARD_AC[0])
    jpeg = grey_jpeg(binary_codes(STANDARD_DC[0])[0] + (words[0x01] + "1") * 63)

    assert read_scan(jpeg, read_header(jpeg), first, build).damage is None


def test_wrong_restart_marker_is_damage(build: Build) -> None:
    jpeg = encode(picture(), restart_marker_blocks=4)
    header = read_header(jpeg)
    broken = jpeg.replace(b"\xff\xd1", b"\xff\xd3", 1)

    reading = read_scan(broken, header, header.mcus, build)

    assert reading.damage == f"wrong restart marker (MCU 8 of {header.mcus})"
    assert reading.tail is None


@pytest.mark.parametrize("change", ["shorten", "lengthen"])
def test_reading_continues_at_the_restart_marker_after_damage(change: str, build: Build) -> None:
    # Deterministic, unlike the noise of `picture`: some cuts leave an interval that can be decoded.
    fractal = Image.effect_mandelbrot((96, 64), (-2, -1.5, 1, 1.5), 100).convert("RGB")
    jpeg = encode(fractal, restart_marker_blocks=4)
    header = read_header(jpeg)
    marker_at = jpeg.index(b"\xff\xd0")
    inserted = b"" if change == "shorten" else b"\x12\x34\x56"
    broken = jpeg[: marker_at - 5 * (change == "shorten")] + inserted + jpeg[marker_at:]
    moved = len(broken) - len(jpeg)

    reading = read_scan(broken, header, 4, build)
    intact = read_scan(jpeg, header, 4, build)

    assert reading.damage
    assert reading.tail
    assert intact.tail
    assert reading.tail.bit_at == intact.tail.bit_at + 8 * moved
    assert reading.tail.blocks == intact.tail.blocks
    if change == "shorten":
        assert read_scan(broken, header, 2, build).tail is None


def test_reading_may_begin_with_any_restart_interval(build: Build) -> None:
    jpeg = encode(picture(), restart_marker_blocks=4)
    header = read_header(jpeg)
    start = (jpeg.index(b"\xff\xd0") + 2, 4)

    assert read_scan(jpeg, header, 6, build, start) == read_scan(jpeg, header, 6, build)


@pytest.mark.parametrize("size", [11, 15])
def test_coefficients_beyond_those_of_8_bit_samples_are_read_as_decoders_do(size: int, build: Build) -> None:
    ac = bytes([0, 3]) + bytes(14) + bytes([0x00, size, 0x01])
    block = "00" + "01" + "1" * size + "00"
    jpeg = grey_jpeg(block, bytes([0, 1]) + bytes(14) + bytes([0]), ac)

    reading = read_scan(jpeg, read_header(jpeg), 0, build)

    assert reading.damage is None
    assert reading.tail
    assert reading.tail.blocks == [(0, [size << 16 | (1 << size) - 1, 0])]


def test_end_of_band_run_in_a_sequential_scan_is_invalid(build: Build) -> None:
    ac = bytes([0, 3]) + bytes(14) + bytes([0x00, 0x10, 0x01])
    jpeg = grey_jpeg("00" + "01" + "00", bytes([0, 1]) + bytes(14) + bytes([0]), ac)

    assert read_scan(jpeg, read_header(jpeg), 1, build).damage == "invalid Huffman code (MCU 0 of 1)"


def test_blocks_of_one_component_are_read_without_a_header(build: Build) -> None:
    jpeg = encode(picture(mode="L"))
    header = read_header(jpeg)
    tail = read_scan(jpeg, header, 0, build).tail

    blocks = scan_reader.read_blocks(jpeg[header.scan_start : -2], header.components, header.mcus, build)

    assert tail
    assert blocks == tail.blocks
    with pytest.raises(MalformedJpeg, match="the scan ends early"):
        scan_reader.read_blocks(jpeg[header.scan_start : -20], header.components, header.mcus, build)


def test_environment_selects_the_interpreted_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTIOND_NATIVE", "0")
    default_build.cache_clear()

    selected = is_native()

    default_build.cache_clear()
    assert not selected


def test_interpreted_decoder_reads_without_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg = encode(picture())
    header = read_header(jpeg)
    monkeypatch.setenv("CAPTIOND_NATIVE", "0")
    default_build.cache_clear()
    scan_reader.lay_out.cache_clear()

    steps = scan_reader.lay_out(header.components).steps
    reading = read_scan(jpeg, header, header.mcus)

    default_build.cache_clear()
    scan_reader.lay_out.cache_clear()
    assert not steps
    assert reading == read_scan(jpeg, header, header.mcus)


def test_interpreted_decoder_runs_where_none_was_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAPTIOND_NATIVE", raising=False)
    monkeypatch.setitem(sys.modules, "captiond.imaging.jpeg._native", None)
    default_build.cache_clear()

    selected = is_native()

    default_build.cache_clear()
    assert not selected


@needs_compiled
@settings(deadline=None, max_examples=400)
@given(
    name=st.sampled_from(sorted(CASES)),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(max_size=4), st.integers(0, 4)), max_size=5),
    first=st.integers(0, 60),
)
@example(name="RGB-2-61x43-restart_marker_blocks", changes=[(9, b"\xff\xd1", 0)], first=4)
def test_both_builds_read_any_bytes_the_same(name: str, changes: list[tuple[int, bytes, int]], first: int) -> None:
    jpeg = bytearray(CASES[name])
    header = read_header(CASES[name])
    for at, inserted, removed in changes:
        start = header.scan_start + at % (len(jpeg) - header.scan_start + 1)
        jpeg[start : start + removed] = inserted
    first = min(first, header.mcus)

    assert read_scan(bytes(jpeg), header, first, NATIVE) == read_scan(bytes(jpeg), header, first, INTERPRETED)


@needs_compiled
@settings(deadline=None, max_examples=300)
@given(scan=st.binary(max_size=400), interval=st.integers(0, 5), first=st.integers(0, 30), is_flat=st.booleans())
def test_both_builds_read_random_bytes_the_same(scan: bytes, interval: int, first: int, *, is_flat: bool) -> None:
    tables = (FLAT_DC, FLAT_AC) if is_flat else (STANDARD_DC[0], STANDARD_AC[0])
    components = (Component(2, 2, (), *tables), Component(1, 1, (), *tables), Component(1, 1, (), *tables))
    header = Header(80, 96, components, interval, 0, 0, 0, ())

    assert read_scan(scan, header, first, NATIVE) == read_scan(scan, header, first, INTERPRETED)


@st.composite
def huffman_tables(draw: st.DrawFn) -> bytes:
    """Codes of any lengths for some of the symbols 0 to 255, with code words left over."""
    counts = bytearray(16)
    room = (1 << 16) - 1
    for bits in sorted(draw(st.lists(st.integers(1, 16), min_size=1, max_size=40))):
        if 1 << (16 - bits) <= room:
            room -= 1 << (16 - bits)
            counts[bits - 1] += 1
    return bytes(counts) + bytes(draw(st.permutations(range(256)))[: sum(counts)])


ONE_BIT_ZERO_RUN = bytes((1, 1, *bytes(14), 0xF0, 0x00))
LONG_DC = bytes((*bytes(15), 255, *range(255)))
"""Code words of 16 bits, of which few are valid differences."""


@needs_compiled
@settings(deadline=None, max_examples=300)
@given(
    table=huffman_tables(),
    dc_table=st.one_of(st.sampled_from(STANDARD_DC), huffman_tables()),
    scan=st.binary(max_size=200).map(lambda scan: scan.replace(b"\xff", b"\xff\0")),
)
@example(table=ONE_BIT_ZERO_RUN, dc_table=STANDARD_DC[0], scan=b"\x55\x00\x12\x34" * 10)
@example(table=STANDARD_AC[0], dc_table=STANDARD_DC[0], scan=bytes(range(200)))
@example(table=STANDARD_AC[0], dc_table=STANDARD_DC[0], scan=b"\x28" * 400)
@example(table=STANDARD_AC[0], dc_table=STANDARD_DC[0], scan=b"\x28\xa2\x8a" * 300)
@example(table=STANDARD_AC[0], dc_table=LONG_DC, scan=b"\xff\0\xfa" * 60)
@example(table=STANDARD_AC[0], dc_table=STANDARD_DC[0], scan=b"\x28" * 24 + b"\xff\xd9" + bytes(20))
def test_steps_pass_the_same_coefficients_as_single_symbols(table: bytes, dc_table: bytes, scan: bytes) -> None:
    dc = INTERPRETED.make_table(dc_table, scan_reader.DC_SYMBOLS)
    ac = INTERPRETED.make_table(table, frozenset(range(256)))
    steps = decoder_table.make_steps(dc, ac)
    assert NATIVE.make_steps
    assert NATIVE.make_steps(dc, ac) == steps
    results = []
    predictors = []
    for build, used, predict in product((INTERPRETED, NATIVE), (steps[:0], steps), (True, False)):
        decoder = build.decoder(scan, 0, array("i", (0, 1000, 0, 0, 0, len(dc), 0)), dc + ac, used)
        is_intact = decoder.skip(900, predict=predict)
        results.append((is_intact, decoder.fault, decoder.mcu, is_intact and decoder.position()))
        if predict:
            predictors.append(decoder.predictors())

    assert results == [results[0]] * 8
    assert predictors == [predictors[0]] * 4


@pytest.mark.skipif(not PHOTOS.is_dir(), reason="no photographs; CAPTIOND_PHOTOS names their directory")
@pytest.mark.parametrize("path", sorted(PHOTOS.glob("*.jpg")), ids=lambda path: path.stem)
def test_photograph_equals_libjpeg_coefficients(path: Path, tmp_path: Path) -> None:
    jpeg = path.read_bytes()
    try:
        header = read_header(jpeg)
    except JpegError as unsupported:
        pytest.skip(f"not possible here: {unsupported}")
    if header.mcus > 20_000:
        pytest.skip("not possible here: photo too large for this comparison")

    reading = read_scan(jpeg, header, 0, NATIVE)

    if reading.damage:
        return
    assert reading.tail
    rewritten = rewrite(jpeg, header, reading.tail)
    if len(rewritten) == reading.end - header.scan_start:  # else the photo has surplus padding
        assert rewritten == jpeg[header.scan_start : reading.end]
    try:
        expected = libjpeg_planes(jpeg, tmp_path)
    except OSError as error:
        pytest.skip(f"not possible here: jpeglib: {error}")
    for ours, theirs in zip(planes(reading.tail, header), expected, strict=True):
        np.testing.assert_array_equal(ours[: theirs.shape[0], : theirs.shape[1]], theirs)


def grey_jpeg(block: str, dc: bytes = STANDARD_DC[0], ac: bytes = STANDARD_AC[0]) -> bytes:
    """One block of 8x8 pixels, in these bits."""
    plain = encode(Image.new("L", (8, 8)))
    header = read_header(plain)
    tables = b"\0" + dc + b"\x10" + ac
    bits = block + "1" * (-len(block) % 8)
    scan = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    dht = b"\xff\xc4" + (2 + len(tables)).to_bytes(2, "big") + tables
    return plain[: header.sos_start] + dht + plain[header.sos_start : header.scan_start] + scan + plain[-2:]


def rewrite(jpeg: bytes, header: Header, tail: Tail) -> bytes:
    """The scan up to the tail as it is, and the tail encoded."""
    at, bits = divmod(tail.bit_at, 8)
    writer = ScanWriter(header.components, header.restart_interval)
    writer.resume(tail.mcu, tail.predictors, f"{jpeg[at]:08b}"[:bits] if bits else "")
    writer.write(tail.blocks)
    return jpeg[header.scan_start : at] + writer.finish()


def planes(tail: Tail, header: Header) -> list[npt.NDArray[np.int64]]:
    """Coefficients as rows and columns of blocks, of a tail that is the whole scan."""
    rows = header.mcus // header.mcus_across
    found = [np.zeros((rows * c.down, header.mcus_across * c.across, 64), np.int64) for c in header.components]
    blocks = iter(tail.blocks)
    for mcu in range(header.mcus):
        row, column = divmod(mcu, header.mcus_across)
        for plane, c in zip(found, header.components, strict=True):
            for down in range(c.down):
                for across in range(c.across):
                    plane[row * c.down + down, column * c.across + across] = coefficients(next(blocks))
    return [plane[:, :, list(ZIGZAG)] for plane in found]


def coefficients(block: Block) -> list[int]:
    """In zigzag order."""
    found = [block[0]]
    for entry in block[1]:
        symbol, number = entry >> 16, entry & 0xFFFF
        if not symbol:
            break
        size = symbol & 15
        value = number if not size or number >> (size - 1) else number + 1 - (1 << size)
        found += [0] * (symbol >> 4) + [value]
    return found + [0] * (64 - len(found))


def libjpeg_planes(jpeg: bytes, tmp_path: Path) -> list[npt.NDArray[np.int64]]:
    """The same, by an independent decoder."""
    path = tmp_path / "photo.jpg"
    kept = [s for s in read_header(jpeg).segments if not APP0 <= s.marker <= APP15]  # jpeglib reads few of them
    path.write_bytes(b"\xff\xd8" + b"".join(jpeg[s.start : s.end] for s in kept) + jpeg[kept[-1].end :])
    read = jpeglib.read_dct(str(path))
    found = [plane for plane in (read.Y, read.Cb, read.Cr, read.K) if plane is not None]
    return [plane.reshape(*plane.shape[:2], 64).astype(np.int64) for plane in found]

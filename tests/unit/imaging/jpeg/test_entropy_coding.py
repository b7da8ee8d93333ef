"""Writing of blocks, in both builds, and reading of the same."""

from array import array
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.imaging.coefficients import FLAT_AC, FLAT_DC, binary_codes

from captiond.imaging.errors import JpegError, MalformedJpeg, MissingHuffmanCode
from captiond.imaging.jpeg import scan_writer
from captiond.imaging.jpeg.coefficients import pack_blocks, unpack_blocks
from captiond.imaging.jpeg.header import Component
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.native import INTERPRETED, default_build
from captiond.imaging.jpeg.scan import restart_marker
from captiond.imaging.jpeg.scan_reader import Block, read_blocks
from captiond.imaging.jpeg.scan_writer import GreyMcus, ScanWriter

TABLES = [(STANDARD_DC[0], STANDARD_AC[0]), (STANDARD_DC[1], STANDARD_AC[1]), (FLAT_DC, FLAT_AC)]
ONLY_END_OF_BLOCK = bytes((1, *bytes(15), 0x00))
any_build = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["interpreted", "default"], autouse=True)
def _build(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param == "interpreted":
        monkeypatch.setenv("CAPTIOND_NATIVE", "0")
    default_build.cache_clear()
    yield
    default_build.cache_clear()


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """Any block: values of any size, long runs of zeros, with and without an end of block."""
    symbols: list[int] = []
    at = 1
    while at < 64 and draw(st.integers(0, 20)):
        size = draw(st.integers(1, 10))
        run = draw(st.integers(0, min(63 - at, 40)))
        symbols += [0xF0 << 16] * (run // 16)
        symbols.append((run % 16 * 16 + size) << 16 | draw(st.integers(0, 2**size - 1)))
        at += run + 1
    if at < 64:
        symbols.append(0)
    return draw(st.integers(-1023, 1023)), symbols


def write(written: list[Block], components: list[Component], interval: int = 0) -> bytes:
    writer = ScanWriter(components, interval)
    writer.write(written)
    return writer.finish()


@any_build
@given(written=st.lists(blocks(), min_size=1, max_size=12), tables=st.sampled_from(TABLES))
def test_reader_returns_written_blocks(written: list[Block], tables: tuple[bytes, bytes]) -> None:
    components = [Component(1, 1, (), *tables)]

    assert read_blocks(write(written, components), components, len(written)) == written


@any_build
@given(written=st.lists(blocks(), min_size=1, max_size=12), tables=st.sampled_from(TABLES))
def test_both_builds_write_the_same(written: list[Block], tables: tuple[bytes, bytes]) -> None:
    components = [Component(1, 1, (), *tables)]
    plan, codes = scan_writer.make_plan(tuple(components))

    encoders = [build.encoder(plan, codes, [7], (0b101, 3)) for build in (INTERPRETED, default_build())]
    for encoder in encoders:
        encoder.write(written)

    assert encoders[0].finish() == encoders[1].finish()


@any_build
@given(written=st.lists(blocks(), min_size=8, max_size=8), interval=st.integers(0, 5), tables=st.sampled_from(TABLES))
def test_grey_mcus_are_written_like_their_blocks(
    written: list[Block], interval: int, tables: tuple[bytes, bytes]
) -> None:
    components = [Component(2, 2, (), *tables), *[Component(1, 1, (), *tables)] * 2]
    coefficients = array("i", bytes(4 * 64 * 8))
    unpack_blocks(written, coefficients)
    black = [(-64, [0]), (3, [0]), (0, [0])]
    rest = [*[black[0]] * 4, *black[1:]]
    mcus = [*written[:4], *black[1:], *rest * 2, *written[4:], *black[1:], *rest * 2]

    writer = ScanWriter(components, interval)
    writer.write_grey(GreyMcus(coefficients, 0, array("q", [-64, 3, 0]), 3, 2))

    assert writer.finish() == write(mcus, components, interval)


def test_long_grey_mcus_are_written_like_their_blocks() -> None:
    components = [Component(1, 1, (), STANDARD_DC[0], STANDARD_AC[0])]
    coefficients = array("i", [1000, -1000]) * (32 * 40)
    writer = ScanWriter(components, 0)

    writer.write_grey(GreyMcus(coefficients, 0, array("q", [0]), 20, 2))

    assert writer.finish() == write(pack_blocks(coefficients), components)


@pytest.mark.parametrize(("ac", "block"), [(ONLY_END_OF_BLOCK, (0, [1 << 16 | 1, 0])), (bytes(16), (0, [0]))])
def test_missing_code_of_a_grey_mcu_raises(ac: bytes, block: Block) -> None:
    coefficients = array("i", bytes(4 * 64))
    unpack_blocks([block], coefficients)
    writer = ScanWriter([Component(1, 1, (), STANDARD_DC[0], ac)], 0)

    with pytest.raises(MissingHuffmanCode):
        writer.write_grey(GreyMcus(coefficients, 0, array("q", [0]), 1, 1))


def test_grey_strip_of_no_rows_is_empty() -> None:
    writer = ScanWriter([Component(1, 1, (), STANDARD_DC[0], STANDARD_AC[0])], 0)

    writer.write_grey(GreyMcus(array("i"), 0, array("q", [0]), 1, 0))

    assert writer.finish() == b""


@pytest.mark.parametrize("table", [*STANDARD_DC, *STANDARD_AC, FLAT_DC, FLAT_AC, bytes(16)])
def test_codes_are_those_of_the_huffman_table(table: bytes) -> None:
    codes = default_build().make_codes(table)

    words = {symbol: f"{code >> 5:0{code & 31}b}" for symbol, code in enumerate(codes) if code}
    assert words == binary_codes(table)


def test_blocks_with_symbols_that_lack_codes_are_found() -> None:
    components = (Component(2, 1, (), *TABLES[0]), Component(1, 1, (), STANDARD_DC[1], ONLY_END_OF_BLOCK))
    flat, inked = (5, [0]), (5, [0x01 << 16 | 1, 0])

    found = default_build().find_unwritable(*scan_writer.make_plan(components), [inked, flat, flat] + [inked] * 6)

    assert found == [5, 8]


@any_build
@given(written=st.lists(blocks(), min_size=2, max_size=12), interval=st.integers(1, 3))
def test_restart_interval_is_readable_alone(written: list[Block], interval: int) -> None:
    components = [Component(1, 1, (), *TABLES[0])]

    scan = write(written, components, interval)

    count = -(-len(written) // interval)
    for at in range(count):
        end = scan.find(restart_marker(at)) if at < count - 1 else len(scan)
        expected = written[at * interval : (at + 1) * interval]
        assert read_blocks(scan[:end], components, len(expected)) == expected
        scan = scan[end + 2 :]


@any_build
@given(scan=st.binary(max_size=200), tables=st.sampled_from(TABLES))
def test_any_bytes_are_read_or_rejected(scan: bytes, tables: tuple[bytes, bytes]) -> None:
    try:
        read = read_blocks(scan, [Component(1, 1, (), *tables)], 20)
    except JpegError:
        return

    assert len(read) == 20


@pytest.mark.parametrize("mcus", [1, 1000])
def test_truncated_scan_is_rejected(mcus: int) -> None:
    with pytest.raises(MalformedJpeg, match="the scan ends early"):
        read_blocks(b"\0" * 4, [Component(1, 1, (), *TABLES[0])], mcus)


def test_dc_difference_without_code_is_named() -> None:
    with pytest.raises(MissingHuffmanCode, match="Huffman table lacks DC size 3"):
        write([(5, [0])], [Component(1, 1, (), ZERO_DC, STANDARD_AC[0])])


@pytest.mark.parametrize(("value", "size"), [(4096, 13), (-4096, 13), (1 << 40, 41)])
def test_dc_difference_beyond_the_format_is_named(value: int, size: int) -> None:
    with pytest.raises(MissingHuffmanCode, match=f"Huffman table lacks DC size {size}"):
        write([(value, [0])], [Component(1, 1, (), *TABLES[0])])


def test_ac_symbol_without_code_is_named() -> None:
    with pytest.raises(MissingHuffmanCode, match="Huffman table lacks AC symbol 0x11"):
        write([(0, [0x11 << 16 | 1, 0])], [Component(1, 1, (), STANDARD_DC[0], bytes([0, 1, *[0] * 14, 0]))])


ZERO_DC = bytes([1]) + bytes(15) + b"\0"
IMPOSSIBLE = {
    "DC of 16 bits": (bytes([1]) + bytes(15) + b"\x10", STANDARD_AC[0]),
    "AC of 0 bits": (ZERO_DC, bytes([1]) + bytes(15) + b"\x10"),
    "run past the end of the block": (ZERO_DC, bytes([1]) + bytes(15) + b"\xf0"),
    "no such code": (ZERO_DC, bytes(16)),
}


@pytest.mark.parametrize(("dc", "ac"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_invalid_symbol_is_rejected(dc: bytes, ac: bytes) -> None:
    with pytest.raises(MalformedJpeg, match=r"invalid Huffman code|more than 64 coefficients in a block"):
        read_blocks(bytes(20), [Component(1, 1, (), dc, ac)], 1)


@any_build
@given(written=st.lists(blocks(), min_size=1, max_size=12), tables=st.permutations(TABLES))
def test_recoding_is_reversible(written: list[Block], tables: list[tuple[bytes, bytes]]) -> None:
    (dc, ac), (_, other), *_ = tables

    recoded = written
    for table in (other, ac):
        components = [Component(1, 1, (), dc, table)]
        recoded = read_blocks(write(recoded, components), components, len(recoded))

    assert recoded == written


def test_standard_dc_codes_are_those_of_table_k3() -> None:
    codes = binary_codes(STANDARD_DC[0])

    assert [codes[size] for size in range(12)] == [
        *("00", "010", "011", "100", "101", "110", "1110"),
        *("11110", "111110", "1111110", "11111110", "111111110"),
    ]

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.imaging.coefficients import FLAT_AC, FLAT_DC

from captiond.imaging.errors import JpegError, MalformedJpeg, MissingHuffmanCode
from captiond.imaging.jpeg.block_reader import Block, BlockReader
from captiond.imaging.jpeg.header import Component
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC, end_of_block_code, huffman_codes
from captiond.imaging.jpeg.scan import restart_marker
from captiond.imaging.jpeg.scan_writer import ScanWriter

TABLES = [(STANDARD_DC[0], STANDARD_AC[0]), (STANDARD_DC[1], STANDARD_AC[1]), (FLAT_DC, FLAT_AC)]


@st.composite
def blocks(draw: st.DrawFn, table: bytes) -> Block:
    """Any block: values of any size, long runs of zeros, with and without an end of block."""
    codes = huffman_codes(table)
    bits = ""
    at = 1
    while at < 64 and draw(st.integers(0, 20)):
        size = draw(st.integers(1, 10))
        run = draw(st.integers(0, min(63 - at, 40)))
        bits += codes[0xF0] * (run // 16)
        bits += codes[run % 16 * 16 + size] + f"{draw(st.integers(0, 2**size - 1)):0{size}b}"
        at += run + 1
    if at < 64:
        bits += codes[0]
    return Block(draw(st.integers(-1023, 1023)), bits)


@settings(deadline=None)
@given(data=st.data(), tables=st.sampled_from(TABLES))
def test_reader_returns_written_blocks(data: st.DataObject, tables: tuple[bytes, bytes]) -> None:
    written = data.draw(st.lists(blocks(tables[1]), min_size=1, max_size=12))
    component = Component(1, 1, (), *tables)
    writer = ScanWriter([component], 0)
    for block in written:
        writer.write([block])

    reader = BlockReader(writer.finish(), [component])

    assert reader.read(len(written)) == written
    assert 0 <= 8 * len(reader.unstuffed) - reader.bit < 8


@settings(deadline=None)
@given(written=st.lists(blocks(TABLES[0][1]), min_size=2, max_size=12), interval=st.integers(1, 3))
def test_restart_interval_is_readable_alone(written: list[Block], interval: int) -> None:
    component = Component(1, 1, (), *TABLES[0])
    writer = ScanWriter([component], interval)
    for block in written:
        writer.write([block])

    scan = writer.finish()
    count = -(-len(written) // interval)
    for at in range(count):
        end = scan.find(restart_marker(at)) if at < count - 1 else len(scan)
        expected = written[at * interval : (at + 1) * interval]
        assert BlockReader(scan[:end], [component]).read(len(expected)) == expected
        scan = scan[end + 2 :]


@settings(deadline=None)
@given(scan=st.binary(max_size=200), tables=st.sampled_from(TABLES))
def test_any_bytes_are_read_or_rejected(scan: bytes, tables: tuple[bytes, bytes]) -> None:
    reader = BlockReader(scan, [Component(1, 1, (), *tables)])

    try:
        read = reader.read(20)
    except JpegError:
        return

    assert len(read) == 20


def test_truncated_scan_is_rejected() -> None:
    component = Component(1, 1, (), STANDARD_DC[0], STANDARD_AC[0])

    for read in (BlockReader(b"\0" * 4, [component]).read, BlockReader(b"\0" * 4, [component]).skip):
        with pytest.raises(MalformedJpeg, match="truncated scan"):
            read(1000)


def test_scan_truncated_in_its_last_block_is_rejected() -> None:
    reader = BlockReader(bytes(20), [Component(1, 1, (), STANDARD_DC[0], STANDARD_AC[0])])

    with pytest.raises(MalformedJpeg, match="truncated scan"):
        reader.skip(1)


def test_dc_difference_without_code_is_named() -> None:
    writer = ScanWriter([Component(1, 1, (), ZERO_DC, STANDARD_AC[0])], 0)

    with pytest.raises(MissingHuffmanCode, match="Huffman table lacks DC size 3"):
        writer.write([Block(5, "1010")])


ZERO_DC = bytes([1]) + bytes(15) + b"\0"
IMPOSSIBLE = {
    "DC of 12 bits": (bytes([1]) + bytes(15) + b"\x0c", STANDARD_AC[0]),
    "AC of 11 bits": (ZERO_DC, bytes([1]) + bytes(15) + b"\x0b"),
    "AC of 0 bits": (ZERO_DC, bytes([1]) + bytes(15) + b"\x10"),
    "run past the end of the block": (ZERO_DC, bytes([1]) + bytes(15) + b"\xf0"),
    "no such code": (ZERO_DC, bytes(16)),
}


@pytest.mark.parametrize(("dc", "ac"), IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
def test_invalid_symbol_is_rejected(dc: bytes, ac: bytes) -> None:
    reader = BlockReader(bytes(20), [Component(1, 1, (), dc, ac)])

    with pytest.raises(MalformedJpeg, match="corrupt entropy-coded data"):
        reader.read(1)


@settings(deadline=None)
@given(data=st.data(), tables=st.permutations(TABLES))
def test_recoding_is_reversible(data: st.DataObject, tables: list[tuple[bytes, bytes]]) -> None:
    (dc, ac), (_, other), *_ = tables
    written = data.draw(st.lists(blocks(ac), min_size=1, max_size=12))

    scan = written
    for source, target in ((ac, other), (other, ac)):
        writer = ScanWriter([Component(1, 1, (), dc, source)], 0)
        for block in scan:
            writer.write([block])
        scan = BlockReader(writer.finish(), [Component(1, 1, (), dc, source)], target).read(len(scan))

    assert scan == written


@pytest.mark.parametrize("padding", [0, 2])
def test_symbol_without_code_in_the_target_table_is_named(padding: int) -> None:
    component = Component(1, 1, (), *TABLES[0])
    writer = ScanWriter([component], 0)
    for _ in range(1 + padding):
        writer.write([Block(0, huffman_codes(component.ac)[0x11] + "1" + end_of_block_code(component.ac))])

    with pytest.raises(MissingHuffmanCode, match="Huffman table lacks AC symbol 0x11"):
        BlockReader(writer.finish(), [component], bytes([0, 1, *[0] * 14, 0])).read(1)


def test_table_without_end_of_block_is_rejected() -> None:
    with pytest.raises(MissingHuffmanCode, match="lacks the end-of-block symbol"):
        end_of_block_code(bytes([1]) + bytes(15) + b"\1")


def test_standard_dc_codes_are_those_of_table_k3() -> None:
    codes = huffman_codes(STANDARD_DC[0])

    assert [codes[size] for size in range(12)] == [
        *("00", "010", "011", "100", "101", "110", "1110"),
        *("11110", "111110", "1111110", "11111110", "111111110"),
    ]

"""The scans of progressive photos: each build decodes the encoder's output."""

from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.imaging.builds import NATIVE, needs_compiled

from captiond.imaging.errors import MissingHuffmanCode
from captiond.imaging.jpeg.native import INTERPRETED, Build
from captiond.imaging.jpeg.progressive import to_words

ALL = b"\1" * 1024
TABLE = bytes(7) + b"\xff" + bytes(8) + bytes(range(255))  # a code word of 8 bits for every symbol except 255
STATES = 5
BLOCKS = st.lists(st.dictionaries(st.integers(1, 63), st.integers(-40, 40), max_size=12), min_size=1, max_size=40)


@pytest.fixture(scope="module", params=["interpreted", pytest.param("native", marks=needs_compiled)])
def build(request: pytest.FixtureRequest) -> Build:
    return INTERPRETED if request.param == "interpreted" else NATIVE


def codes() -> "array[int]":
    return INTERPRETED.make_codes(TABLE) + array("I", bytes(4 * 768))


def ends(coefficients: "array[int]") -> "array[int]":
    """The index of the last nonzero coefficient of each block."""
    blocks = [coefficients[at : at + 64] for at in range(0, len(coefficients), 64)]
    return array("i", [max((at for at, value in enumerate(block) if at and value), default=0) for block in blocks])


def write_scan(build: Build, coefficients: "array[int]", band: tuple[int, int, bool], low: int) -> bytes:
    encoder = build.progressive_encoder(coefficients, ends(coefficients), ALL)
    order = array("i", range(len(coefficients) // 64))
    first, last, is_refinement = band
    (encoder.refine_ac if is_refinement else encoder.write_ac)(order, first, last, low)
    return encoder.finish(codes(), 0, 0).replace(b"\xff\0", b"\xff")


@pytest.mark.parametrize("cut", [0, 1, 7])
@settings(max_examples=60, deadline=None)
@given(blocks=BLOCKS, highest=st.integers(0, 3))
def test_bands_are_read_as_written(build: Build, cut: int, blocks: list[dict[int, int]], highest: int) -> None:
    written = array("i", [block.get(at, 0) for block in blocks for at in range(64)])
    first_kept = min(cut, len(blocks))
    read = array("i", bytes(4 * 64 * (len(blocks) - first_kept)))
    order = array("i", range(len(blocks) - first_kept))
    table = build.make_table(TABLE, frozenset(range(255)))
    known = array("Q", bytes(8 * len(blocks)))

    for low in range(highest, -1, -1):
        is_refinement = low < highest
        for first, last in ((1, 63),) if is_refinement else ((1, 5), (6, 63)):
            band, kept = (first, last, is_refinement), (first_kept, low)
            data = write_scan(build, written, band, low)
            state = array("q", bytes(8 * STATES))
            done, bits = build.read_ac(
                to_words(data), 8 * len(data), known, (0, len(blocks)), band, table, kept, order, read, state
            )
            assert (done, bits + 7 >> 3) == (len(blocks), len(data))
            assert state[0] <= state[2] <= state[3] <= bits

    assert read == written[64 * first_kept :]


@given(values=st.lists(st.integers(-1024, 1023), min_size=1, max_size=30), low=st.integers(0, 3))
def test_dc_coefficients_are_read_as_written(build: Build, values: list[int], low: int) -> None:
    written = array("i", [value if at == 0 else 0 for value in values for at in range(64)])
    order = array("i", range(len(values)))
    read = array("i", bytes(4 * len(written)))
    table = build.make_table(TABLE, frozenset(range(16)))

    encoder = build.progressive_encoder(written, array("i", bytes(4 * len(values))), ALL)
    encoder.write_dc(order, array("i", (0, 0)), [0], low)
    data = encoder.finish(codes(), 0, 0).replace(b"\xff\0", b"\xff")
    state = array("q", bytes(8 * STATES))
    build.read_dc(to_words(data), 8 * len(data), len(values), array("i", (0, 0)), table, (0, low), order, read, state)
    for bit in range(low - 1, -1, -1):
        encoder = build.progressive_encoder(written, array("i", bytes(4 * len(values))), ALL)
        encoder.refine_dc(order, bit)
        data = encoder.finish(codes(), 0, 0).replace(b"\xff\0", b"\xff")
        build.refine_dc(to_words(data), 0, bit, order, read)

    assert read == written


def test_blocks_are_unpacked_and_packed(build: Build) -> None:
    blocks = [(-7, [0x01_0001, 0xF0_0000, 0x22_0002, 0x00]), (1023, [0x00]), (0, [0x03_0004, 0x00])]
    coefficients = array("i", bytes(4 * 64 * 3))

    lasts = build.unpack_blocks(blocks, coefficients)

    assert build.pack_blocks(coefficients) == blocks
    assert lasts == ends(coefficients)


def test_a_full_block_has_no_end(build: Build) -> None:
    coefficients = array("i", [1] * 64)

    [(dc, symbols)] = build.pack_blocks(coefficients)

    assert (dc, symbols) == (1, [0x01_0001] * 63)


def test_coefficients_beyond_15_bits_have_no_code(build: Build) -> None:
    coefficients, order = array("i", [1 << 15] * 64), array("i", [0])
    encoder = build.progressive_encoder(coefficients, array("i", [63]), ALL)

    with pytest.raises(MissingHuffmanCode, match="DC size 16"):
        encoder.write_dc(order, array("i", (0, 0)), [0], 0)
    with pytest.raises(MissingHuffmanCode, match="AC size 16"):
        encoder.write_ac(order, 1, 63, 0)
    with pytest.raises(MissingHuffmanCode, match="AC size 16"):
        build.pack_blocks(coefficients)


def available(*symbols: int) -> bytes:
    return bytes(symbol in symbols for symbol in range(1024))


@pytest.mark.parametrize(
    ("symbols", "value", "low", "fitted"),
    [
        ((0x01, 0x02, 0x04), 5, 0, 3),  # size 3 is missing; 3 and 8 are the nearest
        ((0x01, 0x02, 0x04), -7, 0, -8),
        ((0x01, 0x02), 5, 0, 3),
        ((), 5, 0, 0),
        ((), 5, 1, 1),  # a refinement scan encodes its lowest bit
        ((0x01,), -9, 2, -7),
        ((0x01, 0x02), 13, 2, 13),
    ],
)
def test_coefficient_without_a_code_changes_to_the_nearest(
    build: Build, symbols: tuple[int, ...], value: int, low: int, fitted: int
) -> None:
    coefficients = array("i", [0, value, *[0] * 62])

    build.progressive_encoder(coefficients, array("i", [1]), available(0, *symbols)).write_ac(
        array("i", [0]), 1, 63, low
    )

    assert coefficients[1] == fitted


@pytest.mark.parametrize(("symbols", "kept"), [((0xF0, 0x31), 1), ((0x31,), 0), ((0xF0,), 0)])
@pytest.mark.parametrize("refines", [False, True])
def test_coefficient_after_many_zeros_needs_a_zero_run(
    build: Build,
    symbols: tuple[int, ...],
    kept: int,
    refines: bool,  # noqa: FBT001 - a table of cases
) -> None:
    coefficients = array("i", bytes(4 * 64))
    coefficients[20] = 1
    encoder = build.progressive_encoder(coefficients, array("i", [20]), available(0, *symbols))

    (encoder.refine_ac if refines else encoder.write_ac)(array("i", [0]), 1, 63, 0)

    assert coefficients[20] == kept


def test_run_of_blocks_is_split_where_its_symbol_is_missing(build: Build) -> None:
    blocks = 9
    coefficients = array("i", bytes(4 * 64 * blocks))
    runs = {}
    for symbols in ((0x00,), (0x00, 0x10), (0x00, 0x20), (0x00, 0x10, 0x20)):
        encoder = build.progressive_encoder(coefficients, array("i", bytes(4 * blocks)), available(*symbols))
        encoder.write_ac(array("i", range(blocks)), 1, 63, 0)
        runs[symbols] = [encoder.counts[size << 4] for size in range(3)]

    assert [*runs.values()] == [[9, 0, 0], [0, 3, 0], [9, 0, 0], [0, 1, 1]]


def test_longest_run_of_blocks_is_followed_by_another(build: Build) -> None:
    order = array("i", [0] * 0x8001)
    encoder = build.progressive_encoder(array("i", bytes(4 * 64)), array("i", [0]), ALL)

    encoder.write_ac(order, 1, 63, 0)

    assert (encoder.counts[0xE0], encoder.counts[0x10]) == (1, 1)


def test_symbol_without_a_code_is_named(build: Build) -> None:
    encoder = build.progressive_encoder(array("i", bytes(4 * 64)), array("i", [0]), ALL)
    encoder.write_ac(array("i", [0]), 1, 63, 0)

    with pytest.raises(MissingHuffmanCode, match="symbol 0x00"):
        encoder.finish(array("I", bytes(4 * 1024)), 0, 0)


def test_additional_bits_past_the_end_of_a_scan_end_its_decoding(build: Build) -> None:
    eight_bits = bytes((0, 0, 0, 0, 0, 0, 0, 1, *bytes(8), 0x01))  # a code word of 8 bits, with 1 additional bit
    table = build.make_table(eight_bits, frozenset({0x01}))

    assert read_block(build, table, 0, is_refinement=False) == (0, 9)


def test_correction_bits_past_the_end_of_a_scan_end_its_decoding(build: Build) -> None:
    table = build.make_table(bytes((0, 0, 0, 0, 0, 0, 0, 1, *bytes(8), 0x00)), frozenset({0x00}))

    assert read_block(build, table, 0b111110, is_refinement=True) == (0, 13)


def test_symbol_past_the_end_of_a_scan_ends_its_decoding(build: Build) -> None:
    table = build.make_table(bytes((0, 0, 0, 0, 0, 0, 0, 1, *bytes(8), 0xF0)), frozenset({0xF0}))

    assert read_block(build, table, 0b111110, is_refinement=True) == (0, 13)


@pytest.mark.parametrize("is_refinement", [False, True])
def test_coefficient_beyond_the_band_is_a_fault(build: Build, is_refinement: bool) -> None:  # noqa: FBT001 - as above
    table = build.make_table(bytes((0, 0, 0, 0, 0, 0, 1, *bytes(9), 0x71)), frozenset({0x71}))

    assert read_block(build, table, 0, is_refinement=is_refinement, last=6) == (0, 8)


def read_block(
    build: Build, table: "array[int]", known: int, *, is_refinement: bool, last: int = 63
) -> tuple[int, int]:
    """Read a block of a scan of a zero byte, and keep it."""
    order, coefficients, state = array("i", [0]), array("i", bytes(4 * 64)), array("q", bytes(8 * STATES))
    band, kept = (1, last, is_refinement), (0, 0)
    return build.read_ac(to_words(b"\0"), 8, array("Q", [known]), (0, 1), band, table, kept, order, coefficients, state)

"""Strips coded with Huffman tables that lack symbols."""

import pytest

from captiond.imaging.errors import MissingHuffmanCode
from captiond.imaging.jpeg.header import Component
from captiond.imaging.jpeg.huffman import STANDARD_AC, STANDARD_DC
from captiond.imaging.jpeg.scan_reader import Block
from captiond.imaging.splice.approximation import fit_seam, fit_strip

EOB, ZRL = 0x00, 0xF0


def component(*symbols: int, step: int = 1) -> Component:
    return Component(1, 1, (step,) * 64, STANDARD_DC[0], bytes([0] * 7 + [len(symbols)] + [0] * 8 + [*symbols]))


def coded(*symbols: tuple[int, int]) -> list[int]:
    """Symbols with their additional bits."""
    return [symbol << 16 | bits for symbol, bits in symbols]


def fit(block: Block, *symbols: int, step: int = 1) -> list[int]:
    [(dc, fitted)] = fit_strip([block], [component(*symbols, step=step)])
    assert dc == block[0]
    return fitted


def test_blocks_of_a_complete_table_are_unchanged() -> None:
    blocks = [(5, coded((0xA9, 300), (EOB, 0)))]

    assert fit_strip(blocks, [Component(1, 1, (1,) * 64, STANDARD_DC[0], STANDARD_AC[0])]) is blocks


def test_block_with_available_symbols_is_unchanged() -> None:
    block = (5, coded((0x12, 2), (ZRL, 0), (0x01, 1), (EOB, 0)))

    assert fit(block, EOB, 0x01, 0x12, ZRL) == block[1]


@pytest.mark.parametrize(
    ("bits", "symbols", "fitted"),
    [
        (0b100, (0x02,), (0x02, 0b11)),  # 4 becomes 3
        (0b011, (0x02,), (0x02, 0b00)),  # -4 becomes -3
        (0b111, (0x04,), (0x04, 0b1000)),  # 7 becomes 8
        (0b000, (0x04,), (0x04, 0b0111)),  # -7 becomes -8
        (0b110, (0x02, 0x04), (0x04, 0b1000)),  # 6 becomes 8, not 3
        (0b101, (0x02, 0x04), (0x02, 0b11)),  # 5 becomes 3, not 8
    ],
)
def test_coefficient_becomes_the_nearest_with_a_code(
    bits: int, symbols: tuple[int, ...], fitted: tuple[int, int]
) -> None:
    assert fit((0, coded((0x03, bits), (EOB, 0))), EOB, *symbols) == coded(fitted, (EOB, 0))


def test_coefficient_without_a_near_code_becomes_zero() -> None:
    assert fit((0, coded((0x01, 1), (0x01, 1), (0x11, 0), (EOB, 0))), EOB, 0x01, 0x05) == coded(
        (0x01, 1), (0x01, 1), (EOB, 0)
    )


def test_run_grows_by_the_coefficient_that_became_zero() -> None:
    assert fit((0, coded((0x01, 1), (0x11, 1), (0x01, 0), (EOB, 0))), EOB, 0x01, 0x21) == coded(
        (0x01, 1), (0x21, 0), (EOB, 0)
    )


def test_long_run_needs_the_symbol_of_sixteen_zeros() -> None:
    block = (0, coded((0x02, 3), (ZRL, 0), (0x11, 1), (EOB, 0)))

    assert fit(block, EOB, 0x01, 0x11, ZRL) == coded((0x01, 1), (ZRL, 0), (0x11, 1), (EOB, 0))
    assert fit(block, EOB, 0x01, 0x11) == coded((0x01, 1), (EOB, 0))


def test_full_block_gets_an_end_if_its_last_coefficient_became_zero() -> None:
    full = (0, coded(*[(0x01, 1)] * 62, (0x02, 3)))

    assert fit(full, EOB, 0x01) == coded(*[(0x01, 1)] * 63)
    assert fit((0, coded(*[(0x01, 1)] * 62, (0x02, 3))), EOB, 0x01, 0x02) == full[1]
    assert fit((0, coded(*[(0x01, 1)] * 61, (0x11, 1))), EOB, 0x01) == coded(*[(0x01, 1)] * 61, (EOB, 0))


def test_illegible_strip_is_refused() -> None:
    blocks = [(0, coded((0x05, 31), (EOB, 0))), (0, [EOB])]

    with pytest.raises(MissingHuffmanCode, match="Huffman table lacks AC symbols of the strip"):
        fit_strip(blocks, [component(EOB, 0x01, step=20)])


def test_table_without_end_of_block_is_refused() -> None:
    with pytest.raises(MissingHuffmanCode, match="Huffman table lacks the end-of-block symbol"):
        fit_strip([(0, [EOB])], [component(0x01)])


def test_seam_keeps_the_photo_where_its_last_lines_would_change() -> None:
    near, far = (0, coded((0x02, 3), (EOB, 0))), (0, coded((0x05, 31), (EOB, 0)))
    photo = [(7, coded((0x01, 0), (EOB, 0)))] * 2

    assert fit_seam([near, far], component(EOB, 0x01, step=20), photo) == [(0, coded((0x01, 1), (EOB, 0))), photo[1]]

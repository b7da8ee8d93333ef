"""Recoding of strips from the standard Huffman tables to a photo's own."""

from dataclasses import replace

import pytest
from PIL import Image
from tests.unit.imaging.photos import encode, picture

from captiond.imaging.errors import MalformedJpeg, MissingHuffmanCode
from captiond.imaging.jpeg.block_reader import BlockReader
from captiond.imaging.jpeg.header import Component, Header, read_header
from captiond.imaging.jpeg.huffman import MAX_CODE_BITS, STANDARD_AC, STANDARD_DC
from captiond.imaging.splice.recode import can_recode, recode_strip
from captiond.imaging.splice.strip_encoder import encode_strip
from captiond.imaging.splice.transducer import make_transducer

HEADER = read_header(encode(picture(64, 48), quality=80))


def noise(width_px: int = 64, height_px: int = 32) -> Image.Image:
    return Image.effect_noise((width_px, height_px), 90)


def with_luma(*, dc: bytes = STANDARD_DC[0], ac: bytes = STANDARD_AC[0]) -> Header:
    luma, *chroma = HEADER.components
    return replace(HEADER, components=(replace(luma, dc=dc, ac=ac), *chroma))


def without(table: bytes, symbol: int) -> bytes:
    """The table without one symbol. The symbols after it take over its code."""
    counts, symbols = bytearray(table[:MAX_CODE_BITS]), bytearray(table[MAX_CODE_BITS:])
    at = symbols.index(symbol)
    length = next(n for n in range(MAX_CODE_BITS) if sum(counts[: n + 1]) > at)
    counts[length] -= 1
    del symbols[at]
    return bytes(counts + symbols)


@pytest.mark.parametrize("interval", [HEADER.mcus, 4])
def test_recoding_to_the_standard_tables_changes_nothing(interval: int) -> None:
    strip = noise()
    strip.paste(0, (32, 0, 64, 32))

    assert can_recode(strip, HEADER)
    assert recode_strip(strip, HEADER, interval) == encode_strip(strip, HEADER, interval)


def test_full_blocks_and_long_symbols_are_recoded() -> None:
    fine = tuple(replace(c, quantisation=(1,) * 64) for c in HEADER.components)
    header = replace(HEADER, components=fine)
    strip = noise(64, 64)

    assert recode_strip(strip, header, header.mcus) == encode_strip(strip, header, header.mcus)


def test_other_tables_change_the_bits() -> None:
    swapped = with_luma(dc=STANDARD_DC[1], ac=STANDARD_AC[1])
    strip = noise()

    recoded = recode_strip(strip, swapped, swapped.mcus)

    assert recoded != encode_strip(strip, HEADER, HEADER.mcus)
    assert len(recoded) > 0


def reversed_symbols(table: bytes) -> bytes:
    """The table with its symbols in reverse order."""
    return table[:MAX_CODE_BITS] + table[MAX_CODE_BITS:][::-1]


@pytest.mark.parametrize("step", [1, 2, 9, 90])
@pytest.mark.parametrize("lines", [8, 40, 400])
def test_recoded_blocks_are_unchanged(step: int, lines: int) -> None:
    standard = Component(1, 1, (step,) * 64, STANDARD_DC[0], STANDARD_AC[0])
    own = replace(standard, dc=reversed_symbols(STANDARD_DC[0]), ac=reversed_symbols(STANDARD_AC[0]))
    grey = read_header(encode(picture(64, 48, "L")))
    strip = noise(64, lines)
    strip.paste(0, (24, 0, 48, lines))

    recoded = recode_strip(strip, replace(grey, components=(own,)), grey.mcus * 9)
    coded = encode_strip(strip, replace(grey, components=(standard,)), grey.mcus * 9)

    reader = BlockReader(recoded[2:], [own], STANDARD_AC[0])
    assert reader.read(lines) == BlockReader(coded[2:], [standard]).read(lines)
    assert 8 * len(reader.unstuffed) - reader.bit < 8


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (with_luma(dc=without(STANDARD_DC[0], 0)), "DC size 0"),
        (with_luma(dc=without(STANDARD_DC[0], 5)), "DC size 5"),
        (with_luma(ac=without(STANDARD_AC[0], 0)), "the end-of-block symbol"),
        (with_luma(ac=without(STANDARD_AC[0], 0x01)), "AC symbol 0x01"),
    ],
)
def test_missing_code_is_named(header: Header, reason: str) -> None:
    with pytest.raises(MissingHuffmanCode, match=f"^Huffman table lacks {reason}$"):
        recode_strip(noise(), header, HEADER.mcus)


def test_scan_with_another_number_of_mcus_is_rejected() -> None:
    narrower = replace(HEADER, width_px=HEADER.width_px - 16)

    with pytest.raises(MalformedJpeg, match="strip scan does not match its MCUs"):
        recode_strip(noise(), narrower, HEADER.mcus)


def test_bits_that_start_no_code_are_rejected() -> None:
    standard = STANDARD_DC[0], STANDARD_AC[0]

    with pytest.raises(MalformedJpeg, match="corrupt entropy-coded data"):
        make_transducer(standard, standard).start.walk("1" * 16, 0)


def test_steps_beyond_the_cache_are_computed_again() -> None:
    standard = STANDARD_DC[0], reversed_symbols(STANDARD_AC[0])
    start = make_transducer(standard, standard).start

    steps = [start[key] for key in range(16 * 256)]

    assert len(start) < len(steps)
    assert [start[key] for key in range(16 * 256)] == steps

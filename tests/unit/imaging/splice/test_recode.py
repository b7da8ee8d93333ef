"""Strips in a photo's own Huffman tables, made from strips in the standard ones."""

from dataclasses import replace

import pytest
from PIL import Image
from tests.unit.imaging.photos import encode, picture

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.block_reader import BlockReader
from captiond.imaging.jpeg.header import Component, Header, read_header
from captiond.imaging.jpeg.huffman import LENGTHS, STANDARD_AC, STANDARD_DC
from captiond.imaging.splice.recode import can_recode, recode_strip
from captiond.imaging.splice.strip_encoder import encode_strip
from captiond.imaging.splice.transducer import make_code

HEADER = read_header(encode(picture(64, 48), quality=80))


def noise(width_px: int = 64, height_px: int = 32) -> Image.Image:
    return Image.effect_noise((width_px, height_px), 90)


def with_luma(*, dc: bytes = STANDARD_DC[0], ac: bytes = STANDARD_AC[0]) -> Header:
    luma, *chroma = HEADER.components
    return replace(HEADER, components=(replace(luma, dc=dc, ac=ac), *chroma))


def without(definition: bytes, symbol: int) -> bytes:
    """The same table with one symbol fewer: its word goes to the symbols behind it."""
    counts, symbols = bytearray(definition[:LENGTHS]), bytearray(definition[LENGTHS:])
    at = symbols.index(symbol)
    length = next(n for n in range(LENGTHS) if sum(counts[: n + 1]) > at)
    counts[length] -= 1
    del symbols[at]
    return bytes(counts + symbols)


@pytest.mark.parametrize("interval", [HEADER.mcus, 4])
def test_recoding_into_the_standard_tables_changes_nothing(interval: int) -> None:
    strip = noise()
    strip.paste(0, (32, 0, 64, 32))

    assert can_recode(strip, HEADER)
    assert recode_strip(strip, HEADER, interval) == encode_strip(strip, HEADER, interval)


def test_blocks_without_an_end_and_long_symbols_are_recoded() -> None:
    fine = tuple(replace(c, quantisation=(1,) * 64) for c in HEADER.components)
    header = replace(HEADER, components=fine)
    strip = noise(64, 64)

    assert recode_strip(strip, header, header.mcus) == encode_strip(strip, header, header.mcus)


def test_words_of_another_table_are_shorter_or_longer_and_mean_the_same() -> None:
    swapped = with_luma(dc=STANDARD_DC[1], ac=STANDARD_AC[1])
    strip = noise()

    there = recode_strip(strip, swapped, swapped.mcus)

    assert there != encode_strip(strip, HEADER, HEADER.mcus)
    assert len(there) > 0


def turned_round(definition: bytes) -> bytes:
    """The same words for the same symbols in the opposite order."""
    return definition[:LENGTHS] + definition[LENGTHS:][::-1]


@pytest.mark.parametrize("step", [1, 2, 9, 90])
@pytest.mark.parametrize("lines", [8, 40, 400])
def test_recoded_blocks_are_the_same_blocks(step: int, lines: int) -> None:
    standard = Component(1, 1, (step,) * 64, STANDARD_DC[0], STANDARD_AC[0])
    own = replace(standard, dc=turned_round(STANDARD_DC[0]), ac=turned_round(STANDARD_AC[0]))
    grey = read_header(encode(picture(64, 48, "L")))
    strip = noise(64, lines)
    strip.paste(0, (24, 0, 48, lines))

    recoded = recode_strip(strip, replace(grey, components=(own,)), grey.mcus * 9)
    coded = encode_strip(strip, replace(grey, components=(standard,)), grey.mcus * 9)

    reader = BlockReader(recoded[2:], [own], STANDARD_AC[0])
    assert reader.read(lines) == BlockReader(coded[2:], [standard]).read(lines)
    assert 8 * len(reader.plain) - reader.at < 8


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (with_luma(dc=without(STANDARD_DC[0], 0)), "DC size 0"),
        (with_luma(dc=without(STANDARD_DC[0], 5)), "DC size 5"),
        (with_luma(ac=without(STANDARD_AC[0], 0)), "end of block"),
        (with_luma(ac=without(STANDARD_AC[0], 0x01)), "AC symbol 01"),
    ],
)
def test_a_table_that_lacks_a_word_is_named(header: Header, reason: str) -> None:
    with pytest.raises(NotSpliceable, match=reason):
        recode_strip(noise(), header, HEADER.mcus)


def test_a_scan_of_another_length_than_its_mcus_is_not_taken() -> None:
    narrower = replace(HEADER, width_px=HEADER.width_px - 16)

    with pytest.raises(NotSpliceable, match="not as long"):
        recode_strip(noise(), narrower, HEADER.mcus)


def test_bits_that_begin_with_no_word_are_not_taken() -> None:
    standard = STANDARD_DC[0], STANDARD_AC[0]

    with pytest.raises(NotSpliceable, match="no word"):
        make_code(standard, standard).start.walk("1" * 16, 0)


def test_steps_that_are_not_remembered_are_found_out_again() -> None:
    standard = STANDARD_DC[0], turned_round(STANDARD_AC[0])
    start = make_code(standard, standard).start

    steps = [start[key] for key in range(16 * 256)]

    assert len(start) < len(steps)
    assert [start[key] for key in range(16 * 256)] == steps

"""Huffman tables that carry only the symbols their photo uses, completed for what a strip needs.

New words of 16 bits go behind all others, so every word of the photo keeps its meaning (C.2).
"""

from dataclasses import replace
from functools import lru_cache

from captiond.imaging.jpeg.header import Component, Header
from captiond.imaging.jpeg.huffman import LENGTHS, MAX_DC_SIZE, STANDARD_AC, code_words
from captiond.imaging.jpeg.segments import DHT, segment_bytes

_DC_SYMBOLS = tuple(range(MAX_DC_SIZE + 1))
_AC_SYMBOLS = tuple(sorted(STANDARD_AC[0][LENGTHS:], key=lambda symbol: (symbol >> 4) + (symbol & 15)))
_AC_CLASS = 0x10
_MAX_COUNT, _MAX_SYMBOLS = 255, 256
_REMEMBERED = 64  # tables


def complete_tables(header: Header) -> tuple[Header, bytes]:
    """The header with tables for any strip, as far as they have room, and the DHT that defines them."""
    components, definition = _complete_components(header.components)
    return replace(header, components=components), definition


@lru_cache(_REMEMBERED)
def _complete_components(before: tuple[Component, ...]) -> tuple[tuple[Component, ...], bytes]:
    """The components with completed tables, and the DHT that defines these; no bytes where all are complete."""
    components = tuple(map(_complete_component, before))
    changed: dict[int, bytes] = {}
    for old, new in zip(before, components, strict=True):
        if old.dc != new.dc:
            changed[old.tables >> 4] = new.dc
        if old.ac != new.ac:
            changed[_AC_CLASS | old.tables & 15] = new.ac
    body = b"".join(bytes([place]) + definition for place, definition in changed.items())
    return components, segment_bytes(DHT, body) if body else b""


def _complete_component(component: Component) -> Component:
    dc, ac = _complete(component.dc, _DC_SYMBOLS), _complete(component.ac, _AC_SYMBOLS)
    return replace(component, dc=dc, ac=ac)


@lru_cache(_REMEMBERED)
def _complete(definition: bytes, symbols: tuple[int, ...]) -> bytes:
    words = code_words(definition)
    counts = bytearray(definition[:LENGTHS])
    used = sum(count << (LENGTHS - bits) for bits, count in enumerate(counts, 1))
    room = min(
        (1 << LENGTHS) - used - 1,  # the word of all ones stays free
        _MAX_COUNT - counts[-1],
        _MAX_SYMBOLS - sum(counts),
    )
    added = [symbol for symbol in symbols if symbol not in words][:room]
    counts[-1] += len(added)
    return bytes((*counts, *definition[LENGTHS:], *added))

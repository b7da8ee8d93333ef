"""Completes optimised Huffman tables, which have codes only for the symbols of their photo, for use by a strip.

New codes of 16 bits come after all others, so every code of the photo keeps its meaning (T.81 annex C.2).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from captiond.imaging.jpeg.header import Component, Header, Tables
from captiond.imaging.jpeg.huffman import MAX_CODE_BITS, MAX_DC_SIZE, STANDARD_AC
from captiond.imaging.jpeg.segments import DHT, segment_bytes

_DC_SYMBOLS = tuple(range(MAX_DC_SIZE + 1))
_AC_SYMBOLS = tuple(sorted(STANDARD_AC[0][MAX_CODE_BITS:], key=lambda symbol: (symbol >> 4) + (symbol & 15)))
_AC_CLASS = 0x10  # Tc in the high nibble, B.2.4.2
_MAX_COUNT, _MAX_SYMBOLS = 255, 256
_CACHED_TABLES = 64


def complete_tables(header: Header) -> tuple[Header, bytes]:
    """The header with tables for any strip, as far as they have room, and the DHT segment that defines them."""
    components, dht = _complete_components(header.components)
    return replace(header, components=components) if dht else header, dht


@lru_cache(_CACHED_TABLES)
def _complete_components(before: tuple[Component, ...]) -> tuple[tuple[Component, ...], bytes]:
    """The components with completed tables, and their DHT segment, which is empty if no table changed."""
    components = tuple(map(_complete_component, before))
    changed: dict[int, bytes] = {}
    for old, new in zip(before, components, strict=True):
        if old.dc != new.dc:
            changed[old.table_ids >> 4] = new.dc
        if old.ac != new.ac:
            changed[_AC_CLASS | old.table_ids & 15] = new.ac
    return components, define_tables(changed) if changed else b""


def define_implied_tables(header: Header) -> bytes:
    """The DHT segment of tables that a photo uses but lacks, as in Motion JPEG: decoders then use the standard ones."""
    defined = Tables()
    for segment in header.segments:
        if segment.marker == DHT:
            defined.define(DHT, segment.body)
    tables: dict[int, bytes] = {}
    for component in header.components:
        tables[component.table_ids >> 4] = component.dc
        tables[_AC_CLASS | component.table_ids & 15] = component.ac
    implied = {table_id: table for table_id, table in tables.items() if table_id not in defined.huffman}
    return define_tables(implied) if implied else b""


def define_tables(tables: dict[int, bytes]) -> bytes:
    """The DHT segment that defines tables, by class and identifier (B.2.4.2)."""
    return segment_bytes(DHT, b"".join(bytes([table_id]) + table for table_id, table in tables.items()))


def _complete_component(component: Component) -> Component:
    dc, ac = complete_table(component.dc, _DC_SYMBOLS), complete_table(component.ac, _AC_SYMBOLS)
    return replace(component, dc=dc, ac=ac)


def complete_table(table: bytes, symbols: Sequence[int]) -> bytes:
    """Add codes for missing symbols to a table. If it is full, the last symbols get no code."""
    known = frozenset(table[MAX_CODE_BITS:])
    if known.issuperset(symbols):
        return table
    counts = bytearray(table[:MAX_CODE_BITS])
    used = sum(count << (MAX_CODE_BITS - bits) for bits, count in enumerate(counts, 1))
    room = min(
        (1 << MAX_CODE_BITS) - used - 1,  # the code of all ones is reserved, annex C
        _MAX_COUNT - counts[-1],
        _MAX_SYMBOLS - sum(counts),
    )
    added = [symbol for symbol in symbols if symbol not in known][:room]
    counts[-1] += len(added)
    return bytes((*counts, *table[MAX_CODE_BITS:], *added))

"""Writes bitmap fonts: one glyph, a red square on the baseline, in several strikes.

Only the OpenType tables and fields that FreeType reads are filled in.
"""

import io
import struct
from typing import TypeAlias

from PIL import Image

Tables: TypeAlias = dict[bytes, bytes]

FAMILY = "Red Square"
GLYPH = "\N{HEDGEHOG}"
_UNITS_PER_EM = 1000
_GLYPHS = 2  # .notdef, which has no bitmap, and the square


def cbdt_tables(*strikes_px: int) -> Tables:
    """The tables of a font with CBLC and CBDT (Google)."""
    data = struct.pack(">L", 0x30000)
    arrays = b""
    sizes = b""
    for ppem in strikes_px:
        png = _square_png(ppem)
        metrics = struct.pack(">BBbbBL", ppem, ppem, 0, ppem, ppem, len(png))
        array_at = 8 + 48 * len(strikes_px) + len(arrays)
        array = struct.pack(">HHLHHLLL", 1, 1, 8, 1, 17, len(data), 0, len(metrics) + len(png))
        line = struct.pack(">bbB9x", ppem, 0, ppem)
        sizes += struct.pack(">4L", array_at, len(array), 1, 0) + line + line
        sizes += struct.pack(">HHBBBb", 1, 1, ppem, ppem, 32, 1)
        arrays += array
        data += metrics + png
    location = struct.pack(">LL", 0x30000, len(strikes_px)) + sizes + arrays
    return {**_common_tables(), b"CBDT": data, b"CBLC": location}


def sbix_tables(*strikes_px: int) -> Tables:
    """The tables of a font with sbix (Apple)."""
    strikes = []
    for ppem in strikes_px:
        glyph = struct.pack(">hh4s", 0, 0, b"png ") + _square_png(ppem)
        start = 4 + 4 * (_GLYPHS + 1)
        strikes.append(struct.pack(">HHLLL", ppem, 72, start, start, start + len(glyph)) + glyph)
    first = 8 + 4 * len(strikes)
    offsets = [first + sum(map(len, strikes[:at])) for at in range(len(strikes))]
    table = struct.pack(f">HHL{len(strikes)}L", 1, 1, len(strikes), *offsets) + b"".join(strikes)
    return {**_common_tables(), b"sbix": table}


def sfnt(tables: Tables, start: int = 0) -> bytes:
    """A font file. Its offsets count from `start` bytes before it."""
    at = start + 12 + 16 * len(tables)
    directory, body = struct.pack(">L4H", 0x10000, len(tables), 0, 0, 0), b""
    for tag, table in sorted(tables.items()):
        directory += struct.pack(">4sLLL", tag, 0, at + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    return directory + body


def collection(*faces: Tables) -> bytes:
    """A font collection with the tables of each face."""
    header_bytes = 12 + 4 * len(faces)
    files: list[bytes] = []
    offsets = []
    for tables in faces:
        offsets.append(header_bytes + sum(map(len, files)))
        files.append(sfnt(tables, offsets[-1]))
    return struct.pack(f">4sLL{len(faces)}L", b"ttcf", 0x10000, len(faces), *offsets) + b"".join(files)


def _common_tables() -> Tables:
    em = _UNITS_PER_EM
    head = struct.pack(">LLLLHH16x4hHHhhh", 0x10000, 0, 0, 0x5F0F3CF5, 0, em, 0, 0, em, em, 0, 8, 2, 0, 0)
    return {
        b"head": head,
        b"hhea": struct.pack(">LhhhH22xH", 0x10000, em, 0, 0, em, _GLYPHS),
        b"hmtx": struct.pack(">HhHh", em, 0, em, 0),
        b"maxp": struct.pack(">LH", 0x5000, _GLYPHS),
        b"cmap": struct.pack(">HHHHLHHLLLLLL", 0, 1, 3, 10, 12, 12, 0, 28, 0, 1, ord(GLYPH), ord(GLYPH), 1),
        b"name": _name_table((1, FAMILY), (2, "Regular")),
    }


def _name_table(*names: tuple[int, str]) -> bytes:
    records, texts = b"", b""
    for id_, name in names:
        text = name.encode("utf-16-be")
        records += struct.pack(">6H", 3, 1, 0x409, id_, len(text), len(texts))
        texts += text
    return struct.pack(">HHH", 0, len(names), 6 + len(records)) + records + texts


def _square_png(side_px: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (side_px, side_px), "red").save(out, "PNG")
    return out.getvalue()

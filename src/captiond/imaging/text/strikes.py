"""The sizes of a bitmap font's strikes, read from its table CBLC (OpenType) or sbix (Apple)."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

_COLLECTION = int.from_bytes(b"ttcf", "big")
_COLLECTION_HEADER_BYTES = 12
_HEADER_BYTES, _RECORD_BYTES = 12, 16  # of the table directory
_BITMAP_SIZE_BYTES, _PPEM_AT = 48, 44  # of a BitmapSize record of CBLC
_MAX_PPEM = 1024  # a larger one is invalid, and would take much memory per glyph
_MAX_STRIKES = 256


class _Span(NamedTuple):
    """A table within a font file."""

    file: BinaryIO
    start: int
    length: int

    def read(self, at: int, layout: str) -> tuple[int, ...]:
        """Unpack numbers at an offset. Raises struct.error past the end of the table or file."""
        size = struct.calcsize(layout)
        self.file.seek(self.start + at)
        return struct.unpack(layout, self.file.read(max(0, min(size, self.length - at))))


def read_strikes(path: Path, index: int = 0) -> tuple[int, ...]:
    """Sizes in pixels per em, smallest first; empty for outline fonts and invalid files."""
    try:
        with path.open("rb") as file:
            sizes = {*_read_sizes(_Span(file, 0, path.stat().st_size), index)}
    except (OSError, struct.error):
        return ()
    return tuple(sorted(size for size in sizes if 0 < size <= _MAX_PPEM))


def _read_sizes(font: _Span, index: int) -> Iterator[int]:
    for tag, table in _find_tables(font, index):
        if tag == b"CBLC":
            yield from _read_cblc(table)
        elif tag == b"sbix":
            yield from _read_sbix(table)


def _find_tables(font: _Span, index: int) -> Iterator[tuple[bytes, _Span]]:
    """The tags and tables of one face."""
    directory = 0
    (kind,) = font.read(0, ">L")
    if kind == _COLLECTION:
        (directory,) = font.read(_COLLECTION_HEADER_BYTES + 4 * index, ">L")
    elif index:
        return
    (count,) = font.read(directory + 4, ">H")
    for at in range(directory + _HEADER_BYTES, directory + _HEADER_BYTES + count * _RECORD_BYTES, _RECORD_BYTES):
        tag, _, start, length = font.read(at, ">4L")
        yield tag.to_bytes(4, "big"), _Span(font.file, start, length)


def _read_cblc(table: _Span) -> Iterator[int]:
    (count,) = table.read(4, ">L")
    for at in range(min(count, _MAX_STRIKES)):
        across, down = table.read(8 + at * _BITMAP_SIZE_BYTES + _PPEM_AT, ">BB")
        if across == down:  # FreeType selects a strike by one number
            yield down


def _read_sbix(table: _Span) -> Iterator[int]:
    (count,) = table.read(4, ">L")
    for at in range(min(count, _MAX_STRIKES)):
        (start,) = table.read(8 + 4 * at, ">L")
        yield from table.read(start, ">H")

"""Joins a strip to the top, left or right of the stored picture: of a photo that viewers turn, or above any photo.

The photo's coefficients stay as they are, except for the blocks that cross its right side. A strip at the top precedes
the photo's MCUs. A strip at the left or right adds MCUs to each row.
"""

from dataclasses import dataclass, replace
from itertools import repeat

from PIL import Image

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.mcu_layout import encode_mcus
from captiond.imaging.jpeg.native import is_native
from captiond.imaging.jpeg.scan import find_end
from captiond.imaging.jpeg.scan_reader import Block
from captiond.imaging.jpeg.segments import DRI, EOI, segment_bytes
from captiond.imaging.limits import MAX_SIDE_PX
from captiond.imaging.placement import Side
from captiond.imaging.splice.approximation import fit_strip
from captiond.imaging.splice.restore import Change, SideChange, make_patch
from captiond.imaging.splice.scan_editor import Interleaving, McuReader, McuWriter, Piece, insert_strip
from captiond.imaging.splice.seam_column import encode_seam_column
from captiond.imaging.splice.splice import Spliced
from captiond.imaging.splice.table_completion import complete_tables, define_implied_tables

_MAX_INTERPRETED_BYTES = 8 << 10  # some 10 ms
_MAX_INTERVALS = 10_000  # each takes about 0.5 ms; cameras restart once per row of MCUs, if at all
_NO_RESTARTS = b"\0\0"  # B.2.4.4


@dataclass(frozen=True, slots=True)
class _Strip:
    """The strip's blocks per run. `has_seam`: photo and strip share a column of MCUs."""

    order: Interleaving
    runs: list[list[Block]]
    has_seam: bool


def splice_at_side(jpeg: bytes, header: Header, side: Side, strip: Image.Image, digest: bytes | None = None) -> Spliced:
    """Join the strip (mode L or RGB), as high or wide as the photo, to a side of the stored picture.

    A strip at the top or left must consist of whole MCUs. `digest` is the SHA-256 of the file, if the caller has it.
    Raises NotSpliceable, JpegError.
    """
    width_px = header.width_px + (0 if side == "top" else strip.width)
    height_px = header.height_px + (strip.height if side == "top" else 0)
    if max(width_px, height_px, header.mcu_height_px * _rows(header)) > MAX_SIDE_PX:
        raise NotSpliceable("captioned image too large")
    if not is_native() and len(jpeg) - header.scan_start > _MAX_INTERPRETED_BYTES:
        too_large = f"strip at the {side} of a photo too large for the interpreted decoder"
        raise NotSpliceable(f"{too_large}; install captiond with a C compiler")
    if header.restart_interval and header.mcus > _MAX_INTERVALS * header.restart_interval:
        raise NotSpliceable(f"strip at the {side} of a photo with too many restart intervals")
    completed, tables = complete_tables(header)
    parts = _encode_top(strip, completed) if side == "top" else _encode_rows(completed, side, strip)
    order = parts.order
    reader = McuReader(jpeg, header, header.restart_interval)
    runs, photo_column = _read_runs(reader, parts)
    seam_column = encode_seam_column(photo_column, strip, completed) if parts.has_seam else []
    scan = insert_strip(McuWriter(completed.components, 0), order, runs, parts.runs, seam_column)
    restored = McuWriter(header.components, header.restart_interval)
    if insert_strip(restored, order, runs, repeat([]), photo_column) != jpeg[header.scan_start : reader.end]:
        raise NotSpliceable("padding other than ones in the scan")
    if find_end(jpeg, reader.end) != (reader.end, EOI[1]):
        raise NotSpliceable("data after the scan")
    inserted = define_implied_tables(header) + tables
    if header.restart_interval:
        inserted += segment_bytes(DRI, _NO_RESTARTS)
    side_change = SideChange(order, header.restart_interval, header.components, photo_column)
    change = Change(height_px, inserted, header.scan_start, scan, reader.end, width_px, side_change)
    return Spliced(make_patch(jpeg, header, change, digest), width_px, height_px, None)


def _read_runs(reader: McuReader, parts: _Strip) -> tuple[list[list[Piece]], list[list[Block]]]:
    """The photo's MCUs per run without the shared column, and the MCUs of the shared column."""
    runs: list[list[Piece]] = []
    column: list[list[Block]] = []
    for _ in range(parts.order.runs):
        runs.append(reader.read(parts.order.photo_mcus - parts.has_seam))
        if parts.has_seam:
            column.append(reader.read(1)[0].first)
    return runs, column


def _rows(header: Header) -> int:
    return header.mcus // header.mcus_across


def _encode_top(strip: Image.Image, header: Header) -> _Strip:
    blocks = fit_strip(encode_mcus(strip, header), header.components)
    strip_mcus = strip.height // header.mcu_height_px * header.mcus_across
    return _Strip(Interleaving(1, header.mcus, strip_mcus, strip_is_first=True), [blocks], has_seam=False)


def _encode_rows(header: Header, side: Side, strip: Image.Image) -> _Strip:
    rows = _rows(header)
    padding_px = -header.width_px % header.mcu_width_px if side == "right" else 0
    rest = strip.crop((min(padding_px, strip.width), 0, *strip.size))
    of_strip = replace(header, width_px=rest.width)
    blocks = fit_strip(encode_mcus(rest, of_strip), header.components) if rest.width else []
    per_row = len(blocks) // rows
    runs = [blocks[row * per_row : (row + 1) * per_row] for row in range(rows)]
    order = Interleaving(rows, header.mcus_across, of_strip.mcus_across, strip_is_first=side == "left")
    return _Strip(order, runs, has_seam=padding_px > 0)

"""Joins a strip to the top, left or right of the stored picture, for photos that viewers turn.

The photo's coefficients stay as they are, except for the blocks that cross its right side. A strip at the top precedes
the photo's MCUs. A strip at the left or right adds MCUs to each row.
"""

from array import array
from dataclasses import dataclass, replace

from PIL import Image

from captiond.imaging.errors import MalformedJpeg, NotSpliceable
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.mcu_layout import encode_mcus
from captiond.imaging.jpeg.native import default_build, is_native
from captiond.imaging.jpeg.scan import find_end
from captiond.imaging.jpeg.scan_reader import Block, lay_out
from captiond.imaging.jpeg.segments import DRI, EOI, segment_bytes
from captiond.imaging.limits import MAX_SIDE_PX
from captiond.imaging.placement import Side
from captiond.imaging.splice.approximation import fit_strip
from captiond.imaging.splice.restore import Change, Turned, make_patch
from captiond.imaging.splice.scan_editor import Interleaving, ScanEditor, insert_strip, remove_strip
from captiond.imaging.splice.seam_column import encode_seam_column
from captiond.imaging.splice.splice import Spliced
from captiond.imaging.splice.table_completion import complete_tables, define_implied_tables

_MAX_INTERPRETED_BYTES = 8 << 10  # some 10 ms
_MAX_INTERVALS = 10_000  # each takes about 0.5 ms; cameras restart once per row of MCUs, if at all
_NO_RESTARTS = b"\0\0"  # B.2.4.4


@dataclass(frozen=True, slots=True)
class _Strip:
    """The strip's blocks in each run, and the MCUs that photo and strip share."""

    order: Interleaving
    runs: list[list[Block]]
    photo_column: list[list[Block]]
    seam_column: list[list[Block]]


def splice_turned(jpeg: bytes, header: Header, side: Side, strip: Image.Image, digest: bytes | None = None) -> Spliced:
    """Join the strip (mode L or RGB), as high or wide as the photo, to a side of the stored picture.

    A strip at the top or left must consist of whole MCUs. `digest` is the SHA-256 of the file, if the caller knows it.
    Raises NotSpliceable, JpegError.
    """
    width_px = header.width_px + (0 if side == "top" else strip.width)
    height_px = header.height_px + (strip.height if side == "top" else 0)
    if max(width_px, height_px, header.mcu_height_px * _rows(header)) > MAX_SIDE_PX:
        raise NotSpliceable("captioned image too large")
    if not is_native() and len(jpeg) - header.scan_start > _MAX_INTERPRETED_BYTES:
        raise NotSpliceable("turned photo too large for the interpreted decoder; install captiond with a C compiler")
    if header.restart_interval and header.mcus > _MAX_INTERVALS * header.restart_interval:
        raise NotSpliceable("too many restart intervals in a turned photo")
    completed, tables = complete_tables(header)
    parts = _encode_top(strip, completed) if side == "top" else _encode_rows(jpeg, completed, side, strip)
    editor = ScanEditor(jpeg, header, completed.components, 0)
    scan = insert_strip(editor, parts.order, parts.runs, parts.seam_column)
    joined = replace(completed, width_px=width_px, height_px=height_px, restart_interval=0, scan_start=0)
    back = ScanEditor(scan + EOI, joined, header.components, header.restart_interval)
    if remove_strip(back, parts.order, parts.photo_column) != jpeg[header.scan_start : editor.end]:
        raise NotSpliceable("padding other than ones in the scan")
    if find_end(jpeg, editor.end) != (editor.end, EOI[1]):
        raise NotSpliceable("data after the scan")
    inserted = define_implied_tables(header) + tables
    if header.restart_interval:
        inserted += segment_bytes(DRI, _NO_RESTARTS)
    turned = Turned(parts.order, header.restart_interval, header.components, parts.photo_column)
    change = Change(height_px, inserted, header.scan_start, scan, editor.end, width_px, turned)
    return Spliced(make_patch(jpeg, header, change, digest), width_px, height_px, None)


def _rows(header: Header) -> int:
    return header.mcus // header.mcus_across


def _encode_top(strip: Image.Image, header: Header) -> _Strip:
    blocks = fit_strip(encode_mcus(strip, header), header.components)
    strip_mcus = strip.height // header.mcu_height_px * header.mcus_across
    return _Strip(Interleaving(1, header.mcus, strip_mcus, strip_is_first=True), [blocks], [], [])


def _encode_rows(jpeg: bytes, header: Header, side: Side, strip: Image.Image) -> _Strip:
    rows = _rows(header)
    padding_px = -header.width_px % header.mcu_width_px if side == "right" else 0
    photo_column = _read_last_column(jpeg, header) if padding_px else []
    seam_column = encode_seam_column(photo_column, strip, header) if padding_px else []
    rest = strip.crop((min(padding_px, strip.width), 0, *strip.size))
    of_strip = replace(header, width_px=rest.width)
    blocks = fit_strip(encode_mcus(rest, of_strip), header.components) if rest.width else []
    per_row = len(blocks) // rows
    runs = [blocks[row * per_row : (row + 1) * per_row] for row in range(rows)]
    order = Interleaving(rows, header.mcus_across, of_strip.mcus_across, strip_is_first=side == "left")
    return _Strip(order, runs, photo_column, seam_column)


def _read_last_column(jpeg: bytes, header: Header) -> list[list[Block]]:
    """The last MCU of each row."""
    layout = lay_out(header.components)
    plan = array("i", (header.restart_interval, header.mcus, 0)) + layout.plan
    decoder = default_build().decoder(jpeg, header.scan_start, plan, layout.tables)
    column = []
    for _ in range(_rows(header)):
        mcu: list[Block] = []
        if not (decoder.skip(header.mcus_across - 1) and decoder.read(1, mcu)):
            raise MalformedJpeg(decoder.fault)
        column.append(mcu)
    return column

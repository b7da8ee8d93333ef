"""Encodes the end of a scan of a progressive photo: a partial last MCU row, and the rows of the strip.

An end-of-band run that crosses the start of these rows is shortened (T.81 G.1.2.2).
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import compress

from captiond.imaging.errors import UnsupportedJpeg
from captiond.imaging.jpeg.huffman import MAX_CODE_BITS
from captiond.imaging.jpeg.native import default_build
from captiond.imaging.jpeg.progressive_encoder import ProgressiveEncoder
from captiond.imaging.jpeg.progressive_rows import Rows
from captiond.imaging.jpeg.progressive_scan import KeptScan
from captiond.imaging.splice.restore import Edit
from captiond.imaging.splice.table_completion import complete_table, define_tables

_SYMBOLS = range(256)
_MAX_TABLES = 4
_ALL = b"\1" * (_MAX_TABLES * len(_SYMBOLS))


@dataclass(frozen=True, slots=True)
class ScanEnd:
    """The changes to a scan."""

    edits: tuple[Edit, ...]
    is_exact: bool  # False: coefficients without a code changed


def encode_scan_end(jpeg: bytes, kept: KeptScan, rows: Rows, begin: Callable[[bytes], ProgressiveEncoder]) -> ScanEnd:
    """Encode the rows as the end of a scan. `begin` returns an encoder for the available symbols.

    A coefficient without a code changes to the nearest one with a code, also for the later refinement scans.
    Raises MissingHuffmanCode, UnsupportedJpeg.
    """
    tables = dict(kept.scan.tables)
    encoder = _write(kept, rows, begin(_ALL))
    added: dict[int, bytes] = {}
    codes = array("I")
    is_exact = True
    for at, (table_id, table) in enumerate(tables.items()):
        first = at * len(_SYMBOLS)
        counts = encoder.counts[first : first + len(_SYMBOLS)]
        if missing := {*compress(_SYMBOLS, counts)}.difference(table[MAX_CODE_BITS:]):
            table = complete_table(table, sorted(missing, key=counts.__getitem__, reverse=True))  # noqa: PLW2901
            added[table_id] = table
            is_exact = is_exact and missing.issubset(table[MAX_CODE_BITS:])
        codes += default_build().make_codes(table)
    if not is_exact:
        encoder = _write(kept, rows, begin(bytes(map(bool, codes))))
    start, bits = divmod(kept.state[0], 8)
    end = encoder.finish(codes, kept.data[start] >> (8 - bits) if bits else 0, bits)
    sos = kept.scan.sos
    edits = [Edit(sos.start, sos.start, define_tables(added))] if added else []
    return ScanEnd((*edits, Edit(_find_byte(jpeg, kept, start), kept.end, end)), is_exact)


def _write(kept: KeptScan, rows: Rows, encoder: ProgressiveEncoder) -> ProgressiveEncoder:
    scan = kept.scan
    order = rows.order(scan.components)
    if scan.first:
        encoder.resume_run(kept.state[1], kept.data, kept.state[2], kept.state[3])
        write = encoder.refine_ac if scan.high else encoder.write_ac
        write(order, scan.first, scan.last, scan.low)
    elif scan.high:
        encoder.refine_dc(order, scan.low)
    else:
        ids = [table_id for table_id, _ in scan.tables]
        numbers = {table_id: number for number, table_id in enumerate(dict.fromkeys(ids))}
        plan = array("i")
        for component in scan.component_plan():
            plan.extend((component, numbers[ids[component]]))
        encoder.write_dc(order, plan, kept.state[1:], scan.low)
    return encoder


def _find_byte(jpeg: bytes, kept: KeptScan, start: int) -> int:
    """The file offset of a scan byte. `start` is its offset in the scan without byte stuffing."""
    scan_start = kept.scan.sos.end
    if jpeg.find(b"\xff\xff", scan_start, kept.end) >= 0:
        raise UnsupportedJpeg("fill bytes in a progressive scan")
    return kept.end - (len(kept.data) - start) - kept.data.count(b"\xff", start)

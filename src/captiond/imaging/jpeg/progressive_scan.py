"""Checks the scans of a progressive photo, and stores what a splice needs (T.81 annex G)."""

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from captiond.imaging.errors import MalformedJpeg, UnsupportedJpeg
from captiond.imaging.jpeg.entropy_decoder import ENDS_EARLY, EXTRA_DATA, INVALID_CODE, WRONG_MARKER
from captiond.imaging.jpeg.native import Build
from captiond.imaging.jpeg.progressive import NONE_KEPT, to_words
from captiond.imaging.jpeg.progressive_rows import Rows
from captiond.imaging.jpeg.scan import find_end, restart_marker
from captiond.imaging.jpeg.scan_reader import DC_SYMBOLS
from captiond.imaging.jpeg.segments import Segment

_LAST = 63
_FIRST_SYMBOLS = frozenset(range(256))  # G.1.2.2
_REFINEMENT_SYMBOLS = frozenset(symbol for symbol in range(256) if symbol & 15 <= 1)  # G.1.2.3
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_NONE = array("i")
_NO_STATE = 5 * [0]
BLOCK_COEFFICIENTS = 64


@dataclass(slots=True)
class Plane:
    """A component of the frame."""

    index: int
    across: int  # blocks per MCU of an interleaved scan
    down: int
    width: int  # blocks
    height: int
    quantisation: int  # the identifier of its table
    is_missing: bool = True  # no scan contains it yet
    nonzero: "array[int]" = field(default_factory=lambda: array("Q"))  # see progressive.read_ac


@dataclass(frozen=True, slots=True)
class ProgressiveScan:
    """The parameters of a scan (B.2.3)."""

    sos: Segment
    planes: Sequence[Plane]
    tables: tuple[tuple[int, bytes], ...]
    """The class and identifier (B.2.4.2) and the Huffman table of each component. A DC refinement has none."""
    mcus: int
    first: int  # coefficient in zigzag order
    last: int
    high: int  # Ah: 0 in the first scan of a band, else Al of the previous scan
    low: int  # Al

    @property
    def components(self) -> tuple[int, ...]:
        """The indexes of the components."""
        return tuple(plane.index for plane in self.planes)

    def component_plan(self) -> list[int]:
        """The index of the scan component of each block of an MCU."""
        if len(self.planes) == 1:
            return [0]
        return [at for at, plane in enumerate(self.planes) for _ in range(plane.across * plane.down)]


@dataclass(frozen=True, slots=True)
class KeptScan:
    """A scan, and the state of its decoder before the photo's last rows; see progressive.py."""

    scan: ProgressiveScan
    end: int  # the offset of the marker that ends it
    data: bytes  # without byte stuffing
    state: "array[int]"


class Keeper:
    """Collects the scans, and the coefficients of the photo's last rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.scans: list[KeptScan] = []
        self.coefficients = array("i", bytes(4 * BLOCK_COEFFICIENTS * rows.blocks))


def read_parameters(scan: bytes, planes: int) -> tuple[int, int, int, int]:
    """Ss, Se, Ah and Al of a scan header (B.2.3). Raises MalformedJpeg."""
    first, last, precision = scan[-3:]
    if first > last or last > _LAST or (first and planes > 1) or (last and not first):
        raise MalformedJpeg("invalid scan header")
    return first, last, precision >> 4, precision & 15


class ScanChecker:
    """Decodes a scan."""

    def __init__(self, jpeg: bytes, scan: ProgressiveScan, build: Build, keeper: Keeper | None) -> None:
        self._jpeg = jpeg
        self._scan = scan
        self._build = build
        self._keeper = keeper
        self._end = find_end(jpeg, scan.sos.end)[0]
        self._plan, self._tables = array("i"), array("I")
        offsets = []
        for _, table in scan.tables:
            offsets.append(len(self._tables))
            symbols = DC_SYMBOLS
            if scan.first:
                symbols = _REFINEMENT_SYMBOLS if scan.high else _FIRST_SYMBOLS
            self._tables += build.make_table(table, symbols)
        if scan.first and not scan.planes[0].nonzero:
            scan.planes[0].nonzero = array("Q", bytes(8 * scan.mcus))
        for component in scan.component_plan():
            self._plan.extend((component, offsets[component] if offsets else 0))

    def find_fault(self, interval: int) -> str | None:
        """The first fault. `interval` is the number of MCUs between restart markers."""
        at, mcus = self._scan.sos.end, self._scan.mcus
        markers = _RESTART.finditer(self._jpeg, at, self._end)
        for number, start in enumerate(range(0, mcus, interval)):
            marker = next(markers, None)
            if self._keeper and (marker or interval < mcus):
                raise UnsupportedJpeg("progressive photo with restart markers")
            end = min(start + interval, mcus)
            data = self._jpeg[at : marker.start() if marker else self._end]
            if fault := self._find_fault_within(data.replace(b"\xff\0", b"\xff"), start, end):
                return f"{fault} of {mcus})"
            if end < mcus and (not marker or marker[0] != restart_marker(number)):
                return f"{WRONG_MARKER if marker else ENDS_EARLY} (MCU {end} of {mcus})"
            at = marker.end() if marker else self._end
        return None

    def _find_fault_within(self, data: bytes, start: int, end: int) -> str | None:
        """Decode MCUs `start` to `end` from bytes without stuffing. The fault ends with the MCU number."""
        done, bits = self._decode(data, start, end)
        if done < end:
            return f"{ENDS_EARLY if bits > 8 * len(data) else INVALID_CODE} (MCU {done}"
        return f"{EXTRA_DATA} (MCU {end}" if data[bits + 7 >> 3 :].strip(b"\xff") else None

    def _decode(self, data: bytes, start: int, end: int) -> tuple[int, int]:
        """The number of MCUs before the first fault, and of decoded bits. The keeper receives the last rows."""
        scan, keeper = self._scan, self._keeper
        first_kept, order, coefficients = NONE_KEPT, _NONE, _NONE
        state = array("q", _NO_STATE)
        if keeper:
            first_kept = keeper.rows.first_unit(scan.components)
            order, coefficients = keeper.rows.order(scan.components), keeper.coefficients
            keeper.scans.append(KeptScan(scan, self._end, data, state))
        kept = (first_kept, scan.low)
        words, size = to_words(data), 8 * len(data)
        target = (kept, order, coefficients, state)
        if scan.first:
            band = (scan.first, scan.last, scan.high > 0)
            return self._build.read_ac(words, size, scan.planes[0].nonzero, (start, end), band, self._tables, *target)
        if not scan.high:
            done, bits = self._build.read_dc(words, size, end - start, self._plan, self._tables, *target)
            return start + done, bits
        per_mcu = len(self._plan) // 2
        bits = (end - start) * per_mcu
        if bits > size:
            return start, bits
        if keeper:
            state[0] = first_kept * per_mcu
            self._build.refine_dc(words, state[0], scan.low, order, coefficients)
        return end, bits

"""Finds damage in the compressed data of any Huffman-coded JPEG: sequential or progressive, of one scan or many."""

import re
from array import array
from dataclasses import dataclass, field

from captiond.imaging.errors import JpegError, MalformedJpeg, UnsupportedJpeg
from captiond.imaging.jpeg.entropy_decoder import ENDS_EARLY, EXTRA_DATA, INVALID_CODE, WRONG_MARKER
from captiond.imaging.jpeg.header import BLOCK_PX, MAX_MCU_BLOCKS, METADATA, Component, Header, Tables, read_factors
from captiond.imaging.jpeg.huffman import IMPLIED_TABLES, MAX_DECODED_SIZE, huffman_codes
from captiond.imaging.jpeg.native import Build, default_build, is_native
from captiond.imaging.jpeg.scan import find_end, restart_marker
from captiond.imaging.jpeg.scan_reader import DC_SYMBOLS, read_scan
from captiond.imaging.jpeg.segments import EOI, SOS, Segment, find_segments

UNCHECKED = "unchecked"
"""Stands for the damage of a photo whose compressed data were not checked."""

_PROGRESSIVE = 0xC2
_FRAMES = (0xC0, 0xC1, _PROGRESSIVE)
_AC_CLASS = 0x10
_LAST = 63
_PROGRESSIVE_SYMBOLS = frozenset(range(256))  # G.1.2.2
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_READ_AHEAD = bytes(4)  # of the functions of progressive.py
_MAX_INTERVALS = 500_000  # of all progressive scans; a usual photo has none, or one per row of MCUs
_MIN_FRAME_BYTES = 6
_MAX_SCAN_COMPONENTS = 4  # B.2.3
_MAX_INTERPRETED_BYTES = 256 << 10  # some 150 ms


def is_checked(jpeg: bytes) -> bool:
    """Whether the build in use reads all compressed data of a file.

    The interpreted one, being slow, reads only small files without an end of image, which most often were cut off.
    """
    if is_native():
        return True
    has_end = any(segment.marker == EOI[1] for segment in find_segments(jpeg))
    return not has_end and len(jpeg) <= _MAX_INTERPRETED_BYTES


def find_damage(jpeg: bytes, max_pixels: int, build: Build | None = None) -> str | None:
    """Describe the first fault of the compressed data. None: the photo is intact. UNCHECKED: nobody knows.

    The file may be any bytes. Photos of more than `max_pixels`, which would take much memory, are not checked. Without
    a build, neither are files for which `is_checked` is false.
    """
    if not build and not is_checked(jpeg):
        return UNCHECKED
    try:
        return _Checker(jpeg, max_pixels, build or default_build()).find()
    except UnsupportedJpeg:
        return UNCHECKED
    except JpegError as error:
        return str(error)


@dataclass(slots=True)
class _Plane:
    """A component of the frame."""

    across: int  # blocks per MCU of several components
    down: int
    width: int  # blocks
    height: int
    quantisation: int  # the identifier of its table
    is_missing: bool = True  # no scan had it yet
    nonzero: "array[int]" = field(default_factory=lambda: array("Q"))  # see progressive.skip_ac


class _Checker:
    """Reads all scans of a file."""

    def __init__(self, jpeg: bytes, max_pixels: int, build: Build) -> None:
        self._jpeg = jpeg
        self._max_pixels = max_pixels
        self._build = build
        self._tables = Tables()
        self._planes: dict[int, _Plane] = {}
        self._mcus = 0  # of a scan of several components
        self._is_progressive = False
        self._scans = 0
        self._intervals = 0

    def find(self) -> str | None:
        for segment in find_segments(self._jpeg):
            if segment.marker in _FRAMES:
                self._is_progressive = segment.marker == _PROGRESSIVE
                self._begin_frame(segment.body)
            elif segment.marker == SOS:
                self._scans += 1
                if damage := self._check_scan(segment):
                    return damage
            elif segment.marker == EOI[1]:
                return None if self._scans else "no scan"
            elif segment.marker not in METADATA:
                self._tables.define(segment.marker, segment.body)
        has_missing = any(plane.is_missing for plane in self._planes.values())
        is_complete = self._scans and not has_missing and not self._is_progressive
        return None if is_complete else "missing end of image"

    def _begin_frame(self, frame: bytes) -> None:
        if self._planes:
            raise MalformedJpeg("more than one frame header")
        if len(frame) < _MIN_FRAME_BYTES or not frame[5] or len(frame) != _MIN_FRAME_BYTES + 3 * frame[5]:
            raise MalformedJpeg("invalid frame header")
        height_px, width_px = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
        factors = read_factors(frame)
        is_known = frame[0] == 8 and height_px and len(set(frame[6::3])) == frame[5]  # noqa: PLR2004 - bits per sample
        if not is_known or height_px * width_px > self._max_pixels:
            raise UnsupportedJpeg("frame header")
        if not width_px:
            raise MalformedJpeg("width 0 in the frame header")
        highest = max(across for across, _ in factors), max(down for _, down in factors)
        mcu_px = BLOCK_PX * highest[0], BLOCK_PX * highest[1]
        self._mcus = -(-width_px // mcu_px[0]) * -(-height_px // mcu_px[1])
        self._planes = {
            identifier: _Plane(
                across, down, -(-width_px * across // mcu_px[0]), -(-height_px * down // mcu_px[1]), table_id
            )
            for identifier, (across, down), table_id in zip(frame[6::3], factors, frame[8::3], strict=True)
        }

    def _check_scan(self, segment: Segment) -> str | None:
        planes, table_ids = self._read_scan_header(segment.body)
        is_single = len(planes) == 1
        mcus = planes[0].width * planes[0].height if is_single else self._mcus
        counts = [1 if is_single else plane.across * plane.down for plane in planes]
        if self._is_progressive:
            fault = self._check_progressive(segment, planes, [*zip(counts, table_ids, strict=True)], mcus)
            return f"{fault} in scan {self._scans}" if fault else None
        components = tuple(
            Component(blocks, 1, (), self._dc_table(pair), self._ac_table(pair))
            for blocks, pair in zip(counts, table_ids, strict=True)
        )
        for plane in planes:
            plane.is_missing = False
        size_px = (BLOCK_PX * counts[0] * mcus, BLOCK_PX)
        header = Header(*size_px, components, self._tables.restart_interval, 0, 0, segment.end, ())
        return read_scan(self._jpeg, header, mcus, self._build).damage

    def _read_scan_header(self, scan: bytes) -> tuple[list[_Plane], bytes]:
        """The components of a scan, and their identifiers of Huffman tables (B.2.3)."""
        count = scan[0] if scan else 0
        ids = scan[1 : 2 * count : 2]
        is_valid = 0 < count <= _MAX_SCAN_COMPONENTS and len(scan) == 4 + 2 * count and len(set(ids)) == count
        if not is_valid or not self._planes.keys() >= set(ids):
            raise MalformedJpeg("invalid scan header")
        planes = [self._planes[identifier] for identifier in ids]
        if count > 1 and sum(plane.across * plane.down for plane in planes) > MAX_MCU_BLOCKS:
            raise MalformedJpeg("too many blocks per MCU")
        if not self._tables.quantisation.keys() >= {plane.quantisation for plane in planes}:
            raise MalformedJpeg("missing quantisation table")
        return planes, scan[2 : 2 + 2 * count : 2]

    def _check_progressive(
        self, segment: Segment, planes: list[_Plane], blocks: list[tuple[int, int]], mcus: int
    ) -> str | None:
        decoder = self._begin_progressive(segment.body, planes, blocks, mcus)
        interval = self._tables.restart_interval or mcus
        self._intervals += -(-mcus // interval)
        if self._intervals > _MAX_INTERVALS:
            raise UnsupportedJpeg(f"more than {_MAX_INTERVALS} restart intervals")
        at, scan_end = segment.end, find_end(self._jpeg, segment.end)[0]
        markers = _RESTART.finditer(self._jpeg, at, scan_end)
        for number, start in enumerate(range(0, mcus, interval)):
            marker = next(markers, None)
            end = min(start + interval, mcus)
            data = self._jpeg[at : marker.start() if marker else scan_end]
            if fault := decoder.find_fault(data.replace(b"\xff\0", b"\xff"), start, end):
                return f"{fault} of {mcus})"
            if end < mcus and (not marker or marker[0] != restart_marker(number)):
                return f"{WRONG_MARKER if marker else ENDS_EARLY} (MCU {end} of {mcus})"
            at = marker.end() if marker else scan_end
        return None

    def _begin_progressive(
        self, scan: bytes, planes: list[_Plane], blocks: list[tuple[int, int]], mcus: int
    ) -> "_ProgressiveDecoder":
        first, last, precision = scan[-3:]
        is_refinement = precision >= 16  # noqa: PLR2004 - the last bit in the high nibble, B.2.3
        if first > last or last > _LAST or (first and len(planes) > 1) or (last and not first):
            raise MalformedJpeg("invalid scan header")
        band = (first, last, is_refinement)
        tables, offsets = array("I"), array("i")
        if first:
            tables = self._build.make_table(self._ac_table(blocks[0][1]), _PROGRESSIVE_SYMBOLS)
            if not planes[0].nonzero:
                planes[0].nonzero = array("Q", bytes(8 * mcus))
        for count, pair in blocks if not first else ():
            offsets.extend([len(tables)] * count)
            if not is_refinement:
                tables += self._build.make_table(self._dc_table(pair), DC_SYMBOLS)
        return _ProgressiveDecoder(self._build, band, planes[0].nonzero, offsets, tables)

    def _dc_table(self, pair: int) -> bytes:
        table = self._table(pair >> 4)
        if max(huffman_codes(table), default=0) > MAX_DECODED_SIZE:
            raise MalformedJpeg("invalid Huffman table")
        return table

    def _ac_table(self, pair: int) -> bytes:
        table = self._table(_AC_CLASS | pair & 15)
        huffman_codes(table)  # raises MalformedJpeg
        return table

    def _table(self, table_id: int) -> bytes:
        table = (self._tables.huffman or IMPLIED_TABLES).get(table_id)
        if table is None:
            raise MalformedJpeg("missing Huffman table")
        return table


@dataclass(frozen=True, slots=True)
class _ProgressiveDecoder:
    """Decodes the restart intervals of a progressive scan."""

    build: Build
    band: tuple[int, int, bool]  # the first and the last coefficient, and whether the scan refines them
    nonzero: "array[int]"
    offsets: "array[int]"
    tables: "array[int]"

    def find_fault(self, data: bytes, start: int, end: int) -> str | None:
        """Decode MCUs `start` to `end` from bytes without stuffing. A fault ends with the number of its MCU."""
        readable = data + _READ_AHEAD
        size = 8 * len(data)
        if self.band[0]:
            done, bits = self.build.skip_ac(readable, self.nonzero, (start, end), self.band, self.tables)
        elif self.band[2]:
            bits = (end - start) * len(self.offsets)
            done = end if bits <= size else start
        else:
            done, bits = self.build.skip_dc(readable, end - start, self.offsets, self.tables)
            done += start
        if done < end:
            return f"{ENDS_EARLY if bits > size else INVALID_CODE} (MCU {done}"
        return f"{EXTRA_DATA} (MCU {end}" if data[bits + 7 >> 3 :].strip(b"\xff") else None

"""Finds damage in the compressed data of any Huffman-coded JPEG: sequential or progressive, of one scan or many."""

import re
from array import array
from dataclasses import dataclass, field

from captiond.imaging.errors import JpegError, MalformedJpeg, UnsupportedJpeg
from captiond.imaging.jpeg.entropy_decoder import ENDS_EARLY, EXTRA_DATA, INVALID_CODE
from captiond.imaging.jpeg.header import METADATA, Component, Header, Tables
from captiond.imaging.jpeg.huffman import IMPLIED_TABLES
from captiond.imaging.jpeg.native import Build, default_build, is_native
from captiond.imaging.jpeg.scan import find_end
from captiond.imaging.jpeg.scan_reader import DC_SYMBOLS, PROGRESSIVE_SYMBOLS, make_tables, read_scan
from captiond.imaging.jpeg.segments import EOI, SOS, Segment, find_segments

UNCHECKED = "unchecked"
"""Stands for the damage of a photo whose compressed data were not checked."""
MISSING_END = "missing end of image"

_PROGRESSIVE = 0xC2
_FRAMES = (0xC0, 0xC1, _PROGRESSIVE)
_AC_CLASS = 0x10
_LAST = 63
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_READ_AHEAD = bytes(4)  # of the functions of progressive.py
_MAX_INTERVALS = 500_000  # of all progressive scans; a usual photo has none, or one per row of MCUs
_MIN_FRAME_BYTES = 6
_BLOCK_PX = 8


def find_damage(jpeg: bytes, build: Build | None = None) -> str | None:
    """Describe the first fault of the compressed data. None: the photo is intact. UNCHECKED: nobody knows.

    Without a build, the interpreted one looks for the end of the image only.
    """
    if not build and not is_native():
        return UNCHECKED if any(segment.marker == EOI[1] for segment in find_segments(jpeg)) else MISSING_END
    try:
        return _Checker(jpeg, build or default_build()).find()
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
    nonzero: "array[int]" = field(default_factory=lambda: array("Q"))  # see progressive.skip_ac


class _Checker:
    """Reads all scans of a file."""

    def __init__(self, jpeg: bytes, build: Build) -> None:
        self._jpeg = jpeg
        self._build = build
        self._tables = Tables()
        self._planes: dict[int, _Plane] = {}
        self._mcus = 0  # of a scan of several components
        self._is_progressive = False
        self._scans = 0
        self._intervals = 0
        self._missing = 1  # components without a scan

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
        is_complete = self._missing == 0 and not self._is_progressive
        return None if is_complete else MISSING_END

    def _begin_frame(self, frame: bytes) -> None:
        if len(frame) < _MIN_FRAME_BYTES or len(frame) != _MIN_FRAME_BYTES + 3 * frame[5] or 0 in frame[7::3]:
            raise MalformedJpeg("invalid frame header")
        height_px, width_px = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
        factors = [divmod(factor, 16) for factor in frame[7::3]]
        if frame[0] != 8 or not height_px or not all(map(all, factors)):  # noqa: PLR2004 - bits per sample
            raise UnsupportedJpeg("frame header")
        highest = max(across for across, _ in factors), max(down for _, down in factors)
        mcu_px = _BLOCK_PX * highest[0], _BLOCK_PX * highest[1]
        self._mcus = -(-width_px // mcu_px[0]) * -(-height_px // mcu_px[1])
        self._missing = len(factors)
        self._planes = {
            identifier: _Plane(across, down, -(-width_px * across // mcu_px[0]), -(-height_px * down // mcu_px[1]))
            for identifier, (across, down) in zip(frame[6::3], factors, strict=True)
        }

    def _check_scan(self, segment: Segment) -> str | None:
        scan = segment.body
        count = scan[0] if scan else 0
        if not count or len(scan) != 4 + 2 * count or not self._planes.keys() >= set(scan[1 : 2 * count : 2]):
            raise MalformedJpeg("invalid scan header")
        planes = [self._planes[identifier] for identifier in scan[1 : 2 * count : 2]]
        mcus = self._mcus if count > 1 else planes[0].width * planes[0].height
        counts = [plane.across * plane.down if count > 1 else 1 for plane in planes]
        table_ids = scan[2 : 2 + 2 * count : 2]
        if self._is_progressive:
            fault = self._check_progressive(segment, planes, [*zip(counts, table_ids, strict=True)], mcus)
            return f"{fault} in scan {self._scans}" if fault else None
        components = tuple(
            Component(blocks, 1, (), self._table(pair >> 4), self._table(_AC_CLASS | pair & 15))
            for blocks, pair in zip(counts, table_ids, strict=True)
        )
        size_px = (_BLOCK_PX * counts[0] * mcus, _BLOCK_PX)
        self._missing -= count
        header = Header(*size_px, components, self._tables.restart_interval, 0, 0, segment.end, ())
        return read_scan(self._jpeg, header, mcus, self._build).damage

    def _check_progressive(
        self, segment: Segment, planes: list[_Plane], blocks: list[tuple[int, int]], mcus: int
    ) -> str | None:
        first, last, precision = segment.body[-3:]
        is_refinement = precision >= 16  # noqa: PLR2004 - the last bit in the high nibble, B.2.3
        if first > last or last > _LAST or (first and len(planes) > 1):
            raise MalformedJpeg("invalid scan header")
        if first:
            table = self._table(_AC_CLASS | blocks[0][1] & 15)
            offsets, tables = array("i"), make_tables([(table, PROGRESSIVE_SYMBOLS)])
            if not planes[0].nonzero:
                planes[0].nonzero = array("Q", bytes(8 * mcus))
        else:
            keys = [(self._table(pair >> 4), DC_SYMBOLS) for _, pair in blocks] if not is_refinement else []
            tables = make_tables(keys)
            offsets = array("i", [at << 16 for at, (count, _) in enumerate(blocks) for _ in range(count)])
        interval = self._tables.restart_interval or mcus
        parts = self._split(segment.end, -(-mcus // interval))
        for number, start in enumerate(range(0, mcus, interval)):
            if number == len(parts):
                return f"{ENDS_EARLY} (MCU {start} of {mcus})"
            end = min(start + interval, mcus)
            data = parts[number].replace(b"\xff\0", b"\xff") + _READ_AHEAD
            if first:
                done, bits = self._build.skip_ac(
                    data, planes[0].nonzero, (start, end), (first, last, is_refinement), tables
                )
            elif is_refinement:
                bits = (end - start) * len(offsets)
                done = end if bits <= 8 * len(parts[number]) else start
            else:
                done, bits = self._build.skip_dc(data, end - start, offsets, tables)
                done += start
            size = 8 * (len(data) - len(_READ_AHEAD))
            if done < end:
                return f"{ENDS_EARLY if bits > size else INVALID_CODE} (MCU {done} of {mcus})"
            if data[bits + 7 >> 3 : size >> 3].strip(b"\xff"):
                return f"{EXTRA_DATA} (MCU {end} of {mcus})"
        return None

    def _split(self, start: int, expected: int) -> list[bytes]:
        """The data of each restart interval, then of any surplus ones together."""
        self._intervals += expected
        if self._intervals > _MAX_INTERVALS:
            raise UnsupportedJpeg(f"more than {_MAX_INTERVALS} restart intervals")
        return _RESTART.split(self._jpeg[start : find_end(self._jpeg, start)[0]], expected)

    def _table(self, table_id: int) -> bytes:
        table = (self._tables.huffman or IMPLIED_TABLES).get(table_id)
        if table is None:
            raise MalformedJpeg("missing Huffman table")
        return table

"""Finds damage in the compressed data of any Huffman-coded JPEG: sequential or progressive, of one scan or many."""

from captiond.imaging.errors import JpegError, MalformedJpeg, UnsupportedJpeg
from captiond.imaging.jpeg.header import BLOCK_PX, MAX_MCU_BLOCKS, METADATA, Component, Header, Tables, read_factors
from captiond.imaging.jpeg.huffman import IMPLIED_TABLES, MAX_CODE_BITS, MAX_DECODED_SIZE, require_prefix_code
from captiond.imaging.jpeg.native import Build, default_build, is_native
from captiond.imaging.jpeg.progressive_rows import Rows
from captiond.imaging.jpeg.progressive_scan import Keeper, Plane, ProgressiveScan, ScanChecker, read_parameters
from captiond.imaging.jpeg.scan_reader import read_scan
from captiond.imaging.jpeg.segments import DQT, EOI, SOI, SOS, Segment, find_segments

UNCHECKED = "unchecked"
"""Stands for the damage of a photo whose compressed data were not checked."""

_PROGRESSIVE = 0xC2
_FRAMES = (0xC0, 0xC1, _PROGRESSIVE)
_AC_CLASS = 0x10
_MAX_INTERVALS = 500_000  # of all progressive scans; a usual photo has none, or one per row of MCUs
_MIN_FRAME_BYTES = 6
_MIN_SEGMENT_BYTES = 4  # marker and length, B.1.1.4
_MAX_SCAN_COMPONENTS = 4  # B.2.3
_MAX_INTERPRETED_BYTES = 256 << 10  # some 150 ms


def is_checked(jpeg: bytes) -> bool:
    """Whether the build in use reads all compressed data of a file.

    The interpreted one, being slow, reads only small files without an end of image, which most often were cut off.
    """
    if is_native():
        return True
    if len(jpeg) > _MAX_INTERPRETED_BYTES:  # before the search, which takes 0.7 s for 700,000 segments
        return False
    return all(segment.marker != EOI[1] for segment in find_segments(jpeg))


def find_damage(jpeg: bytes, max_pixels: int, build: Build | None = None) -> str | None:
    """Describe the first fault of the compressed data. None: the photo is intact. UNCHECKED: not checked.

    The file may be any bytes. Photos of more than `max_pixels`, which would take much memory, are not checked. Without
    a build, neither are files for which `is_checked` is false.
    """
    if not build and not is_checked(jpeg):
        return UNCHECKED
    try:
        return _Checker(jpeg, max_pixels, build or default_build(), None).find()
    except UnsupportedJpeg:
        return UNCHECKED
    except JpegError as error:
        return str(error)


def read_progressive(jpeg: bytes, header: Header, rows: Rows, build: Build) -> Keeper:
    """Read all scans of a progressive photo and the coefficients of its last rows. Raises JpegError for damage."""
    keeper = Keeper(rows)
    if fault := _Checker(jpeg, header.width_px * header.height_px, build, keeper).find():
        raise MalformedJpeg(fault)
    return keeper


class _Checker:
    """Reads all scans of a file."""

    def __init__(self, jpeg: bytes, max_pixels: int, build: Build, keeper: Keeper | None) -> None:
        self._jpeg = jpeg
        self._keeper = keeper
        self._max_pixels = max_pixels
        self._build = build
        self._tables = Tables()
        self._planes: dict[int, Plane] = {}
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
                return self._find_missing()
            elif segment.marker not in METADATA:
                self._define(segment)
        is_complete = not self._find_missing() and not self._is_progressive
        return None if is_complete else "missing end of image"

    def _find_missing(self) -> str | None:
        """What a file lacks as a whole."""
        if not self._scans:
            return "no scan"
        has_missing = any(plane.is_missing for plane in self._planes.values())
        return "missing scan of a component" if has_missing else None

    def _define(self, segment: Segment) -> None:
        if segment.marker == SOI[1]:
            if self._scans:  # decoders stop here; before the first scan it is surplus
                raise MalformedJpeg("more than one start of image")
            return
        if segment.marker == DQT and self._keeper and self._scans:
            raise UnsupportedJpeg("quantisation table between scans")
        if segment.body_start - segment.start < _MIN_SEGMENT_BYTES:
            raise MalformedJpeg("truncated segment")
        self._tables.define(segment.marker, segment.body)

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
            identifier: Plane(
                index, across, down, -(-width_px * across // mcu_px[0]), -(-height_px * down // mcu_px[1]), table_id
            )
            for index, (identifier, (across, down), table_id) in enumerate(
                zip(frame[6::3], factors, frame[8::3], strict=True)
            )
        }

    def _check_scan(self, segment: Segment) -> str | None:
        planes, table_ids = self._read_scan_header(segment.body)
        is_single = len(planes) == 1
        mcus = planes[0].width * planes[0].height if is_single else self._mcus
        counts = [1 if is_single else plane.across * plane.down for plane in planes]
        if self._is_progressive:
            fault = self._check_progressive(segment, planes, table_ids, mcus)
            return f"{fault} in scan {self._scans}" if fault else None
        components = tuple(
            Component(blocks, 1, (), self._find_dc_table(pair >> 4), self._find_table(_AC_CLASS | pair & 15))
            for blocks, pair in zip(counts, table_ids, strict=True)
        )
        for plane in planes:
            plane.is_missing = False
        size_px = (BLOCK_PX * counts[0] * mcus, BLOCK_PX)
        header = Header(*size_px, components, self._tables.restart_interval, 0, 0, segment.end, ())
        return read_scan(self._jpeg, header, None, self._build).damage

    def _read_scan_header(self, scan: bytes) -> tuple[list[Plane], bytes]:
        """The components of a scan, and their identifiers of Huffman tables (B.2.3)."""
        count = scan[0] if scan else 0
        ids = scan[1 : 2 * count : 2]
        is_valid = 0 < count <= _MAX_SCAN_COMPONENTS and len(scan) == 4 + 2 * count and len(set(ids)) == count
        if not is_valid or not self._planes.keys() >= set(ids):
            raise MalformedJpeg("invalid scan header")
        planes = [self._planes[identifier] for identifier in ids]
        if planes != sorted(planes, key=lambda plane: plane.index):
            raise MalformedJpeg("scan components out of order")
        if count > 1 and sum(plane.across * plane.down for plane in planes) > MAX_MCU_BLOCKS:
            raise MalformedJpeg("too many blocks per MCU")
        if not self._tables.quantisation.keys() >= {plane.quantisation for plane in planes}:
            raise MalformedJpeg("missing quantisation table")
        return planes, scan[2 : 2 + 2 * count : 2]

    def _check_progressive(self, segment: Segment, planes: list[Plane], table_ids: bytes, mcus: int) -> str | None:
        first, last, high, low = read_parameters(segment.body, len(planes))
        if not (first or high):
            for plane in planes:
                plane.is_missing = False
        read_table = self._find_table if first else self._find_dc_table
        pairs = [_AC_CLASS | pair & 15 if first else pair >> 4 for pair in table_ids if first or not high]
        tables = tuple((pair, read_table(pair)) for pair in pairs)
        scan = ProgressiveScan(segment, planes, tables, mcus, first, last, high, low)
        interval = self._tables.restart_interval or mcus
        self._intervals += -(-mcus // interval)
        if self._intervals > _MAX_INTERVALS:
            raise UnsupportedJpeg(f"more than {_MAX_INTERVALS} restart intervals")
        return ScanChecker(self._jpeg, scan, self._build, self._keeper).find_fault(interval)

    def _find_dc_table(self, table_id: int) -> bytes:
        table = self._find_table(table_id)
        if max(table[MAX_CODE_BITS:], default=0) > MAX_DECODED_SIZE:
            raise MalformedJpeg("invalid Huffman table")
        return table

    def _find_table(self, table_id: int) -> bytes:
        table = self._tables.huffman.get(table_id)
        if table is None and not self._is_progressive:
            table = IMPLIED_TABLES.get(table_id)
        if table is None:
            raise MalformedJpeg("missing Huffman table")
        require_prefix_code(table)
        return table

"""The header of a baseline or progressive JPEG (T.81 annex B).

The parser is strict: it rejects every file that decoders might interpret in different ways.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from captiond.imaging.errors import MalformedJpeg, UndecodableJpeg, UnsupportedJpeg
from captiond.imaging.jpeg.colour_space import BLACK, CMYK, COLOUR, GREY, find_black
from captiond.imaging.jpeg.huffman import IMPLIED_TABLES, MAX_CODE_BITS, MAX_DECODED_SIZE, require_prefix_code
from captiond.imaging.jpeg.segments import (
    APP0,
    APP15,
    COM,
    DHT,
    DQT,
    DRI,
    MAX_TABLE_BYTES,
    Segment,
    walk_segments,
)

BLOCK_PX = 8
_SOFS = _SOF0, SOF1, _SOF2 = 0xC0, 0xC1, 0xC2
METADATA = frozenset({*range(APP0, APP15 + 1), COM})
_UNDECODABLE = {
    0xC3: "lossless JPEG (SOF3)",
    **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE, 0xDF), "hierarchical JPEG"),
    **dict.fromkeys((0xC9, 0xCA, 0xCC), "arithmetic coding"),
    0xCB: "lossless JPEG with arithmetic coding (SOF11)",
    0xF7: "JPEG-LS",
}
"""Marker -> the feature that it belongs to (T.81 table B.1; T.87 for JPEG-LS)."""
_DNL = 0xDC
_K_INDEX = 3
_BASELINE_SPECTRUM = b"\0\x3f\0"  # Ss, Se, Ah and Al of a scan of all coefficients, B.2.3
_MAX_SAMPLING_FACTOR = 4
MAX_MCU_BLOCKS = 10  # B.2.3
_MAX_TABLES = 4
_MAX_HUFFMAN_BYTES = 1 + MAX_CODE_BITS + 256
_COEFFICIENTS = 64
_CACHED_HEADERS = 64  # a camera's metadata vary, its frame header and tables do not
_MAX_CACHED_BYTES = 4096  # a usual header has about 600 without its metadata
ZIGZAG = (
    *(0, 1, 5, 6, 14, 15, 27, 28, 2, 4, 7, 13, 16, 26, 29, 42),
    *(3, 8, 12, 17, 25, 30, 41, 43, 9, 11, 18, 24, 31, 40, 44, 53),
    *(10, 19, 23, 32, 39, 45, 52, 54, 20, 22, 33, 38, 46, 51, 55, 60),
    *(21, 34, 37, 47, 50, 56, 59, 61, 35, 36, 48, 49, 57, 58, 62, 63),
)
"""The zigzag index of each coefficient of a block in row order (T.81 figure A.6)."""


@dataclass(frozen=True, slots=True)
class Component:
    """A component: its sampling factors and the tables that code it."""

    across: int  # blocks per MCU
    down: int
    quantisation: tuple[int, ...]  # in row order
    dc: bytes  # Huffman tables, see huffman.py
    ac: bytes
    table_ids: int = 0  # Td in the high nibble, Ta in the low one, B.2.3


@dataclass(frozen=True, slots=True)
class Header:
    """A JPEG up to its first scan. Offsets count from the start of the file.

    A progressive file may redefine its Huffman tables before each scan; its components have the standard tables.
    """

    width_px: int
    height_px: int
    components: tuple[Component, ...]
    restart_interval: int  # MCUs; 0: no restart markers
    height_offset: int  # of the frame header's number of lines
    sos_start: int
    scan_start: int
    segments: tuple[Segment, ...]  # SOS is the last
    black: tuple[int, ...] = BLACK
    """The sample of each component that stands for black."""
    is_progressive: bool = False

    @property
    def grey_index(self) -> int:
        """The component whose samples are those of a grey picture while the others stay as in black: luma, or K."""
        return _K_INDEX if len(self.components) == CMYK else 0

    @property
    def mcu_width_px(self) -> int:
        """The width of an MCU."""
        return BLOCK_PX * self.components[0].across  # luma has the highest sampling factors

    @property
    def mcu_height_px(self) -> int:
        """The height of an MCU."""
        return BLOCK_PX * self.components[0].down

    @property
    def mcus_across(self) -> int:
        """MCUs per row."""
        return -(-self.width_px // self.mcu_width_px)

    @property
    def mcus(self) -> int:
        """MCUs of the scan."""
        return self.mcus_across * -(-self.height_px // self.mcu_height_px)


def read_header(jpeg: bytes) -> Header:
    """Parse the file up to its first scan. Raises MalformedJpeg, UnsupportedJpeg."""
    segments = tuple(walk_segments(jpeg))
    definitions = tuple([(segment.marker, segment.body) for segment in segments if segment.marker not in METADATA])
    size_bytes = sum([len(body) for _, body in definitions])
    if size_bytes > MAX_TABLE_BYTES:
        raise MalformedJpeg(f"more than {MAX_TABLE_BYTES} bytes of tables")
    interpret = _interpret_cached if size_bytes <= _MAX_CACHED_BYTES else _interpret
    frame, components, restart_interval = interpret(definitions)
    black = find_black(_component_ids(frame), segments)
    frame_marker, frame_start = next((s.marker, s.body_start) for s in segments if s.marker in _SOFS)
    scan = segments[-1]
    return Header(
        width_px=int.from_bytes(frame[3:5], "big"),
        height_px=int.from_bytes(frame[1:3], "big"),
        components=components,
        restart_interval=restart_interval,
        height_offset=frame_start + 1,
        sos_start=scan.start,
        scan_start=scan.end,
        segments=segments,
        black=black,
        is_progressive=frame_marker == _SOF2,
    )


def _interpret(definitions: tuple[tuple[int, bytes], ...]) -> tuple[bytes, tuple[Component, ...], int]:
    """The frame header, its components and the restart interval, from all segments but metadata."""
    tables = Tables()
    frames = []
    *before_scan, (_, scan_header) = definitions
    for marker, body in before_scan:
        if marker in _SOFS:
            _require_decodable(body)
            frames.append((marker, body))
        else:
            tables.define(marker, body)
    if len(frames) != 1:
        raise MalformedJpeg(f"{len(frames)} frame headers before the first scan")
    [(frame_marker, frame)] = frames
    ids = _component_ids(frame)
    if len(set(ids)) != len(ids):
        raise MalformedJpeg("duplicate component identifier")
    if frame_marker == _SOF2:
        tables.huffman.clear()
        table_ids = bytes(len(ids))
    else:
        table_ids = _read_table_ids(scan_header, ids)
    return frame, tuple(_read_components(frame, table_ids, tables)), tables.restart_interval


_interpret_cached = lru_cache(_CACHED_HEADERS)(_interpret)


class Tables:
    """The current definitions of DQT, DHT and DRI. A later definition replaces an earlier one (B.2.4)."""

    def __init__(self) -> None:
        self.quantisation: dict[int, tuple[int, ...]] = {}
        self.huffman: dict[int, bytes] = {}
        self.restart_interval = 0

    def define(self, marker: int, body: bytes) -> None:
        if marker == DQT:
            self._define_quantisation(body)
        elif marker == DHT:
            self._define_huffman(body)
        elif marker == DRI:
            if len(body) != 2:  # noqa: PLR2004 - a 16-bit number
                raise MalformedJpeg("invalid restart interval")
            self.restart_interval = int.from_bytes(body, "big")
        elif marker in _UNDECODABLE:
            raise UndecodableJpeg(_UNDECODABLE[marker])
        elif marker == _DNL:  # decoders ignore it
            raise UnsupportedJpeg(f"marker 0xFF{marker:02X}")
        else:
            raise UndecodableJpeg(f"marker 0xFF{marker:02X}")

    def _define_quantisation(self, body: bytes) -> None:
        while body:
            precision, table_id = divmod(body[0], 16)
            size = 1 + _COEFFICIENTS * (1 + precision)
            if precision > 1 or table_id >= _MAX_TABLES or len(body) < size:
                raise MalformedJpeg("invalid quantisation table")
            self.quantisation[table_id] = _read_quantisation(body[1:size], 1 + precision)
            body = body[size:]

    def _define_huffman(self, body: bytes) -> None:
        while body:
            size = 1 + MAX_CODE_BITS + sum(body[1 : 1 + MAX_CODE_BITS])
            if body[0] & 0xEC or size > min(len(body), _MAX_HUFFMAN_BYTES):  # class 0 or 1, identifier 0 to 3
                raise MalformedJpeg("invalid Huffman table")
            self.huffman[body[0]] = body[1:size]
            body = body[size:]


def _read_quantisation(table: bytes, entry_bytes: int) -> tuple[int, ...]:
    entries = struct.unpack(">64B" if entry_bytes == 1 else ">64H", table)
    if not all(entries):
        raise MalformedJpeg("zero in a quantisation table")
    return tuple(entries[at] for at in ZIGZAG)


def read_factors(frame: bytes) -> list[tuple[int, int]]:
    """The horizontal and vertical sampling factors of each component (A.1.1). Raises MalformedJpeg."""
    factors = [divmod(factor, 16) for factor in frame[7::3]]
    if not all(0 < side <= _MAX_SAMPLING_FACTOR for pair in factors for side in pair):
        raise MalformedJpeg("invalid sampling factors")
    return factors


def _component_ids(frame: bytes) -> bytes:
    return frame[6::3]


def _require_decodable(frame: bytes) -> None:
    """Require a well-formed frame header of 8-bit samples, a size, and one, three or four components (B.2.2)."""
    if len(frame) < 6 or len(frame) != 6 + 3 * frame[5]:  # noqa: PLR2004 - B.2.2
        raise MalformedJpeg("invalid frame header")
    if frame[5] not in (GREY, COLOUR, CMYK):
        raise UndecodableJpeg(f"{frame[5]} components")
    if frame[0] != 8:  # noqa: PLR2004 - bits
        raise UndecodableJpeg(f"{frame[0]}-bit samples")
    if not int.from_bytes(frame[1:3], "big"):
        raise UndecodableJpeg("height 0 in the frame header (DNL marker)")
    if not int.from_bytes(frame[3:5], "big"):
        raise MalformedJpeg("width 0 in the frame header")


def _read_table_ids(scan_header: bytes, component_ids: bytes) -> bytes:
    """The identifiers of each component's Huffman tables. The scan must be the only one (B.2.3)."""
    count = len(component_ids)
    if len(scan_header) != 4 + 2 * count or scan_header[0] != count or scan_header[-3:] != _BASELINE_SPECTRUM:
        raise UnsupportedJpeg("more than one scan")
    if scan_header[1 : 1 + 2 * count : 2] != component_ids:
        raise MalformedJpeg("scan components out of order")
    return scan_header[2 : 2 + 2 * count : 2]


def _read_components(frame: bytes, table_ids: bytes, tables: Tables) -> Iterator[Component]:
    """The components, with valid sampling factors (A.1.1, B.2.3) and complete tables."""
    factors = read_factors(frame)
    if len(factors) == GREY:
        factors = [(1, 1)]  # an MCU of a single component is one block, A.2.2
    if sum(across * down for across, down in factors) > MAX_MCU_BLOCKS:
        raise MalformedJpeg("too many blocks per MCU")
    highest = (max(across for across, _ in factors), max(down for _, down in factors))
    if factors[0] != highest or (len(factors) == CMYK and factors[_K_INDEX] != highest):
        raise UnsupportedJpeg("subsampled luma or black")
    defined = IMPLIED_TABLES | tables.huffman
    for (across, down), quantisation, pair in zip(factors, frame[8::3], table_ids, strict=True):
        dc, ac = defined.get(pair >> 4), defined.get(0x10 | pair & 15)
        if quantisation not in tables.quantisation:
            raise MalformedJpeg("missing quantisation table")
        if dc is None or ac is None:
            raise MalformedJpeg("missing Huffman table")
        require_prefix_code(ac)
        require_prefix_code(dc)
        if max(dc[MAX_CODE_BITS:], default=0) > MAX_DECODED_SIZE:
            raise MalformedJpeg("invalid Huffman table")
        yield Component(across, down, tables.quantisation[quantisation], dc, ac, pair)

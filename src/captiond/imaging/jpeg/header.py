"""The header of a JPEG, read strictly (T.81 annex B): what is not surely understood is refused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.huffman import LENGTHS, MAX_DC_SIZE, code_words
from captiond.imaging.jpeg.segments import DHT, DQT, DRI, Segment, walk_segments

_SOF0, SOF1 = 0xC0, 0xC1
_APP0, _APP14, _APP15, _COM = 0xE0, 0xEE, 0xEF, 0xFE
_METADATA = frozenset({*range(_APP0, _APP15 + 1), _COM})
_UNREAD_FRAMES = {
    0xC2: "progressive",
    0xC3: "lossless",
    **dict.fromkeys((0xC9, 0xCA, 0xCC), "arithmetic coding"),
}
_GREY, _COLOUR = 1, 3  # components
_YCBCR_NAMES = frozenset({b"\1\2\3", b"\0\1\2"})
_YCBCR_TRANSFORM = 1
_BASELINE_SPECTRUM = b"\0\x3f\0"  # all coefficients in one scan
_MAX_FACTOR = 4
_MAX_BLOCKS = 10  # in one MCU, B.2.3
_MAX_TABLES = 4
_MAX_HUFFMAN_BYTES = 1 + LENGTHS + 256
_COEFFICIENTS = 64
_REMEMBERED = 64  # a camera uses the same few tables in all its photos
_MAX_REMEMBERED_BYTES = 4096  # a usual header has about 600 beside its metadata
ZIGZAG = (
    *(0, 1, 5, 6, 14, 15, 27, 28, 2, 4, 7, 13, 16, 26, 29, 42),
    *(3, 8, 12, 17, 25, 30, 41, 43, 9, 11, 18, 24, 31, 40, 44, 53),
    *(10, 19, 23, 32, 39, 45, 52, 54, 20, 22, 33, 38, 46, 51, 55, 60),
    *(21, 34, 37, 47, 50, 56, 59, 61, 35, 36, 48, 49, 57, 58, 62, 63),
)


@dataclass(frozen=True, slots=True)
class Component:
    """One colour plane: its blocks in an MCU, and the tables that code it."""

    across: int
    down: int
    quantisation: tuple[int, ...]  # in rows, not in zigzag
    dc: bytes  # a Huffman table as DHT has it: 16 counts, then the symbols
    ac: bytes
    tables: int = 0  # the places of the two, DC in the high half


@dataclass(frozen=True, slots=True)
class Header:
    """A baseline JPEG up to its only scan. Offsets count from the start of the file."""

    width_px: int
    height_px: int
    components: tuple[Component, ...]
    restart_interval: int  # MCUs; 0 is none
    height_at: int
    sos_at: int
    scan_at: int
    segments: tuple[Segment, ...]  # the last one is SOS

    @property
    def mcu_width_px(self) -> int:
        """The width of an MCU."""
        return 8 * self.components[0].across  # luma is the finest component

    @property
    def mcu_height_px(self) -> int:
        """The height of an MCU."""
        return 8 * self.components[0].down

    @property
    def mcus_across(self) -> int:
        """MCUs in a row."""
        return -(-self.width_px // self.mcu_width_px)

    @property
    def mcus(self) -> int:
        """MCUs in the scan."""
        return self.mcus_across * -(-self.height_px // self.mcu_height_px)


def read_header(jpeg: bytes) -> Header:
    """Read up to the first scan; raises NotSpliceable."""
    segments = tuple(walk_segments(jpeg))
    defined = tuple([(segment.marker, segment.body) for segment in segments if segment.marker not in _METADATA])
    interpret = _remember if sum([len(body) for _, body in defined]) <= _MAX_REMEMBERED_BYTES else _interpret
    frame_body, components, restart_interval = interpret(defined)
    _require_known_colours(frame_body[6::3], segments)
    frame_at = next(segment.body_at for segment in segments if segment.marker in (_SOF0, SOF1))
    scan = segments[-1]
    return Header(
        width_px=int.from_bytes(frame_body[3:5], "big"),
        height_px=int.from_bytes(frame_body[1:3], "big"),
        components=components,
        restart_interval=restart_interval,
        height_at=frame_at + 1,
        sos_at=scan.at,
        scan_at=scan.end,
        segments=segments,
    )


def _interpret(defined: tuple[tuple[int, bytes], ...]) -> tuple[bytes, tuple[Component, ...], int]:
    """The body of the frame, its components and the restart interval, from all but metadata; SOS is the last."""
    tables = _Tables()
    frames = []
    for marker, body in defined[:-1]:
        if marker in (_SOF0, SOF1):
            frames.append(body)
        else:
            tables.take(marker, body)
    if len(frames) != 1:
        raise NotSpliceable(f"{len(frames)} frames before the first scan")
    (frame,) = frames
    names = _require_plain_frame(frame)
    components = tuple(_components(frame, _scan_tables(defined[-1][1], names), tables))
    return frame, components, tables.restart_interval


_remember = lru_cache(_REMEMBERED)(_interpret)  # a camera's metadata change, its frame and tables do not


class _Tables:
    """What DQT, DHT and DRI have defined so far; a later definition replaces an earlier one."""

    def __init__(self) -> None:
        self.quantisation: dict[int, tuple[int, ...]] = {}
        self.huffman: dict[int, bytes] = {}
        self.restart_interval = 0

    def take(self, marker: int, body: bytes) -> None:
        if marker == DQT:
            self._take_quantisation(body)
        elif marker == DHT:
            self._take_huffman(body)
        elif marker == DRI and len(body) == 2:  # noqa: PLR2004 - a 16-bit number
            self.restart_interval = int.from_bytes(body, "big")
        else:
            raise NotSpliceable(_UNREAD_FRAMES.get(marker, f"marker {marker:02x}"))

    def _take_quantisation(self, body: bytes) -> None:
        while body:
            precision, table = divmod(body[0], 16)
            size = 1 + _COEFFICIENTS * (1 + precision)
            if precision > 1 or table >= _MAX_TABLES or len(body) < size:
                raise NotSpliceable("a broken quantisation table")
            self.quantisation[table] = _in_rows(body[1:size], 1 + precision)
            body = body[size:]

    def _take_huffman(self, body: bytes) -> None:
        while body:
            size = 1 + LENGTHS + sum(body[1 : 1 + LENGTHS])
            if body[0] & 0xEC or size > min(len(body), _MAX_HUFFMAN_BYTES):
                raise NotSpliceable("a broken Huffman table")  # class 0 or 1, table 0 to 3
            self.huffman[body[0]] = body[1:size]
            body = body[size:]


@lru_cache(_REMEMBERED)
def _in_rows(table: bytes, entry_bytes: int) -> tuple[int, ...]:
    entries = [int.from_bytes(table[at : at + entry_bytes], "big") for at in range(0, len(table), entry_bytes)]
    if not all(entries):
        raise NotSpliceable("a quantisation table divides by zero")
    return tuple(entries[at] for at in ZIGZAG)


def _require_plain_frame(body: bytes) -> bytes:
    """The components' names of a frame that is well formed, 8 bits deep, and not empty (B.2.2)."""
    if len(body) < 6 or len(body) != 6 + 3 * body[5] or body[5] not in (_GREY, _COLOUR):  # noqa: PLR2004 - B.2.2
        raise NotSpliceable("neither grey nor of three components")
    if body[0] != 8:  # noqa: PLR2004 - bits
        raise NotSpliceable(f"{body[0]} bits deep")
    if 0 in (int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")):
        raise NotSpliceable("its size is not in its frame")
    names = body[6::3]
    if len(set(names)) != len(names):
        raise NotSpliceable("two components of one name")
    return names


def _require_known_colours(names: bytes, segments: Sequence[Segment]) -> None:
    """Grey, or YCbCr whichever marker a reader trusts more."""
    if len(names) == _GREY:
        return
    jfif = any(s.marker == _APP0 and s.body.startswith(b"JFIF\0") for s in segments)
    transforms = {s.body[11:12] for s in segments if s.marker == _APP14 and s.body.startswith(b"Adobe")}
    if transforms - {bytes([_YCBCR_TRANSFORM])} or not (jfif or transforms or names in _YCBCR_NAMES):
        raise NotSpliceable("colours that may not be YCbCr")


def _scan_tables(body: bytes, names: bytes) -> bytes:
    """The Huffman tables of each component, DC in the high half; the scan must hold all of them."""
    count = len(names)
    if len(body) != 4 + 2 * count or body[0] != count or body[-3:] != _BASELINE_SPECTRUM:
        raise NotSpliceable("more than one scan")
    if body[1 : 1 + 2 * count : 2] != names:
        raise NotSpliceable("components in disorder")
    return body[2 : 2 + 2 * count : 2]


def _components(frame: bytes, huffman_tables: bytes, tables: _Tables) -> Iterator[Component]:
    """The components, with factors that are whole and add up to an MCU (A.2, B.2.3)."""
    factors = [divmod(factor, 16) for factor in frame[7::3]]
    if not all(0 < side <= _MAX_FACTOR for pair in factors for side in pair):
        raise NotSpliceable("broken sampling factors")
    if len(factors) == _GREY:
        factors = [(1, 1)]  # a scan of one component has MCUs of one block, A.2.2
    if sum(across * down for across, down in factors) > _MAX_BLOCKS:
        raise NotSpliceable("too large an MCU")
    if factors[0] != (max(across for across, _ in factors), max(down for _, down in factors)):
        raise NotSpliceable("luma is not the finest component")
    for (across, down), quantisation, huffman in zip(factors, frame[8::3], huffman_tables, strict=True):
        dc, ac = tables.huffman.get(huffman >> 4), tables.huffman.get(0x10 | huffman & 15)
        if quantisation not in tables.quantisation or dc is None or ac is None:
            raise NotSpliceable("a table is missing")
        code_words(ac)
        if max(code_words(dc), default=0) > MAX_DC_SIZE:
            raise NotSpliceable("a broken Huffman table")
        yield Component(across, down, tables.quantisation[quantisation], dc, ac, huffman)

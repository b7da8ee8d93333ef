"""The kind of a JPEG, read from its marker segments (T.81 annex B).

This reader is separate from captiond's on purpose: it also names the kinds that captiond does not read,
and it does not move when captiond's reader changes.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from io import BytesIO

from PIL import Image

_DHT, _SOS, _DRI, _EOI, _APP1 = 0xC4, 0xDA, 0xDD, 0xD9, 0xE1
_BASELINE, _EXTENDED, _PROGRESSIVE, _JPEG_LS = 0xC0, 0xC1, 0xC2, 0xF7
_FRAMES = {*range(0xC0, 0xD0), _JPEG_LS} - {_DHT, 0xC8, 0xCC}  # JPG and DAC are no frames
_WITHOUT_LENGTH = {0x01, *range(0xD0, _EOI)}  # TEM, RSTn, SOI
_ORIENTATION = 0x0112
_CMYK_COMPONENTS = 4
_MAX_INTERVAL = 65_535  # MCUs, a 16-bit number in DRI
_AC = 0x10
_LENGTHS = 16
_AC_SYMBOLS = 162  # of an 8-bit image: 16 runs of 10 sizes, EOB and ZRL
_EXIF = b"Exif\0\0"


class Label(StrEnum):
    """A row of the tables. One photo may have several labels."""

    STANDARD_TABLES = "standard Huffman tables"
    OWN_TABLES = "own Huffman tables, complete"
    OPTIMISED_TABLES = "own Huffman tables, symbols missing (optimised)"
    NO_TABLES = "Huffman tables missing (Motion JPEG)"
    WHOLE_ROWS = "height a multiple of the MCU"
    PARTIAL_ROW = "last MCU row partial"
    RESTARTS = "restart interval"
    MANY_MCUS = "more than 65,535 MCUs, no restart interval"
    GREY = "grey"
    PROGRESSIVE = "progressive"
    SEVERAL_SCANS = "sequential, several scans"
    TURNED = "orientation 2 to 8"
    CMYK = "CMYK or YCCK"
    OTHER_PROCESS = "lossless, 12-bit, arithmetic or unreadable header"


@dataclass(frozen=True, slots=True)
class Kind:
    """What the header says."""

    labels: tuple[Label, ...]
    is_upright_baseline: bool
    """8-bit sequential Huffman, one scan, grey or three components, orientation 1 or none."""
    size_px: tuple[int, int]
    """Width and height; (0, 0) where no frame header was found."""


@dataclass(slots=True)
class _Facts:
    frame: int = 0
    body: bytes = b""  # of the frame header
    scan: bytes = b""  # the body of the first SOS
    tables: dict[int, bytes] = field(default_factory=dict)
    interval: int = 0
    orientation: int = 1

    def has_whole_frame(self) -> bool:
        """Six bytes and three per component (T.81 B.2.2)."""
        return len(self.body) > 6 and len(self.body) == 6 + 3 * self.body[5]  # noqa: PLR2004 - B.2.2

    def add(self, marker: int, body: bytes) -> None:
        if marker == _DHT:
            self._add_tables(body)
        elif marker == _DRI:
            self.interval = int.from_bytes(body, "big")
        elif marker == _APP1 and body.startswith(_EXIF):
            self.orientation = _read_orientation(body)
        elif marker == _SOS:
            self.scan = body
        elif marker in _FRAMES and not self.body:
            self.frame, self.body = marker, body

    def _add_tables(self, body: bytes) -> None:
        while len(body) > _LENGTHS:
            size = 1 + _LENGTHS + sum(body[1 : 1 + _LENGTHS])
            self.tables[body[0]] = body[1:size]
            body = body[size:]


def classify(jpeg: bytes) -> Kind:
    """The kind of this file. Never raises: an unreadable header is a kind as well."""
    facts = _read(jpeg)
    if not facts.scan or not facts.has_whole_frame():
        return Kind((Label.OTHER_PROCESS,), is_upright_baseline=False, size_px=(0, 0))
    labels = tuple(_labels(facts))
    is_plain = not {Label.OTHER_PROCESS, Label.PROGRESSIVE, Label.SEVERAL_SCANS, Label.TURNED, Label.CMYK} & {*labels}
    return Kind(labels, is_plain, _size_px(facts.body))


def _labels(facts: _Facts) -> Iterator[Label]:
    components, scanned = facts.body[5], facts.scan[0]
    if facts.body[0] != 8 or facts.frame not in (_BASELINE, _EXTENDED, _PROGRESSIVE):  # noqa: PLR2004 - bits
        yield Label.OTHER_PROCESS
    elif facts.frame == _PROGRESSIVE:
        yield Label.PROGRESSIVE
    elif scanned < components:
        yield Label.SEVERAL_SCANS
    else:
        yield _tables_label(facts)
        yield from _geometry_labels(facts)
    if facts.interval:
        yield Label.RESTARTS
    if facts.orientation != 1:
        yield Label.TURNED
    if components == 1:
        yield Label.GREY
    elif components >= _CMYK_COMPONENTS:
        yield Label.CMYK


def _tables_label(facts: _Facts) -> Label:
    """Judged by the tables that the components of the scan use."""
    pairs = facts.scan[2 : 1 + 2 * facts.scan[0] : 2]
    dc = [facts.tables.get(pair >> 4, b"") for pair in pairs]
    ac = [facts.tables.get(_AC | pair & 15, b"") for pair in pairs]
    if not all(dc + ac):
        return Label.NO_TABLES
    if {*dc, *ac} <= _standard_tables():
        return Label.STANDARD_TABLES
    is_complete = all(len(set(table[_LENGTHS:])) >= _AC_SYMBOLS for table in ac)
    return Label.OWN_TABLES if is_complete else Label.OPTIMISED_TABLES


def _geometry_labels(facts: _Facts) -> Iterator[Label]:
    width_px, height_px = _size_px(facts.body)
    factors = [(1, 1)] if facts.body[5] == 1 else [divmod(pair, 16) for pair in facts.body[7::3]]
    across_px, down_px = 8 * max(across for across, _ in factors), 8 * max(down for _, down in factors)
    if not across_px or not down_px:
        return
    yield Label.PARTIAL_ROW if height_px % down_px else Label.WHOLE_ROWS
    if not facts.interval and -(-width_px // across_px) * -(-height_px // down_px) > _MAX_INTERVAL:
        yield Label.MANY_MCUS


def _size_px(frame: bytes) -> tuple[int, int]:
    return int.from_bytes(frame[3:5], "big"), int.from_bytes(frame[1:3], "big")


@cache
def _standard_tables() -> frozenset[bytes]:
    """The four tables of T.81 annex K.3, which libjpeg writes unless it optimises."""
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return frozenset(_read(file.getvalue()).tables.values())


def _read(jpeg: bytes) -> _Facts:
    facts = _Facts()
    for marker, body in _walk(jpeg):
        facts.add(marker, body)
    return facts


def _walk(jpeg: bytes) -> Iterator[tuple[int, bytes]]:
    """Markers and bodies up to the first SOS. Bytes between segments are skipped, as libjpeg does."""
    at = 2
    marker = 0
    while marker != _SOS:
        at = jpeg.find(b"\xff", at)
        if at < 0 or len(jpeg) < at + 4:
            return
        marker = jpeg[at + 1]
        if marker in {0x00, 0xFF, *_WITHOUT_LENGTH}:
            at += 1
            continue
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        yield marker, jpeg[at + 4 : end]
        at = end


def _read_orientation(body: bytes) -> int:
    """The orientation as Pillow reads it, SHORT or LONG; 1 where EXIF is damaged."""
    exif = Image.Exif()
    with warnings.catch_warnings(action="ignore"):
        try:
            exif.load(body)
            value = exif.get(_ORIENTATION, 1)
        except Exception:  # noqa: BLE001 - damaged EXIF raises errors of many classes
            return 1
    return value if value in range(1, 9) else 1

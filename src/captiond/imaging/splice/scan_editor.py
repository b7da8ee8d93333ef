"""Inserts MCUs into a scan and removes them. The other MCUs keep their coefficients.

An MCU depends on the one before it by the prediction of its DC coefficients alone (T.81 section F.1.1.5.1). So the
first MCU after an insertion or a removal is coded again, and the bits of those that follow are copied.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import NamedTuple

from captiond.imaging.errors import MalformedJpeg
from captiond.imaging.jpeg.header import Component, Header
from captiond.imaging.jpeg.native import default_build
from captiond.imaging.jpeg.scan import restart_marker
from captiond.imaging.jpeg.scan_reader import Block, lay_out
from captiond.imaging.jpeg.scan_writer import make_plan


@dataclass(frozen=True, slots=True)
class Interleaving:
    """How the MCUs of a photo and a strip follow each other: in each run some of the photo's, and some of the strip's.

    For a strip at the left or right a run is a row. A strip at the top and its photo are one run.
    """

    runs: int
    photo_mcus: int  # of a run
    strip_mcus: int
    strip_is_first: bool

    def fits(self, mcus: int) -> bool:
        """Whether photo and strip together have this number of MCUs."""
        return self.photo_mcus > 0 and self.runs * (self.photo_mcus + self.strip_mcus) == mcus


class Piece(NamedTuple):
    """Consecutive MCUs of a restart interval: the first MCU, the bits of the following ones, the interval's last MCU.

    The interval's last MCU is encoded again, because padding follows it. If `size` is 0, `bits` and `predictors` are
    not used.
    """

    mcus: int
    first: list[Block]
    bits: int
    size: int  # number of bits
    predictors: list[int]  # after these bits
    last: list[Block]  # empty: the piece does not end the interval


def insert_strip(
    writer: "McuWriter",
    order: Interleaving,
    runs: Iterable[list[Piece]],
    strip: Iterable[list[Block]],
    last_mcus: Iterable[list[Block]],
) -> bytes:
    """Join the photo's MCUs and the strip's blocks of each run to a scan.

    The `last_mcus`, if any, follow the MCUs of each run of the photo.
    """
    for pieces, blocks, last_mcu in zip(runs, strip, last_mcus or repeat([]), strict=False):
        if order.strip_is_first:
            writer.insert(blocks)
        writer.copy(pieces)
        writer.insert(last_mcu)
        if not order.strip_is_first:
            writer.insert(blocks)
    return writer.finish()


def remove_strip(
    reader: "McuReader", writer: "McuWriter", order: Interleaving, last_mcus: Sequence[list[Block]]
) -> bytes:
    """Extract the photo's scan from the scan of photo and strip.

    The `last_mcus`, if any, replace the last MCU of each run of the photo.
    """
    for _, last_mcu in zip(range(order.runs), last_mcus or repeat([]), strict=False):
        if order.strip_is_first:
            reader.skip(order.strip_mcus)
        writer.copy(reader.read(order.photo_mcus - bool(last_mcu)))
        if last_mcu:
            reader.read(1)
            writer.insert(last_mcu)
        if not order.strip_is_first:
            reader.skip(order.strip_mcus)
    return writer.finish()


class McuReader:
    """Reads the MCUs of a scan in order. The methods raise MalformedJpeg."""

    def __init__(self, jpeg: bytes, header: Header, interval: int) -> None:
        """Take the file, and the restart interval of the scan that will contain the pieces."""
        layout = lay_out(header.components)
        numbers = array("i", (header.restart_interval, header.mcus, 0))
        self._jpeg = jpeg
        self._components = len(header.components)
        self._decoder = default_build().decoder(
            jpeg, header.scan_start, numbers + layout.plan, layout.tables, layout.steps
        )
        self._interval = header.restart_interval or header.mcus
        self._new_interval = interval or header.mcus
        self._read = 0  # MCUs

    @property
    def end(self) -> int:
        """The offset after the last byte of the scan, once all its MCUs have been read."""
        return self._decoder.end

    def read(self, mcus: int) -> list[Piece]:
        """The next MCUs."""
        pieces = []
        while mcus:
            unread = self._interval - self._decoder.mcu % self._interval
            size = min(mcus, unread, self._new_interval - self._read % self._new_interval)
            pieces.append(self._read_piece(size, ends_interval=size == unread))
            self._read += size
            mcus -= size
        return pieces

    def skip(self, mcus: int) -> None:
        """Leave out the next MCUs."""
        self._require(self._decoder.skip(mcus))

    def _read_piece(self, mcus: int, *, ends_interval: bool) -> Piece:
        first = self._read_mcu()
        others = mcus - 1 - ends_interval
        bits = size = 0
        if others > 0:
            start = self._decoder.position()
            self.skip(others)
            bits, size = _read_bits(self._jpeg, start, self._decoder.position())
        predictors = self._decoder.predictors()[: self._components]
        last = self._read_mcu() if ends_interval and mcus > 1 else []
        return Piece(mcus, first, bits, size, predictors, last)

    def _read_mcu(self) -> list[Block]:
        blocks: list[Block] = []
        self._require(self._decoder.read(1, blocks))
        return blocks

    def _require(self, is_intact: bool) -> None:  # noqa: FBT001 - the result of a decoder
        if not is_intact:
            raise MalformedJpeg(self._decoder.fault)


class McuWriter:
    """Writes MCUs to a new scan. The methods raise MissingHuffmanCode."""

    def __init__(self, components: Sequence[Component], interval: int) -> None:
        """Take the components and the restart interval of the scan."""
        self._build = default_build()
        self._plan, self._codes = make_plan(tuple(components))
        self._interval = interval
        self._predictors = [0] * len(components)
        self._written = 0  # MCUs
        self._intervals: list[bytes] = []
        self._bytes: list[bytes] = []  # current interval
        self._rest, self._rest_bits = 0, 0  # incomplete byte

    def copy(self, pieces: Iterable[Piece]) -> None:
        """Write MCUs of a reader that was created with this restart interval."""
        for piece in pieces:
            self._begin(piece.mcus)
            self._encode(piece.first)
            if piece.size:
                self._append(piece.bits, piece.size)
                self._predictors = piece.predictors.copy()
            self._encode(piece.last)

    def insert(self, blocks: list[Block]) -> None:
        """Write new MCUs. With restart intervals, at most one."""
        if blocks:
            self._begin(3 * len(blocks) // len(self._plan))
            self._encode(blocks)

    def finish(self) -> bytes:
        """The entropy-coded bytes of the scan."""
        self._end_interval()
        return b"".join(self._intervals)

    def _begin(self, mcus: int) -> None:
        """Write a restart marker if one is due before the next MCUs."""
        if self._interval and self._written and self._written % self._interval == 0:
            self._end_interval()
            self._intervals.append(restart_marker(self._written // self._interval - 1))
            self._predictors = [0] * len(self._predictors)
        self._written += mcus

    def _encode(self, blocks: list[Block]) -> None:
        if not blocks:
            return
        encoder = self._build.encoder(self._plan, self._codes, self._predictors, (self._rest, self._rest_bits))
        encoder.write(blocks)
        bits = encoder.size()
        number = int.from_bytes(encoder.finish().replace(b"\xff\0", b"\xff"), "big")
        self._rest, self._rest_bits = 0, 0
        self._append(number >> (-bits & 7), bits)
        last_mcu = blocks[-(len(self._plan) // 3) :]
        for component, (dc, _) in zip(self._plan[::3], last_mcu, strict=True):
            self._predictors[component] = dc

    def _append(self, number: int, bits: int) -> None:
        number |= self._rest << bits
        self._rest_bits += bits
        whole, self._rest_bits = divmod(self._rest_bits, 8)
        self._rest = number & ((1 << self._rest_bits) - 1)
        self._bytes.append((number >> self._rest_bits).to_bytes(whole, "big"))

    def _end_interval(self) -> None:
        padding = -self._rest_bits & 7
        self._append((1 << padding) - 1, padding)  # F.1.2.3
        self._intervals.append(b"".join(self._bytes).replace(b"\xff", b"\xff\0"))
        self._bytes = []


def _read_bits(jpeg: bytes, start: int, end: int) -> tuple[int, int]:
    """The bits between two positions of a scan, without byte stuffing, as a number, and how many these are."""
    data = jpeg[start >> 3 : (end + 7) >> 3].replace(b"\xff\0", b"\xff")
    bits = 8 * len(data) - (start & 7) - (-end & 7)
    return int.from_bytes(data, "big") >> (-end & 7) & ((1 << bits) - 1), bits

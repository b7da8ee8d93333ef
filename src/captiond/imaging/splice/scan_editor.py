"""Inserts MCUs into a scan and removes them. The other MCUs keep their coefficients.

An MCU depends on the one before it by the prediction of its DC coefficients alone (T.81 section F.1.1.5.1). So the
first MCU after an insertion or a removal is coded again, and the bits of those that follow are copied.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat

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
        """Whether photo and strip have so many MCUs together."""
        return self.photo_mcus > 0 and self.runs * (self.photo_mcus + self.strip_mcus) == mcus


def insert_strip(
    editor: "ScanEditor", order: Interleaving, strip: Sequence[list[Block]], last_mcus: Sequence[list[Block]] = ()
) -> bytes:
    """The scan of photo and strip, from that of the photo.

    `strip` has the strip's blocks of each run. The `last_mcus`, if any, replace the last MCU of each run of the photo.
    """
    for strip_blocks, last_mcu in zip(strip, last_mcus or repeat(None), strict=False):
        if order.strip_is_first:
            editor.insert(strip_blocks)
        _copy_run(editor, order, last_mcu)
        if not order.strip_is_first:
            editor.insert(strip_blocks)
    return editor.finish()


def remove_strip(editor: "ScanEditor", order: Interleaving, last_mcus: Sequence[list[Block]] = ()) -> bytes:
    """The scan of the photo, from that of photo and strip: the inverse of `insert_strip`."""
    for _, last_mcu in zip(range(order.runs), last_mcus or repeat(None), strict=False):
        if order.strip_is_first:
            editor.skip(order.strip_mcus)
        _copy_run(editor, order, last_mcu)
        if not order.strip_is_first:
            editor.skip(order.strip_mcus)
    return editor.finish()


def _copy_run(editor: "ScanEditor", order: Interleaving, last_mcu: list[Block] | None) -> None:
    if last_mcu is None:
        editor.copy(order.photo_mcus)
    else:
        editor.copy(order.photo_mcus - 1)
        editor.skip(1)
        editor.insert(last_mcu)


class ScanEditor:
    """Reads the MCUs of a scan in order, and writes some of them and others to a new scan.

    The methods raise MalformedJpeg, MissingHuffmanCode.
    """

    def __init__(self, jpeg: bytes, header: Header, components: Sequence[Component], interval: int) -> None:
        """Take the file to read, and the components and the restart interval of the new scan."""
        layout = lay_out(header.components)
        numbers = array("i", (header.restart_interval, header.mcus, 0))
        self._jpeg = jpeg
        self._build = default_build()
        self._decoder = self._build.decoder(jpeg, header.scan_start, numbers + layout.plan, layout.tables)
        self._read_interval = header.restart_interval or header.mcus
        self._plan, self._codes = make_plan(tuple(components))
        self._write_interval = interval
        self._predictors = [0] * len(components)
        self._written = 0  # MCUs
        self._intervals: list[bytes] = []
        self._bytes: list[bytes] = []  # of the interval
        self._rest, self._rest_bits = 0, 0  # less than a byte

    @property
    def end(self) -> int:
        """The offset after the last byte of the scan, once all its MCUs have been read."""
        return self._decoder.end

    def copy(self, mcus: int) -> None:
        """Copy the next MCUs."""
        while mcus:
            unread = self._read_interval - self._decoder.mcu % self._read_interval
            run = min(mcus, unread, self._begin_mcu())
            self._copy_within_interval(run, ends_interval=run == unread)
            self._written += run
            mcus -= run

    def skip(self, mcus: int) -> None:
        """Leave out the next MCUs."""
        self._require(self._decoder.skip(mcus))

    def insert(self, blocks: list[Block]) -> None:
        """Write the blocks of other MCUs."""
        per_mcu = len(self._plan) // 3
        while blocks:
            run = min(len(blocks) // per_mcu, self._begin_mcu())
            self._encode(blocks[: run * per_mcu])
            self._written += run
            blocks = blocks[run * per_mcu :]

    def finish(self) -> bytes:
        """The entropy-coded bytes of the new scan."""
        self._end_interval()
        return b"".join(self._intervals)

    def _copy_within_interval(self, mcus: int, *, ends_interval: bool) -> None:
        """Code the first MCU again, and the last one of an interval, whose last bit is followed by padding."""
        self._encode(self._read_mcu())
        middle = mcus - 1 - ends_interval
        if middle > 0:
            start = self._decoder.position()
            self._require(self._decoder.skip(middle))
            self._append(*_read_bits(self._jpeg, start, self._decoder.position()))
            self._predictors = self._decoder.predictors()[: len(self._predictors)]
        if ends_interval and mcus > 1:
            self._encode(self._read_mcu())

    def _read_mcu(self) -> list[Block]:
        blocks: list[Block] = []
        self._require(self._decoder.read(1, blocks))
        return blocks

    def _require(self, is_intact: bool) -> None:  # noqa: FBT001 - the result of a decoder
        if not is_intact:
            raise MalformedJpeg(self._decoder.fault)

    def _encode(self, blocks: list[Block]) -> None:
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

    def _begin_mcu(self) -> int:
        """Write a restart marker if one is due. The number of MCUs before the next one."""
        if not self._write_interval:
            return self._decoder.mcu + (1 << 32)
        position = self._written % self._write_interval
        if self._written and not position:
            self._end_interval()
            self._intervals.append(restart_marker(self._written // self._write_interval - 1))
            self._predictors = [0] * len(self._predictors)
        return self._write_interval - position

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

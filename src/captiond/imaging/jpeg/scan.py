"""The entropy-coded bytes of the only scan, parted at its restart markers (T.81 B.1.1.5)."""

import re
from dataclasses import dataclass

from captiond.imaging.errors import NotSpliceable
from captiond.imaging.jpeg.header import Header

EOI, RST0 = 0xD9, 0xD0
RESTARTS = 8  # markers are numbered in turn
_NOT_DATA = re.compile(rb"\xff[^\x00]")  # a marker, or the fill bytes before one


@dataclass(frozen=True, slots=True)
class Scan:
    """Where each restart interval's bytes start and end; what follows the last is kept as it is."""

    intervals: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        """Behind the last entropy-coded byte."""
        return self.intervals[-1][1]


def find_scan(jpeg: bytes, header: Header) -> Scan:
    """Follow the scan to EOI; raises NotSpliceable unless its markers are those it must have."""
    intervals = []
    start = header.scan_at
    while found := _NOT_DATA.search(jpeg, start):
        end = found.start()
        code_at = end + 1
        while jpeg[code_at : code_at + 1] == b"\xff":
            code_at += 1
        code = int.from_bytes(jpeg[code_at : code_at + 1], "big")
        intervals.append((start, end))
        start = code_at + 1
        if code == EOI:
            _require_expected(len(intervals), header)
            return Scan(tuple(intervals))
        if code != RST0 + (len(intervals) - 1) % RESTARTS:
            raise NotSpliceable(f"marker {code:02x} in the scan")
    raise NotSpliceable("no end of image")


def _require_expected(intervals: int, header: Header) -> None:
    expected = -(-header.mcus // header.restart_interval) if header.restart_interval else 1
    if intervals != expected:
        raise NotSpliceable(f"{intervals} restart intervals instead of {expected}")

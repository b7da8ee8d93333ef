"""The restart intervals of the only scan (T.81 sections B.1.1.5 and B.2.1)."""

import re
from dataclasses import dataclass

from captiond.imaging.errors import MalformedJpeg, UnsupportedJpeg
from captiond.imaging.jpeg.header import Header
from captiond.imaging.jpeg.segments import EOI

_RST0 = 0xD0
_RESTART_MARKERS = 8  # RST0 to RST7, numbered modulo 8
_MARKER = re.compile(rb"\xff[^\x00]")  # or the fill bytes before a marker


@dataclass(frozen=True, slots=True)
class Scan:
    """Start and end offset of the entropy-coded data of each restart interval."""

    intervals: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        """The offset after the last entropy-coded byte."""
        return self.intervals[-1][1]


def find_scan(jpeg: bytes, header: Header) -> Scan:
    """Locate the restart intervals up to EOI.

    Raises MalformedJpeg for missing markers, UnsupportedJpeg for unexpected ones.
    """
    intervals = []
    start = header.scan_start
    while found := _MARKER.search(jpeg, start):
        end = found.start()
        code_at = end + 1
        while jpeg[code_at : code_at + 1] == b"\xff":
            code_at += 1
        intervals.append((start, end))
        start = code_at + 1
        marker = b"\xff" + jpeg[code_at:start]
        if marker == EOI:
            _require_expected(len(intervals), header)
            return Scan(tuple(intervals))
        if marker != restart_marker(len(intervals) - 1):
            raise UnsupportedJpeg(f"marker 0x{marker.hex().upper()} in the scan")
    raise MalformedJpeg("missing end of image")


def restart_marker(number: int) -> bytes:
    """The restart marker after interval `number`, counted from 0 (T.81 table B.1)."""
    return bytes((0xFF, _RST0 + number % _RESTART_MARKERS))


def _require_expected(intervals: int, header: Header) -> None:
    expected = -(-header.mcus // header.restart_interval) if header.restart_interval else 1
    if intervals != expected:
        raise MalformedJpeg(f"{intervals} restart intervals instead of {expected}")

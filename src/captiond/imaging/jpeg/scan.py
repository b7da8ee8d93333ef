"""The restart intervals of the only scan (T.81 sections B.1.1.5 and B.2.1)."""

import re
from array import array
from dataclasses import dataclass
from itertools import chain

from captiond.imaging.errors import MalformedJpeg, UnsupportedJpeg
from captiond.imaging.jpeg.header import Header

_RST0 = 0xD0
_RESTART_MARKERS = 8  # RST0 to RST7, numbered modulo 8
_EOI = 0xD9
_FILL = 0xFF
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_END = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")


@dataclass(frozen=True, slots=True)
class Scan:
    """The offsets of each restart interval's entropy-coded data, and of the marker that ends the scan."""

    starts: "array[int]"
    ends: "array[int]"
    marker_start: int
    marker: int | None  # its code; None: the file ends without a marker

    @property
    def end(self) -> int:
        """The offset after the last entropy-coded byte."""
        return self.ends[-1]


def find_scan(jpeg: bytes, header: Header) -> Scan:
    """Locate the restart intervals. Surplus restart markers at the end are ignored.

    Raises MalformedJpeg for missing restart markers, UnsupportedJpeg for unexpected markers.
    """
    expected = -(-header.mcus // header.restart_interval) if header.restart_interval else 1
    starts, ends = array("q"), array("q")
    start = header.scan_start
    marker_start, marker = find_end(jpeg, start)
    count = surplus_bytes = 0
    for count, found in enumerate(chain(_MARKER.finditer(jpeg, start, marker_start), (None,)), 1):
        end = _skip_fill_bytes(jpeg, found.start()) if found else marker_start
        if count <= expected:
            starts.append(start)
            ends.append(end)
        else:
            surplus_bytes += end - start
        if found and found[1] != restart_marker(count - 1)[1:]:
            raise UnsupportedJpeg(f"marker 0xFF{found[1].hex().upper()} in the scan")
        start = found.end() if found else end
    if marker not in (_EOI, None):
        raise UnsupportedJpeg(f"marker 0xFF{marker:02X} in the scan")
    if count < expected or surplus_bytes:
        raise MalformedJpeg(f"{count} restart intervals instead of {expected}")
    return Scan(starts, ends, marker_start, marker)


def find_end(jpeg: bytes, start: int) -> tuple[int, int | None]:
    """The offset of the marker that ends a scan, and its code. Where there is none, the file's size and None."""
    found = _END.search(jpeg, start)
    return (_skip_fill_bytes(jpeg, found.start()), found[1][0]) if found else (len(jpeg), None)


def _skip_fill_bytes(jpeg: bytes, start: int) -> int:
    """The offset of the fill bytes before a marker (B.1.1.2)."""
    while jpeg[start - 1] == _FILL:
        start -= 1
    return start


def restart_marker(number: int) -> bytes:
    """The restart marker after interval `number`, counted from 0 (T.81 table B.1)."""
    return bytes((0xFF, _RST0 + number % _RESTART_MARKERS))

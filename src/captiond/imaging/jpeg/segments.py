"""The marker segments of a JPEG up to its scan (T.81 annex B.1.1): where each stands, not what it says."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from captiond.imaging.errors import NotSpliceable

SOI = b"\xff\xd8"
DHT, SOS, DQT, DRI = 0xC4, 0xDA, 0xDB, 0xDD


class Segment(NamedTuple):
    """A marker segment: its first byte, and what stands behind its length."""

    marker: int
    at: int
    body_at: int
    body: bytes

    @property
    def end(self) -> int:
        """Where the next segment starts."""
        return self.body_at + len(self.body)


def walk_segments(jpeg: bytes) -> Iterator[Segment]:
    """All segments up to and with the first SOS; raises NotSpliceable."""
    if not jpeg.startswith(SOI):
        raise NotSpliceable("no JPEG")
    at = len(SOI)
    marker = None
    while marker != SOS:
        marker_at = at
        while jpeg.startswith(b"\xff\xff", marker_at):  # fill bytes
            marker_at += 1
        if not jpeg.startswith(b"\xff", marker_at) or len(jpeg) < marker_at + 4:
            raise NotSpliceable("no marker where one must be")
        marker = jpeg[marker_at + 1]
        length = int.from_bytes(jpeg[marker_at + 2 : marker_at + 4], "big")
        body_at = marker_at + 4
        body = jpeg[body_at : marker_at + 2 + length]
        if len(body) != length - 2:
            raise NotSpliceable("a segment ends past the file")
        yield Segment(marker, at, body_at, body)
        at = body_at + len(body)


def segment_bytes(marker: int, body: bytes) -> bytes:
    """A marker segment, written out."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

"""A file told by another: which pieces of that one it keeps, and what is new between them."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

_CRC32 = struct.Struct(">I")
_KEPT, _NEW = 0, 1
_KEPT_HEAD = struct.Struct(">BII")  # its tag, where the piece starts and ends
_NEW_HEAD = struct.Struct(">BI")  # its tag, how many bytes follow


class Copy(NamedTuple):
    """A piece of the other file, as offsets from its start."""

    start: int
    end: int


Operation: TypeAlias = Copy | bytes


@dataclass(frozen=True, slots=True)
class Patch:
    """The pieces in their order, no offset past 4 GiB, and the CRC-32 of the file that they were made for."""

    crc32: int
    pieces: Sequence[Operation]

    def apply(self, other: bytes) -> bytes:
        """Put the file together. Raises ValueError where the other one is not what the patch was made for."""
        if zlib.crc32(other) != self.crc32:
            raise ValueError("a patch for another file")
        view = memoryview(other)  # whose parts are no copies
        return b"".join(view[piece.start : piece.end] if isinstance(piece, Copy) else piece for piece in self.pieces)

    def to_bytes(self) -> bytes:
        """Write it down, big-endian: the CRC-32, then each piece.

        A kept one is a zero (8 bits), its start and its end (32 each); a new one a one, its length (32) and its bytes.
        """
        return b"".join((_CRC32.pack(self.crc32), *map(_written, self.pieces)))

    @classmethod
    def from_bytes(cls, written: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises ValueError."""
        pieces: list[Operation] = []
        at = _CRC32.size
        try:
            [crc32] = _CRC32.unpack_from(written)
            while at < len(written):
                piece, at = _read(written, at)
                pieces.append(piece)
        except struct.error as error:
            raise ValueError(f"a patch that breaks off: {error}") from error
        return cls(crc32, tuple(pieces))


def _written(piece: Operation) -> bytes:
    if isinstance(piece, Copy):
        return _KEPT_HEAD.pack(_KEPT, *piece)
    return _NEW_HEAD.pack(_NEW, len(piece)) + piece


def _read(written: bytes, at: int) -> tuple[Operation, int]:
    """Read the piece at an offset; return it and where the next one is."""
    if written[at] == _KEPT:
        _, start, end = _KEPT_HEAD.unpack_from(written, at)
        return Copy(start, end), at + _KEPT_HEAD.size
    tag, length = _NEW_HEAD.unpack_from(written, at)
    start = at + _NEW_HEAD.size
    new = written[start : start + length]
    if tag != _NEW or len(new) < length:
        raise ValueError(f"a patch with no readable piece at {at}")
    return new, start + length

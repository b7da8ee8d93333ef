"""A binary diff: copy and insert operations that turn one file into another."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeAlias

_CRC32 = struct.Struct(">I")
_COPY_TAG, _INSERT_TAG = 0, 1
_COPY = struct.Struct(">BII")  # tag, start, end
_INSERT = struct.Struct(">BI")  # tag, length of the bytes that follow


class Copy(NamedTuple):
    """Copies bytes `start` up to `end` of the source."""

    start: int
    end: int


Operation: TypeAlias = Copy | bytes
"""Bytes are inserted as they are."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Operations in the order of their output. `crc32` is the source's; offsets are below 4 GiB."""

    crc32: int
    operations: Sequence[Operation]

    def apply(self, source: bytes) -> bytes:
        """Return the patched file. Raises ValueError if the source has another CRC-32."""
        if zlib.crc32(source) != self.crc32:
            raise ValueError("the patch was made for another file")
        return self.apply_unchecked(source)

    def apply_unchecked(self, source: bytes) -> bytes:
        """Return the patched file. `source` must be the file that the patch was made for."""
        view = memoryview(source)  # a slice of it copies nothing
        return b"".join(
            view[operation.start : operation.end] if isinstance(operation, Copy) else operation
            for operation in self.operations
        )

    def to_bytes(self) -> bytes:
        """Encode as big-endian integers: the CRC-32 (32 bits), then each operation.

        A copy is tag 0 (8 bits), start and end (32 bits each). An insert is tag 1 (8 bits), length (32 bits) and bytes.
        """
        return b"".join((_CRC32.pack(self.crc32), *map(_encode, self.operations)))

    @classmethod
    def from_bytes(cls, encoded: bytes) -> Self:
        """Decode what `to_bytes` wrote. Raises ValueError."""
        operations: list[Operation] = []
        offset = _CRC32.size
        try:
            [crc32] = _CRC32.unpack_from(encoded)
            while offset < len(encoded):
                operation, offset = _decode(encoded, offset)
                operations.append(operation)
        except struct.error as error:
            raise ValueError(f"the patch is truncated: {error}") from error
        return cls(crc32, tuple(operations))


def _encode(operation: Operation) -> bytes:
    if isinstance(operation, Copy):
        return _COPY.pack(_COPY_TAG, *operation)
    return _INSERT.pack(_INSERT_TAG, len(operation)) + operation


def _decode(encoded: bytes, offset: int) -> tuple[Operation, int]:
    """Decode the operation at an offset. Returns it and the offset of the next one."""
    if encoded[offset] == _COPY_TAG:
        _, start, end = _COPY.unpack_from(encoded, offset)
        return Copy(start, end), offset + _COPY.size
    tag, length = _INSERT.unpack_from(encoded, offset)
    start = offset + _INSERT.size
    inserted = encoded[start : start + length]
    if tag != _INSERT_TAG or len(inserted) < length:
        raise ValueError(f"no valid patch operation at offset {offset}")
    return inserted, start + length

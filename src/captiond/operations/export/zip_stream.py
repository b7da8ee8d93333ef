"""Writes ZIP archives to a stream in constant memory: stored files, whose size and CRC-32 are known beforehand.

The format is that of APPNOTE.TXT 6.3.10 by PKWARE. Sections are those of this document. The central directory is
spooled, because 100,000 files would take 50 MB as objects of `zipfile` (decision 68).
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime

from captiond.operations.export.spool import Spool

# Section 4.3.7, 4.3.12, 4.5.3, 4.3.14, 4.3.15 and 4.3.16.
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_CENTRAL_ZIP64 = struct.Struct("<2HQ")
_END_ZIP64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_ZIP64 = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")
# Version 4.5 has ZIP64. Made on Unix, so that the external attributes are the mode of a file.
_VERSION = 45
_MADE_BY = 3 << 8 | _VERSION
_MODE = 0o100644 << 16
_STORED = 0
_MAX_16, _MAX_32 = 0xFFFF, 0xFFFFFFFF


class ZipStream:
    """One ZIP archive. The names of its files are ASCII."""

    def __init__(self) -> None:
        self._directory = Spool()
        self._files = 0
        self._offset = 0

    def add(self, name: str, size_bytes: int, crc: int, modified: datetime) -> bytes:
        """Return the header of a file, which its content follows. `size_bytes` is below 4 GiB."""
        encoded = name.encode("ascii")
        moment = _encode_time(modified)
        sizes = (crc, size_bytes, size_bytes, len(encoded))
        header = _LOCAL.pack(b"PK\3\4", _VERSION, 0, _STORED, *moment, *sizes, 0) + encoded
        extra = _CENTRAL_ZIP64.pack(1, 8, self._offset) if self._offset >= _MAX_32 else b""
        offset = min(self._offset, _MAX_32)
        entry = _CENTRAL.pack(
            b"PK\1\2", _MADE_BY, _VERSION, 0, _STORED, *moment, *sizes, len(extra), 0, 0, 0, _MODE, offset
        )
        self._directory.write(entry + encoded + extra)
        self._files += 1
        self._offset += len(header) + size_bytes
        return header

    def finish(self) -> Iterator[bytes]:
        """Yield the central directory."""
        files, size, start = self._files, self._directory.size_bytes, self._offset
        yield from self._directory.read()
        if files >= _MAX_16 or start >= _MAX_32 or size >= _MAX_32:
            after_this_field = _END_ZIP64.size - 12
            yield _END_ZIP64.pack(
                b"PK\6\6", after_this_field, _MADE_BY, _VERSION, 0, 0, files, files, size, start
            ) + _LOCATOR_ZIP64.pack(b"PK\6\7", 0, start + size, 1)
        shown = min(files, _MAX_16)
        yield _END.pack(b"PK\5\6", 0, 0, shown, shown, min(size, _MAX_32), min(start, _MAX_32), 0)

    def close(self) -> None:
        """Delete the temporary file."""
        self._directory.close()


def _encode_time(moment: datetime) -> tuple[int, int]:
    """Return time and date as MS-DOS has them: in steps of 2 s, from 1980 to 2107 (section 4.4.6)."""
    utc = moment.astimezone(UTC)
    year = min(max(utc.year, 1980), 2107)
    return utc.hour << 11 | utc.minute << 5 | utc.second // 2, (year - 1980) << 9 | utc.month << 5 | utc.day

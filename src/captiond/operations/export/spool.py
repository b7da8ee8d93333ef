"""Files of an export that grow with the number of its images."""

from collections.abc import Iterator
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from zlib import crc32

# Larger ones are written to an unnamed temporary file in the directory of TMPDIR.
MEMORY_BYTES = 256 << 10
CHUNK_BYTES = 64 << 10


class Spool:
    """Bytes to be read once after they were written. Raises OSError if the temporary directory is full."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - `close` closes it
        self._sha256 = sha256()
        self.size_bytes = 0
        self.crc = 0

    def write(self, content: bytes) -> None:
        """Append bytes."""
        self._file.write(content)
        self._sha256.update(content)
        self.size_bytes += len(content)
        self.crc = crc32(content, self.crc)

    @property
    def sha256(self) -> bytes:
        return self._sha256.digest()

    def read(self) -> Iterator[bytes]:
        """Yield the content in chunks."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            yield chunk

    def close(self) -> None:
        """Delete the content."""
        self._file.close()

"""The content of uploads in progress, in memory and limited."""

from captiond.services.ftp.refusal import Refused


class UploadMemory:
    """The memory that all uploads of a server may take together."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0

    def reserve(self, size_bytes: int, held_bytes: int) -> None:
        """Reserve more memory for an upload. Raises Refused.

        The only upload in progress may exceed the limit, because it would otherwise never succeed.
        """
        others = self._used_bytes > held_bytes
        if others and self._used_bytes + size_bytes > self._limit_bytes:
            raise Refused(
                452, f"The limit of {self._limit_bytes} bytes of uploads in progress is reached; retry later."
            )
        self._used_bytes += size_bytes

    def release(self, size_bytes: int) -> None:
        self._used_bytes -= size_bytes


class IncomingFile:
    """One upload: the file object that pyftpdlib writes to. `key_path` identifies a repeated upload."""

    def __init__(self, path: str, key_path: str, max_bytes: int, memory: UploadMemory) -> None:
        self.name = path
        self.key_path = key_path
        self.size_bytes = 0
        self.closed = False
        self.refused: Refused | None = None
        self._max_bytes = max_bytes
        self._memory = memory
        self._content = bytearray()  # not a list of chunks: a hostile client may send single bytes

    def write(self, chunk: bytes) -> None:
        """Append, or set `refused`."""
        if self.refused or self.closed:
            return
        if self.size_bytes + len(chunk) > self._max_bytes:
            self.refused = Refused(552, f"The image exceeds the limit of {self._max_bytes} bytes.")
            return
        try:
            self._memory.reserve(len(chunk), self.size_bytes)
        except Refused as refused:
            self.refused = refused
        else:
            self.size_bytes += len(chunk)
            self._content += chunk

    def read(self) -> bytes:
        """Return the content, and discard it here. Its memory counts until `close`."""
        content = bytes(self._content)
        self._content.clear()
        return content

    def close(self) -> None:
        """Discard the content and release its memory."""
        if not self.closed:
            self.closed = True
            self._content.clear()
            self._memory.release(self.size_bytes)

"""A bounded cache of thumbnails in a directory that several processes may share.

The files are spread over folders. Each folder has an equal part of the budget, and is scanned only after a process has
written an eighth of that part to it. Then the least recently used files are deleted. A request scans at most one
folder. There is no index, which a crash could leave inconsistent with the files.
"""

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from captiond.imaging import THUMBNAIL_VERSION

FOLDERS = 64
# Part of a folder's budget that a process writes between scans. A scan leaves this part free.
SLACK = 8
# Only files with these endings are deleted: the directory may contain others, such as the metadata of a file server.
SUFFIX = ".thumbnail"
TEMP_SUFFIX = f"{SUFFIX}-tmp"
MAX_TEMP_SECONDS = 3600.0  # far more than a writer takes
# The time of the last use of a file is stored at most once per this interval.
USE_SECONDS = 3600.0
LOG_SECONDS = 60.0
_CHECKSUM_BYTES = 4

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _File:
    used_at: float
    size_bytes: int
    path: Path


class ThumbnailCache:
    """Contents by key. Never raises OSError: without its disk, the cache is empty. Safe to share between threads.

    Stays within `max_bytes` plus an eighth for each further process. 0 disables the cache. A content of more than
    1/512 of `max_bytes` is not stored.
    """

    def __init__(self, root: Path, max_bytes: int, clock: Callable[[], float] = time.time) -> None:
        self._root = root
        self._folder_bytes = max_bytes // FOLDERS
        self._clock = clock
        self._lock = threading.Lock()
        self._written_bytes: dict[Path, int] = {}  # since the last scan of a folder by this process
        self._logged_at = float("-inf")

    def read(self, key: str) -> bytes | None:
        """Return the content, or None if it is absent or damaged. `key` must be valid in a file name."""
        if not self._folder_bytes:
            return None
        path = self._path(key)
        try:
            stored = path.read_bytes()
            if self._clock() - path.stat().st_mtime > USE_SECONDS:
                self._mark_used(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._log("read", error)
            return None
        checksum, content = stored[:_CHECKSUM_BYTES], stored[_CHECKSUM_BYTES:]
        return content if checksum == _checksum(content) else None

    def write(self, key: str, content: bytes) -> None:
        """Store a content, replacing an existing one, and evict others. Does nothing if the disk cannot be used.

        Without fsync: a file that a power failure damages does not match its checksum, and is written again.
        """
        size_bytes = _CHECKSUM_BYTES + len(content)
        if size_bytes > self._folder_bytes // SLACK:
            return
        path = self._path(key)
        try:
            self._make_room(path.parent, size_bytes)
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, _checksum(content) + content)
        except OSError as error:
            self._log("write", error)

    def delete(self, key: str) -> None:
        """Delete a content, if there is one."""
        try:
            self._path(key).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            self._log("delete from", error)

    def _path(self, key: str) -> Path:
        return self._root / f"{crc32(key.encode()) % FOLDERS:02x}" / f"{key}{SUFFIX}"

    def _mark_used(self, path: Path) -> None:
        now = self._clock()
        with suppress(OSError):  # a read-only disk
            os.utime(path, (now, now))

    def _make_room(self, folder: Path, size_bytes: int) -> None:
        """Count the bytes to write, and evict if the process has written enough since the last scan, or never scanned.

        Other threads do not wait for a scan, because its folder counts as scanned from its start.
        """
        with self._lock:
            written = self._written_bytes.get(folder)
            needs_scan = written is None or written + size_bytes > self._folder_bytes // SLACK
            self._written_bytes[folder] = size_bytes if written is None or needs_scan else written + size_bytes
        if needs_scan:
            self._evict(folder)

    def _evict(self, folder: Path) -> None:
        """Delete the least recently used files until the next writes of this process fit into the budget."""
        files = self._scan(folder)
        excess = sum(file.size_bytes for file in files) - (self._folder_bytes - self._folder_bytes // SLACK)
        for file in sorted(files, key=lambda file: file.used_at):
            if excess <= 0:
                return
            with suppress(FileNotFoundError):  # another process evicts too
                file.path.unlink()
            excess -= file.size_bytes

    def _scan(self, folder: Path) -> list[_File]:
        """Return the files of a folder, after deleting the temporary files of crashed writers."""
        files = []
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    if entry.name.endswith(SUFFIX):
                        status = entry.stat()
                        files.append(_File(status.st_mtime, status.st_size, Path(entry.path)))
                    elif entry.name.endswith(TEMP_SUFFIX) and self._clock() - entry.stat().st_mtime > MAX_TEMP_SECONDS:
                        Path(entry.path).unlink()
        return files

    def _log(self, action: str, error: OSError) -> None:
        """Log a failure of the disk, at most once per minute."""
        now = self._clock()
        with self._lock:
            if now - self._logged_at < LOG_SECONDS:
                return
            self._logged_at = now
        logger.warning("cannot %s the thumbnail cache: %s; each request decodes its image", action, error)


def thumbnail_key(sha256: bytes, version: int = THUMBNAIL_VERSION) -> str:
    """Return the key of the thumbnail of a captioned image with this SHA-256."""
    return f"{sha256.hex()}-{version}"


def _checksum(content: bytes) -> bytes:
    return crc32(content).to_bytes(_CHECKSUM_BYTES, "big")


def _write(path: Path, content: bytes) -> None:
    """Write atomically: readers see the old file, the new one or none."""
    temp = path.with_name(f"{path.stem}.{secrets.token_hex(4)}{TEMP_SUFFIX}")
    try:
        temp.write_bytes(content)
        temp.replace(path)
    except OSError:
        with suppress(OSError):
            temp.unlink(missing_ok=True)
        raise

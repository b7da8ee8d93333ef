"""Reads a file that may change, disappear or not be a regular file."""

import os
import stat
from pathlib import Path

from captiond.imaging import find_start_fault, is_complete
from captiond.watch.tree import FileVersion


class FileChanged(Exception):
    """The file is not the version that was seen before."""


class FileTooLarge(Exception):
    """The file exceeds the limit."""

    def __init__(self, size_bytes: int, max_bytes: int) -> None:
        super().__init__(f"the file has {size_bytes} bytes; the limit is {max_bytes}")


class IncompleteJpeg(Exception):
    """The file is not a complete JPEG. Its writer may not have finished."""


def read_version(path: Path, version: FileVersion, max_bytes: int) -> bytes:
    """Read a regular file. Raises FileChanged, FileTooLarge, and OSError if it is gone or cannot be read.

    Follows no symbolic link, and does not wait for the writer of a pipe.
    """
    if version.size_bytes > max_bytes:
        raise FileTooLarge(version.size_bytes, max_bytes)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(max_bytes + 1)
        status = os.fstat(descriptor)
    read = FileVersion(status.st_size, status.st_mtime_ns)
    if not stat.S_ISREG(status.st_mode) or read != version or len(content) != version.size_bytes:
        raise FileChanged
    return content


def require_complete(jpeg: bytes) -> None:
    """Raise IncompleteJpeg. Zero bytes after the end are accepted, because cameras pad files."""
    if not jpeg:
        raise IncompleteJpeg("the file is empty")
    if fault := find_start_fault(jpeg):
        raise IncompleteJpeg(f"the file {fault}")
    if not is_complete(jpeg):
        raise IncompleteJpeg("the JPEG is incomplete: the file does not end with the marker EOI (ff d9) after a scan")

"""The photos of a directory tree, and their sidecars. Symbolic links are never followed."""

import errno
import logging
import os
import stat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from captiond.image import EPOCH

DONE, FAILED = "done", "failed"
PHOTO_SUFFIXES = (".jpg", ".jpeg")
JSON, TEXT = ".json", ".txt"
# ENAMETOOLONG: the name of a sidecar may be longer than that of its photo.
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})

logger = logging.getLogger(__name__)


class FileVersion(NamedTuple):
    """What changes when a file is written."""

    size_bytes: int
    mtime_ns: int

    @property
    def time(self) -> datetime:
        """The modification time in UTC; 1970 for one that Python cannot represent."""
        try:
            return EPOCH + timedelta(microseconds=self.mtime_ns // 1000)
        except OverflowError:
            return EPOCH


class PhotoVersion(NamedTuple):
    """The versions of a photo and, by suffix, of the sidecars that it has."""

    photo: FileVersion
    sidecars: tuple[tuple[str, FileVersion], ...] = ()


class Found(NamedTuple):
    """A directory, or a photo. `path` is relative to the root, with `/` between its parts."""

    path: str
    is_directory: bool


def is_watched(path: str) -> bool:
    """Whether a relative path is outside `done` and `failed`, and no part of it starts with a dot."""
    parts = path.split("/")
    return parts[0] not in (DONE, FAILED) and not any(part.startswith(".") for part in parts)


def is_photo(path: str) -> bool:
    """Whether a relative path has the name of a photo. Names of unfinished files, `x.jpg.part`, have another suffix."""
    return path.lower().endswith(PHOTO_SUFFIXES) and is_watched(path)


class PhotoTree:
    """The tree below `root`, a path without symbolic links. Without `use_sidecars`, photos have none."""

    def __init__(self, root: Path, *, use_sidecars: bool = True) -> None:
        self.root = root
        self._suffixes = (JSON, TEXT) if use_sidecars else ()
        self._unreadable: set[str] = set()

    def scan(self) -> Iterator[Found]:
        """Find directories, with the root as "", and photos. A directory that cannot be read is skipped."""
        pending = [""]
        while pending:
            directory = pending.pop()
            yield Found(directory, is_directory=True)
            try:
                with os.scandir(self.root / directory) as entries:
                    for entry in entries:
                        path = f"{directory}/{entry.name}" if directory else entry.name
                        if entry.is_dir(follow_symlinks=False):
                            if is_watched(path):
                                pending.append(path)
                        elif is_photo(path) and entry.is_file(follow_symlinks=False):
                            yield Found(path, is_directory=False)
                self._unreadable.discard(directory)
            except OSError as error:
                self._report(directory, error)

    def find_version(self, path: str) -> PhotoVersion | None:
        """Return the version of a photo, or None if no regular file has this path. Raises OSError."""
        file = self.root / path
        if file.parent.resolve() != file.parent:  # a directory on the way is a symbolic link
            return None
        photo = _stat(file)
        if photo is None:
            return None
        versions = ((suffix, _stat(file.with_suffix(suffix))) for suffix in self._suffixes)
        return PhotoVersion(photo, tuple((suffix, version) for suffix, version in versions if version))

    def list_files(self, path: str, version: PhotoVersion) -> list[Path]:
        """Return the photo and its sidecars. The photo is the first: without it, a sidecar alone is harmless."""
        file = self.root / path
        return [file, *(file.with_suffix(suffix) for suffix, _ in version.sidecars)]

    def _report(self, directory: str, error: OSError) -> None:
        """Log a directory once until it can be read again."""
        if error.errno not in _NO_FILE and directory not in self._unreadable:
            self._unreadable.add(directory)
            logger.warning("cannot read directory=%r: %s", directory, error.strerror)


def _stat(path: Path) -> FileVersion | None:
    try:
        status = path.lstat()
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    return FileVersion(status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None

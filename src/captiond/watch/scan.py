"""Finds the photos of a directory tree. Symbolic links are never followed."""

import errno
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

DONE, FAILED = "done", "failed"
SUFFIXES = (".jpg", ".jpeg")
SIDECAR_SUFFIXES = (".txt", ".json")

# ENAMETOOLONG: the name of a sidecar may be longer than that of its photo.
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})

logger = logging.getLogger(__name__)


class FileVersion(NamedTuple):
    """What changes when a file is written."""

    size_bytes: int
    mtime_ns: int


class PhotoVersion(NamedTuple):
    """The versions of a photo and of its sidecars, in the order of SIDECAR_SUFFIXES; None for a missing sidecar."""

    photo: FileVersion
    sidecars: tuple[FileVersion | None, ...]


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
    return path.lower().endswith(SUFFIXES) and is_watched(path)


def scan(root: Path) -> Iterator[Found]:
    """Find directories, with the root as "", and photos. Directories that cannot be read are logged and skipped."""
    pending = [""]
    while pending:
        directory = pending.pop()
        yield Found(directory, is_directory=True)
        try:
            with os.scandir(root / directory) as entries:
                for entry in entries:
                    path = f"{directory}/{entry.name}" if directory else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if is_watched(path):
                            pending.append(path)
                    elif is_photo(path) and entry.is_file(follow_symlinks=False):
                        yield Found(path, is_directory=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            logger.warning("cannot read directory=%r: %s", directory, error.strerror)


def find_version(root: Path, path: str) -> PhotoVersion | None:
    """Return the version of a photo, or None if it is gone or no regular file below the root. Raises OSError."""
    full = root / path
    if full.parent.resolve() != full.parent:  # a directory on the way is a symbolic link
        return None
    photo = _stat(full)
    if photo is None:
        return None
    return PhotoVersion(photo, tuple(_stat(sidecar) for sidecar in sidecar_paths(full)))


def sidecar_paths(path: Path) -> tuple[Path, ...]:
    """Return the paths of the sidecars of a photo, in the order of SIDECAR_SUFFIXES."""
    return tuple(path.with_suffix(suffix) for suffix in SIDECAR_SUFFIXES)


def _stat(path: Path) -> FileVersion | None:
    try:
        status = path.lstat()
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    return FileVersion(status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None

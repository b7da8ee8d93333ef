"""Moves photos and their sidecars out of the watched part of the directory. Never overwrites a file."""

import os
import threading
from contextlib import suppress
from itertools import count
from pathlib import Path

from captiond.watch.photo import FileChanged
from captiond.watch.tree import DONE, FAILED, PhotoTree, PhotoVersion

REASON_SUFFIX = ".reason.txt"
_MAX_NAME_BYTES = 255


class Filing:
    """Moves to `done` and `failed` in the root of the tree, or deletes instead of `done`. Threads may share it."""

    def __init__(self, tree: PhotoTree, *, delete: bool = False) -> None:
        self._tree = tree
        self._delete = delete
        self._lock = threading.Lock()  # between the choice of a free name and the move

    def file_sent(self, path: str, version: PhotoVersion) -> None:
        """Move an uploaded photo to `done`, or delete it. Raises FileChanged if it was written since, and OSError."""
        self._require_unchanged(path, version)
        if self._delete:
            for file in self._tree.list_files(path, version):
                file.unlink(missing_ok=True)
        else:
            self._move(DONE, path, version)

    def file_failed(self, path: str, version: PhotoVersion, reason: str) -> None:
        """Move a photo to `failed`, with the reason in a file beside it. Raises FileChanged and OSError."""
        self._require_unchanged(path, version)
        self._move(FAILED, path, version, reason)

    def _require_unchanged(self, path: str, version: PhotoVersion) -> None:
        if self._tree.find_version(path) != version:
            raise FileChanged

    def _move(self, folder: str, path: str, version: PhotoVersion, reason: str | None = None) -> None:
        files = self._tree.list_files(path, version)
        directory = (self._tree.root / folder / path).parent
        directory.mkdir(parents=True, exist_ok=True)
        with self._lock:
            stem = _free_stem(directory, files, version)
            if reason is not None:
                name = _cut(stem + files[0].suffix, REASON_SUFFIX)
                (directory / name).write_text(f"{reason}\n", "utf-8", errors="replace")
            for file in files:
                with suppress(FileNotFoundError):
                    file.rename(directory / (stem + file.suffix))


def _free_stem(directory: Path, files: list[Path], version: PhotoVersion) -> str:
    """Return the name without suffix. If it is taken, the time of the photo is added, and if needed a number."""
    longest = max((file.suffix for file in files), key=len)
    addition = ""
    for number in count():
        stem = _cut(files[0].stem, addition + longest).removesuffix(longest)
        if not any(os.path.lexists(directory / (stem + file.suffix)) for file in files):
            return stem
        addition = f"-{version.photo.time:%Y%m%dT%H%M%S.%fZ}" + (f"-{number}" if number else "")
    raise AssertionError  # `count` is infinite


def _cut(name: str, suffix: str) -> str:
    """Append a suffix to a name, which is cut to the length that file systems allow."""
    return os.fsdecode(os.fsencode(name)[: _MAX_NAME_BYTES - len(suffix)]) + suffix

"""Writes image files durably, and deletes the temporary files of crashed writers. Does not use the database."""

import hashlib
import logging
import os
import secrets
import tempfile
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from captiond.archive.errors import ArchiveUnavailable

TEMP_SUFFIX = ".tmp"
# In the root. Contains the id of the deployment that the images belong to.
MARKER = ".captiond-deployment"
_OTHER_FOLDERS = {"lost+found", "dead-letters"}  # of the file system, and payloads of dead letters
# `YYYY/MM/DD/HHMM`, as `Record.path` has it.
_FOLDERS = ("[0-9]" * 4, "[0-9]" * 2, "[0-9]" * 2, "[0-9]" * 4)
_MIN_FREE_BYTES = 1 << 20
_CLEANED_FOLDER_SECONDS = 7 * 24 * 3600

logger = logging.getLogger(__name__)


@contextmanager
def translate_disk_errors(*, missing_file: bool = False) -> Iterator[None]:
    """Raise ArchiveUnavailable for OSError, except FileNotFoundError if the caller handles a missing file.

    Paths and sizes are ours, so every OSError concerns the disk.
    """
    try:
        yield
    except OSError as error:
        if missing_file and isinstance(error, FileNotFoundError):
            raise
        problem = f"images directory: {os.strerror(error.errno) if error.errno else 'input/output error'}"
        raise ArchiveUnavailable(f"images directory: {error}", problem) from error


class TempFile(NamedTuple):
    """An open temporary file."""

    path: Path
    descriptor: int


class ImageFiles:
    """Files below `root`, addressed by relative POSIX paths. Never creates `root`. Safe to share between threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._marker = root / MARKER
        self._lock = threading.Lock()
        # Folders of the last batch whose parents have been synced since they were created.
        self._durable_folders: frozenset[Path] = frozenset()

    @contextmanager
    def write_temporary(self, contents: Mapping[str, bytes]) -> Iterator[dict[str, TempFile]]:
        """Write temporary files beside their final paths. Deletes on exit those that were not published."""
        temps: dict[str, TempFile] = {}
        with ExitStack() as opened:
            opened.callback(_delete, temps)
            self._make_folders({(self.root / path).parent for path in contents})
            for path, content in contents.items():
                temps[path] = opened.enter_context(_create(self._temp_beside(path)))
                _write_all(temps[path].descriptor, content)
            # Before the first fsync: the disk then writes all files together and commits its journal once for many.
            for temp in temps.values():
                _start_writeback(temp.descriptor)
            yield temps

    def publish(self, temps: dict[str, TempFile], paths: Collection[str]) -> None:
        """Move the temporary files of these paths into place, replacing existing files. Durable on return."""
        ready = [path for path in paths if path in temps]
        # A failed fsync is never retried: Linux has dropped the dirty pages, and a second fsync would succeed.
        for path in ready:
            os.fsync(temps[path].descriptor)
        folders = set()
        for path in ready:
            final = temps.pop(path).path.replace(self.root / path)
            folders.add(final.parent)
        # Under the lock: a folder created meanwhile by another thread must not be recorded as synced.
        with self._lock:
            for folder in folders | self._ancestors(folders - self._durable_folders):
                _sync_folder(folder)
            self._durable_folders = frozenset(folders)

    def delete(self, paths: Iterable[str]) -> dict[str, OSError]:
        """Delete the files that exist. Durable on return. Returns the paths that failed, with their errors.

        Their empty folders remain for `delete_empty_folders`.
        """
        failed: dict[str, OSError] = {}
        deleted: dict[Path, list[str]] = {}
        for path in paths:
            file = self.root / path
            try:
                file.unlink()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                failed[path] = error
            else:
                deleted.setdefault(file.parent, []).append(path)
        for folder, of_folder in deleted.items():
            try:
                _sync_folder(folder)
            except FileNotFoundError:
                continue
            except OSError as error:
                failed |= dict.fromkeys(of_folder, error)
        return failed

    def is_intact(self, path: str, sha256: bytes) -> bool:
        """Whether the file exists with that SHA-256."""
        try:
            with (self.root / path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").digest() == sha256
        except FileNotFoundError:
            return False

    def read_marker(self) -> str:
        """Return the content of the deployment marker, or "" if it is missing."""
        try:
            return self._marker.read_text("utf-8", errors="replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def write_marker(self, content: str) -> None:
        """Write the deployment marker atomically. Durable on return."""
        temp = self._marker.with_name(f"{MARKER}.{secrets.token_hex(4)}{TEMP_SUFFIX}")
        with _create(temp) as created:
            _write_all(created.descriptor, f"{content}\n".encode())
            os.fsync(created.descriptor)
        temp.replace(self._marker)
        _sync_folder(self.root)

    def marker_identity(self) -> tuple[int, int, int] | None:
        """Return what identifies the marker file and its content, or None if it is missing."""
        try:
            found = self._marker.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns

    def check_readable(self) -> None:
        """Raise OSError if no image can be read now."""
        os.scandir(self.root).close()

    def check_writable(self) -> None:
        """Raise OSError or ArchiveUnavailable if no image can be written now. Leaves no file."""
        folder = nearest_existing(self.root)
        space = os.statvfs(folder)
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            problem = "images directory: no permission to write"
            raise ArchiveUnavailable(f"{problem} to {folder}", problem)
        if space.f_blocks and space.f_bavail * space.f_frsize < _MIN_FREE_BYTES:
            problem = f"images directory: less than {_MIN_FREE_BYTES} bytes free"
            raise ArchiveUnavailable(f"{problem} on {folder}", problem)
        if space.f_files and not space.f_favail:  # file systems without a fixed number of inodes report 0
            problem = "images directory: no free inodes"
            raise ArchiveUnavailable(f"{problem} on {folder}", problem)
        probe_write(self.root)

    def folders(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the relative path of each folder that contains files, and their sorted names."""
        for folder, folders, names in os.walk(self.root, onerror=_raise):
            folders[:] = sorted(set(folders) - _OTHER_FOLDERS)
            found = sorted(name for name in names if not name.startswith(MARKER))
            if found:
                yield Path(folder).relative_to(self.root).as_posix(), found

    def delete_temporary(self, grace_seconds: float) -> int:
        """Delete temporary files older than the grace period. Returns their number. Logs which cannot be deleted."""
        now = time.time()
        deleted = 0
        for folder in self.root.glob("*/*/*/*/"):
            if now - folder.stat().st_mtime > _CLEANED_FOLDER_SECONDS:
                continue  # unchanged since an earlier call cleaned it
            for temp in folder.glob(f".*{TEMP_SUFFIX}"):
                try:
                    if now - temp.stat().st_mtime >= grace_seconds:
                        temp.unlink()
                        deleted += 1
                except FileNotFoundError:  # another process deleted it
                    continue
                except OSError as error:
                    logger.warning("cannot delete a temporary file: %s", error)
        return deleted

    def delete_empty_folders(self, grace_seconds: float) -> None:
        """Delete the folders of times that have been empty for the grace period.

        Far longer than a writer takes between creating a folder and its first file.
        """
        now = time.time()
        for depth in range(len(_FOLDERS), 0, -1):
            for folder in self.root.glob("/".join(_FOLDERS[:depth])):
                with suppress(OSError):  # not empty, or another process deleted it
                    if now - folder.stat().st_mtime >= grace_seconds:
                        folder.rmdir()

    def _temp_beside(self, path: str) -> Path:
        final = self.root / path
        return final.with_name(f".{final.name}.{secrets.token_hex(4)}{TEMP_SUFFIX}")

    def _make_folders(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            if not folder.is_dir():
                with self._lock:
                    self._durable_folders -= {folder}
                    for ancestor in sorted(self._ancestors({folder}) - {self.root}):
                        ancestor.mkdir(exist_ok=True)
                    folder.mkdir(exist_ok=True)

    def _ancestors(self, folders: Iterable[Path]) -> frozenset[Path]:
        """The folders above these, up to and including the root."""
        return frozenset(parent for folder in folders for parent in folder.parents if parent.is_relative_to(self.root))


def probe_write(folder: Path) -> None:
    """Raise OSError if no file can be written to a folder. Leaves no file, and creates no missing folder."""
    if folder.exists():
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"0")


def nearest_existing(path: Path) -> Path:
    """Return the path or the nearest folder above it that exists."""
    return path if path.exists() else nearest_existing(path.absolute().parent)


@contextmanager
def _create(path: Path) -> Iterator[TempFile]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        yield TempFile(path, descriptor)
    finally:
        os.close(descriptor)


def _delete(temps: Mapping[str, TempFile]) -> None:
    for temp in temps.values():
        with suppress(OSError):  # `delete_temporary` deletes it later
            temp.path.unlink(missing_ok=True)


def _start_writeback(descriptor: int) -> None:
    """Start writing to the disk without waiting. On Linux, POSIX_FADV_DONTNEED starts writing dirty pages."""
    if hasattr(os, "posix_fadvise"):  # not on macOS
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _raise(error: OSError) -> None:
    raise error

"""Writes files so that they survive a crash, and takes away what a crash left. Knows no database."""

import hashlib
import os
import secrets
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from captiond.archive.errors import ArchiveUnavailable

TEMP_SUFFIX = ".tmp"
_LEAST_FREE_BYTES = 1 << 20
_SWEPT_SECONDS = 7 * 24 * 3600


@contextmanager
def translate_disk_errors() -> Iterator[None]:
    """The paths and sizes are our own, so whatever the disk refuses is the disk's trouble."""
    try:
        yield
    except OSError as error:
        raise ArchiveUnavailable(f"images directory: {error}") from error


class Draft(NamedTuple):
    """A temporary file that is open."""

    path: Path
    descriptor: int


class ImageFiles:
    """Files below `root`, named by relative POSIX paths. `root` itself is never made here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._settled: frozenset[Path] = frozenset()

    @contextmanager
    def drafts(self, contents: Mapping[str, bytes]) -> Iterator[dict[str, Draft]]:
        """Temporary files beside their final places, on their way to the disk; removed at the end if unpublished."""
        drafts: dict[str, Draft] = {}
        with ExitStack() as opened:
            opened.callback(_remove, drafts)
            self._make_folders({(self.root / path).parent for path in contents})
            for path, content in contents.items():
                drafts[path] = opened.enter_context(_new_file(self._temp_beside(path)))
                _write_whole(drafts[path].descriptor, content)
            # All before the first is waited for: their writing goes on meanwhile, and its journal commits many at once.
            for draft in drafts.values():
                _begin_writing_back(draft.descriptor)
            yield drafts

    def publish(self, drafts: dict[str, Draft], paths: Collection[str]) -> None:
        """Moves those of these that are drafts into place once they are durable, over what may be there, durably."""
        ready = [path for path in paths if path in drafts]
        # An fsync that failed is never repeated: Linux has dropped the pages by then and the
        # second one would report success.
        for path in ready:
            os.fsync(drafts[path].descriptor)
        folders = set()
        for path in ready:
            final = drafts.pop(path).path.replace(self.root / path)
            folders.add(final.parent)
        for folder in folders | self._ancestors(folders - self._settled):
            _sync_folder(folder)
        self._settled = frozenset(folders)

    def is_intact(self, path: str, sha256: str) -> bool:
        """Whether the file is there with that SHA-256 (hex)."""
        try:
            with (self.root / path).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == sha256
        except FileNotFoundError:
            return False

    def check_readable(self) -> None:
        """Raises OSError where no image could be read now."""
        os.scandir(self.root).close()

    def check_writable(self) -> None:
        """Raises OSError or ArchiveUnavailable where no image could be written now."""
        space = os.statvfs(self.root)
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            raise ArchiveUnavailable(f"images directory: {self.root} cannot be written")
        if space.f_blocks and space.f_bavail * space.f_frsize < _LEAST_FREE_BYTES:
            raise ArchiveUnavailable(f"images directory: no space left on {self.root}")

    def folders(self) -> Iterator[tuple[str, list[str]]]:
        """Every folder with files below it, as relative path and the sorted names of its files."""
        for folder, folders, names in os.walk(self.root, onerror=_raise):
            folders[:] = sorted(set(folders) - {"lost+found"})
            if names:
                yield Path(folder).relative_to(self.root).as_posix(), sorted(names)

    def sweep(self, grace_seconds: float) -> int:
        """Removes temporary files older than that; returns how many there were."""
        now = time.time()
        removed = 0
        for folder in self.root.glob("*/*/*/*/"):
            if now - folder.stat().st_mtime > _SWEPT_SECONDS:
                continue  # no file came or went since, and the sweeps before have seen it
            for temp in folder.glob(f".*{TEMP_SUFFIX}"):
                with suppress(FileNotFoundError):  # another sweep was quicker
                    if now - temp.stat().st_mtime >= grace_seconds:
                        temp.unlink()
                        removed += 1
        return removed

    def _temp_beside(self, path: str) -> Path:
        final = self.root / path
        return final.with_name(f".{final.name}.{secrets.token_hex(4)}{TEMP_SUFFIX}")

    def _make_folders(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            if not folder.is_dir():
                self._settled -= {folder}
                for ancestor in sorted(self._ancestors({folder}) - {self.root}):
                    ancestor.mkdir(exist_ok=True)
                folder.mkdir(exist_ok=True)

    def _ancestors(self, folders: Iterable[Path]) -> frozenset[Path]:
        """The folders above these, up to and with the root."""
        return frozenset(parent for folder in folders for parent in folder.parents if parent.is_relative_to(self.root))


@contextmanager
def _new_file(path: Path) -> Iterator[Draft]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        yield Draft(path, descriptor)
    finally:
        os.close(descriptor)


def _remove(drafts: Mapping[str, Draft]) -> None:
    for draft in drafts.values():
        with suppress(OSError):  # a leftover is harmless, and swept later
            draft.path.unlink(missing_ok=True)


def _begin_writing_back(descriptor: int) -> None:
    """A hint: Linux writes what is dirty of a file whose pages it is told to drop, without waiting, and keeps those."""
    if hasattr(os, "posix_fadvise"):  # macOS has none
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def _write_whole(descriptor: int, content: bytes) -> None:
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

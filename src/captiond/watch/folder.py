"""The watched directory: its lock, and whether it is still the same one."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

LOCK_NAME = ".captiond-watch.lock"


class UnusableFolder(Exception):
    """The directory is missing, or no file can be created in it."""

    def __init__(self, root: Path, error: OSError) -> None:
        super().__init__(f"cannot watch {root}: {error.strerror}")


class FolderInUse(Exception):
    """Another process watches the directory."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"another captiond watch runs in {root}; stop it first")


class WatchedFolder:
    """A directory that only this process watches. `root` is its path without symbolic links.

    The lock file also marks the directory: after an unmount, a directory without it is only the mount point.
    """

    def __init__(self, path: Path) -> None:
        self.root = path.resolve()
        self._lock: int | None = None
        self._identity = (0, 0)

    def __enter__(self) -> Self:
        """Lock the directory. Raises UnusableFolder, FolderInUse."""
        try:
            self._open(os.O_CREAT)
        except BlockingIOError as error:
            raise FolderInUse(self.root) from error
        except OSError as error:
            raise UnusableFolder(self.root, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def is_present(self) -> bool:
        """Whether the directory is there and locked. Locks it again after it was unmounted or renamed."""
        try:
            if self._stat() != self._identity:
                self._close()
                self._open(0)
        except OSError:
            return False
        return True

    def _stat(self) -> tuple[int, int]:
        status = self.root.stat()
        return status.st_dev, status.st_ino

    def _open(self, flags: int) -> None:
        identity = self._stat()
        lock = os.open(self.root / LOCK_NAME, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
        self._lock, self._identity = lock, identity

    def _close(self) -> None:
        if self._lock is not None:
            with suppress(OSError):  # a lost network drive may report an error; the lock is lost too
                os.close(self._lock)
            self._lock, self._identity = None, (0, 0)

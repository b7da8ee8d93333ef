"""Virtual directories: every directory exists, and nothing is written to disk."""

import os
import stat
import time
from collections import OrderedDict
from typing import TYPE_CHECKING
from uuid import uuid4

from pyftpdlib.exceptions import FilesystemError
from pyftpdlib.filesystems import AbstractedFS

from captiond.services.ftp.fields import MAX_PATH_CHARACTERS
from captiond.services.ftp.incoming import IncomingFile

if TYPE_CHECKING:
    from captiond.services.ftp.session import Session

ROOT = "/"
# Some clients request the size of the file that they have sent, or rename it.
RECORDED_FILES = 32


class VirtualDirectories(AbstractedFS):  # type: ignore[misc] # pyftpdlib has no types
    """The file system of one session. It records the size and time of the last queued files.

    It replaces every method of AbstractedFS that would access the path of a client on the disk.
    """

    cmd_channel: "Session"

    def __init__(self, root: str, cmd_channel: "Session") -> None:
        super().__init__(root, cmd_channel)
        self._files: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def record(self, file: IncomingFile) -> None:
        """Record a queued file."""
        self._files[file.name] = (file.size_bytes, time.time())
        self._files.move_to_end(file.name)
        while len(self._files) > RECORDED_FILES:
            self._files.popitem(last=False)

    def open(self, filename: str, mode: str) -> IncomingFile:
        """Create the file of an upload. Raises FilesystemError."""
        del mode
        _check(filename)
        return self.cmd_channel.create_file(filename, filename)

    def mkstemp(self, suffix: str = "", prefix: str = "", dir: str = ROOT, mode: str = "wb") -> IncomingFile:  # noqa: A002 - pyftpdlib's name
        """Create the file of STOU. A repeated upload has another name, so directory and prefix identify it."""
        del suffix, mode
        path = os.path.join(dir, f"{prefix}{uuid4().hex}.jpg")  # noqa: PTH118 - no path of the disk
        _check(path)
        return self.cmd_channel.create_file(path, os.path.join(dir, prefix))  # noqa: PTH118

    def validpath(self, path: str) -> bool:
        del path
        return True

    def realpath(self, path: str) -> str:
        return path

    def chdir(self, path: str) -> None:
        _check(path)
        self.cwd = path

    def mkdir(self, path: str) -> None:
        _check(path)

    def rmdir(self, path: str) -> None:
        """Accept, because cameras that test their settings create a directory and remove it."""

    def rename(self, src: str, dst: str) -> None:
        """Rename a recorded file. The queued image keeps its fields. Raises FilesystemError."""
        _check(dst)
        if src not in self._files:  # deleted since RNFR
            raise FilesystemError("No such file")
        self._files[dst] = self._files.pop(src)

    def remove(self, path: str) -> None:
        """Refuse. Raises FilesystemError."""
        del path
        raise FilesystemError("Images cannot be deleted")

    def chmod(self, path: str, mode: int) -> None:
        """Refuse. Raises FilesystemError."""
        del path, mode
        raise FilesystemError("Files have no modes")

    def readlink(self, path: str) -> str:
        """Refuse: there are no links. Raises FilesystemError."""
        raise FilesystemError(f"Not a link: {path}")

    def listdir(self, path: str) -> list[str]:
        return [file.rpartition("/")[2] for file in self._files if (file.rpartition("/")[0] or ROOT) == path]

    listdirinfo = listdir

    def isfile(self, path: str) -> bool:
        return path in self._files

    def isdir(self, path: str) -> bool:
        return path not in self._files

    def islink(self, path: str) -> bool:
        del path
        return False

    def lexists(self, path: str) -> bool:
        return path in self._files

    def getsize(self, path: str) -> int:
        return self._files[path][0]

    def getmtime(self, path: str) -> float:
        return self._files[path][1]

    def utime(self, path: str, timeval: float) -> None:
        """Set the time of a recorded file."""
        if path in self._files:
            self._files[path] = (self._files[path][0], timeval)

    def lstat(self, path: str) -> os.stat_result:
        """Describe a file for LIST and MLSD. Every path other than a recorded file is a directory."""
        size, seconds = self._files.get(path, (0, time.time()))
        kind = stat.S_IFREG | 0o644 if path in self._files else stat.S_IFDIR | 0o755
        return os.stat_result((kind, 0, 0, 1, 0, 0, size, int(seconds), int(seconds), int(seconds)))

    stat = lstat


def _check(path: str) -> None:
    if len(path) > MAX_PATH_CHARACTERS:
        raise FilesystemError(f"The path has {len(path)} characters; the limit is {MAX_PATH_CHARACTERS}")

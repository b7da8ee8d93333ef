"""Events of the file system, which find a photo sooner than the next scan.

The directories are watched one by one: watchfiles would follow symbolic links in a recursive watch.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import Change, watch

MAX_DIRECTORIES = 4096  # each takes one inotify watch; the scan covers the others
_STEP_MS = 100
_GROUP_MS = 500
_MAX_PAUSE_SECONDS = 60.0

logger = logging.getLogger(__name__)


class DirectoryEvents:
    """Watches a changing set of directories in a thread.

    `notice` gets absolute paths that were created or written. `rescan` is called when events may be lost.
    """

    def __init__(self, notice: Callable[[list[str]], None], rescan: Callable[[], None]) -> None:
        self._notice = notice
        self._rescan = rescan
        self._directories: frozenset[str] = frozenset()
        self._stop = threading.Event()

    def follow(self, directories: Iterable[str]) -> None:
        """Watch these directories instead of the current directories."""
        wanted = frozenset([path for path in directories if _is_text(path)][:MAX_DIRECTORIES])
        if wanted != self._directories:
            self.close()
            self._directories, self._stop = wanted, threading.Event()
            arguments = (sorted(wanted), self._stop)
            threading.Thread(target=self._run, args=arguments, name="events", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._directories = frozenset()

    def _run(self, directories: list[str], stop: threading.Event) -> None:
        pause_seconds = 1.0
        while not stop.is_set():
            try:
                self._watch(directories, stop)
            except (OSError, RuntimeError) as error:
                # watchfiles ends at a name that is not UTF-8, at a deleted directory, and at the limit of inotify.
                logger.info("events interrupted, scanning instead: %s", ascii(str(error)))
                self._rescan()
                stop.wait(pause_seconds)
                pause_seconds = min(2 * pause_seconds, _MAX_PAUSE_SECONDS)

    def _watch(self, directories: list[str], stop: threading.Event) -> None:
        changes = watch(
            *(path for path in directories if Path(path).is_dir()),
            watch_filter=None,
            recursive=False,
            stop_event=stop,
            debounce=_GROUP_MS,
            step=_STEP_MS,
            rust_timeout=_STEP_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        )
        started = False
        for group in changes:
            if not started:  # files may have appeared between the scan and the start
                started = True
                self._rescan()
            if paths := [path for change, path in group if change is not Change.deleted]:
                self._notice(paths)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True

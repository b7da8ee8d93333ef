"""Takes away the temporary files that dead writers left, from time to time."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from captiond.archive import Archive, ArchiveUnavailable

INTERVAL_SECONDS = 3600.0

logger = logging.getLogger(__name__)


@contextmanager
def cleaning(archive: Archive, interval_seconds: float = INTERVAL_SECONDS) -> Iterator[None]:
    """Clean up now and every interval, in a thread, for as long as the context is open."""
    done = threading.Event()

    def clean() -> None:
        while True:
            try:
                if removed := archive.clean_up():
                    logger.info("removed %d temporary files of writers that died", removed)
            except ArchiveUnavailable as error:
                logger.warning("could not clean up: %s", error)
            if done.wait(interval_seconds):
                return

    janitor = threading.Thread(target=clean, name="janitor", daemon=True)
    janitor.start()
    try:
        yield
    finally:
        done.set()
        janitor.join()

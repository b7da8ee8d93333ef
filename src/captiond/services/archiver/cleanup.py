"""Deletes the temporary files of crashed writers at regular intervals."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from captiond.archive import Archive, ArchiveUnavailable

INTERVAL_SECONDS = 3600.0

logger = logging.getLogger(__name__)


@contextmanager
def run_cleanup(archive: Archive, interval_seconds: float = INTERVAL_SECONDS) -> Iterator[None]:
    """Delete temporary files now and after every interval, in a thread that ends with the context."""
    done = threading.Event()

    def clean_up() -> None:
        while True:
            try:
                if deleted := archive.clean_up():
                    logger.info("deleted temporary files of crashed writers count=%d", deleted)
            except ArchiveUnavailable as error:
                logger.warning("cannot delete temporary files: %s; next attempt in %.0f s", error, interval_seconds)
            if done.wait(interval_seconds):
                return

    thread = threading.Thread(target=clean_up, name="cleanup", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()

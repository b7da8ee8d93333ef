"""Deletes the temporary files of crashed writers at regular intervals."""

import logging

from captiond.archive import Archive, ArchiveUnavailable
from captiond.periodic import PeriodicThread

INTERVAL_SECONDS = 3600.0

logger = logging.getLogger(__name__)


def run_cleanup(archive: Archive, interval_seconds: float = INTERVAL_SECONDS) -> PeriodicThread:
    """Delete temporary files now and after every interval, in a thread that ends with the context."""

    def clean_up() -> None:
        try:
            if deleted := archive.clean_up():
                logger.info("deleted temporary files of crashed writers count=%d", deleted)
        except ArchiveUnavailable as error:
            logger.warning("cannot delete temporary files: %s; next attempt in %.0f s", error, interval_seconds)

    return PeriodicThread("cleanup", clean_up, interval_seconds, at_once=True)

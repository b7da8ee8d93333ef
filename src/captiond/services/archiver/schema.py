"""Migrates the database before the archiver starts."""

import logging
import threading
from collections.abc import Callable

from captiond.archive import ArchiveUnavailable
from captiond.backoff import Outage

logger = logging.getLogger(__name__)


def wait_for_schema(
    migrate: Callable[[], None], report_heartbeat: Callable[[str | None], None], stop: threading.Event
) -> None:
    """Migrate; while the database is unavailable, retry with backoff until `stop` is set."""
    outage = Outage(logger)
    while not stop.is_set():
        try:
            migrate()
        except ArchiveUnavailable as error:
            report_heartbeat(str(error))
            stop.wait(outage.record_failure(str(error)))
        else:
            outage.record_success()
            return

"""Periodically checks whether images can be stored, to detect problems of disk or database before the next image."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from captiond.archive import ArchiveUnavailable
from captiond.backoff import Outage

INTERVAL_SECONDS = 10.0
# While there is a problem.
RECHECK_SECONDS = 1.0
# How long the end of the context waits for a check in progress. The check of a network file system may hang.
JOIN_SECONDS = 2.0
NO_DATABASE = "database: unavailable"

logger = logging.getLogger(__name__)


@contextmanager
def run_storage_check(
    check: Callable[[], None], report_problem: Callable[[str | None], None], interval_seconds: float = INTERVAL_SECONDS
) -> Iterator[None]:
    """Run `check` now and after every interval, in a thread that ends with the context; report and log its problem."""
    done, outage = threading.Event(), Outage(logger)

    def run() -> None:
        delay_seconds = 0.0
        while not done.wait(delay_seconds):
            problem: str | None = None
            try:
                check()
                outage.record_success()
            except ArchiveUnavailable as error:
                outage.record_failure(str(error))
                problem = error.problem or NO_DATABASE
            report_problem(problem)
            delay_seconds = min(interval_seconds, RECHECK_SECONDS) if problem else interval_seconds

    thread = threading.Thread(target=run, name="storage-check", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(JOIN_SECONDS)

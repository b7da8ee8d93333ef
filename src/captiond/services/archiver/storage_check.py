"""Checks at regular intervals whether images can be stored, so that a full disk is reported before the next image."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from captiond.archive import ArchiveUnavailable

INTERVAL_SECONDS = 10.0
# While there is a problem.
RECHECK_SECONDS = 1.0


@contextmanager
def run_storage_check(
    check: Callable[[], None], report_problem: Callable[[str | None], None], interval_seconds: float = INTERVAL_SECONDS
) -> Iterator[None]:
    """Run `check` after every interval, in a thread that ends after the context; report its problem, or None."""
    done = threading.Event()

    def run() -> None:
        problem: str | None = None
        while not done.wait(min(interval_seconds, RECHECK_SECONDS) if problem else interval_seconds):
            try:
                check()
                problem = None
            except ArchiveUnavailable as error:
                problem = error.disk_problem
            report_problem(problem)

    # Not joined: the check of a network file system may hang.
    threading.Thread(target=run, name="storage-check", daemon=True).start()
    try:
        yield
    finally:
        done.set()

"""Checks at regular intervals whether images can be stored, so that a full disk is reported before the next image."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from captiond.archive import ArchiveUnavailable

INTERVAL_SECONDS = 10.0


@contextmanager
def run_storage_check(
    check: Callable[[], None], report_problem: Callable[[str | None], None], interval_seconds: float = INTERVAL_SECONDS
) -> Iterator[None]:
    """Run `check` after every interval, in a thread that ends after the context; report its cause, or None."""
    done = threading.Event()

    def run() -> None:
        while not done.wait(interval_seconds):
            try:
                check()
            except ArchiveUnavailable as error:
                report_problem(error.cause)
            else:
                report_problem(None)

    # Not joined: the check of a network file system may hang.
    threading.Thread(target=run, name="storage-check", daemon=True).start()
    try:
        yield
    finally:
        done.set()

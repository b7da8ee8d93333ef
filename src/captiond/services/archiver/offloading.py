"""Moves dead letters that exceed their budget from Redis to disk, at regular intervals."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from captiond.workqueue.errors import QueueUnavailable

INTERVAL_SECONDS = 2.0

logger = logging.getLogger(__name__)


@contextmanager
def run_offloading(offload: Callable[[], int], interval_seconds: float = INTERVAL_SECONDS) -> Iterator[None]:
    """Call `offload` now and after every interval, in a thread that ends with the context. It returns a number."""
    done = threading.Event()

    def run() -> None:
        problem = ""
        while True:
            try:
                if moved := offload():
                    logger.warning("dead letters exceed their budget; moved images to disk count=%d", moved)
                problem = ""
            except QueueUnavailable:
                pass  # the worker reports the outage
            except OSError as error:
                if str(error) != problem:
                    logger.error("cannot move dead letters to disk: %s; uploads may get status 503", error)  # noqa: TRY400 - the message says all
                problem = str(error)
            if done.wait(interval_seconds):
                return

    thread = threading.Thread(target=run, name="offloading", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()

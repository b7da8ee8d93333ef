"""Moves dead letters that exceed their budget from Redis to disk, at regular intervals."""

import logging
from collections.abc import Callable

from captiond.periodic import PeriodicThread
from captiond.workqueue.errors import QueueUnavailable

INTERVAL_SECONDS = 2.0

logger = logging.getLogger(__name__)


def run_offloading(offload: Callable[[], int], interval_seconds: float = INTERVAL_SECONDS) -> PeriodicThread:
    """Call `offload` now and after every interval, in a thread that ends with the context. It returns a number."""
    problem = ""

    def run() -> None:
        nonlocal problem
        try:
            if moved := offload():
                logger.warning("dead letters exceed their budget; moved images to disk count=%d", moved)
            problem = ""
        except QueueUnavailable:
            pass  # the worker reports the outage
        except OSError as error:
            if str(error) != problem:
                logger.error("cannot move dead letters to disk: %s; uploads may get status 503", error)  # noqa: TRY400 - the cause is in the message
            problem = str(error)

    return PeriodicThread("offloading", run, interval_seconds, at_once=True)

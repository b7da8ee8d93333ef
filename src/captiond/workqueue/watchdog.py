"""Ends the process when a handler hangs: a thread cannot be stopped, and its message must go to another worker."""

import logging
import math
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# EX_TEMPFAIL of sysexits.h: started again, it may go well.
HUNG_STATUS = 75

logger = logging.getLogger(__name__)


@contextmanager
def limited(seconds: float, what: str) -> Iterator[None]:
    """End the whole process, leases and all, when the block takes longer; infinity watches nothing."""
    if math.isinf(seconds):
        yield
        return
    timer = threading.Timer(seconds, _end, (seconds, what))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(seconds: float, what: str) -> None:
    logger.critical("%s took longer than %.0f s; ending this worker", what, seconds)
    logging.shutdown()
    os._exit(HUNG_STATUS)

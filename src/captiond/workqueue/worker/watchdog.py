"""Ends the process if a handler hangs: Python cannot stop a thread, and another worker must get its messages."""

import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# EX_TEMPFAIL of sysexits.h: a restart may succeed.
HUNG_STATUS = 75
POLL_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Watchdog:
    """Limits one block at a time to `limit_seconds`; infinity disables it."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._what = ""
        self._deadline = math.inf
        self._thread: threading.Thread | None = None

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """End the process if the block takes longer than the limit; its leases then expire."""
        if self._thread is None and not math.isinf(self._limit_seconds):
            self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
            self._thread.start()
        self._what, self._deadline = what, time.monotonic() + self._limit_seconds
        try:
            yield
        finally:
            self._deadline = math.inf

    def _watch(self) -> None:
        while time.monotonic() < self._deadline:
            time.sleep(min(POLL_SECONDS, self._limit_seconds / 2))
        logger.critical("%s took longer than %.0f s; ending the process", self._what, self._limit_seconds)
        logging.shutdown()
        os._exit(HUNG_STATUS)

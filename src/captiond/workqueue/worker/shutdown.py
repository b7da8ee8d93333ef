"""The timer that enforces a shutdown."""

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from typing import Self

from captiond.stop_signal import StopSignal

POLL_SECONDS = 0.1

logger = logging.getLogger(__name__)


class ShutdownTimer:
    """Ends the process if a worker is still running `grace_seconds` after the stop, or at the second request.

    Python cannot stop a thread, so it requeues the messages and exits. An infinite grace period disables the timer.
    """

    def __init__(self, stop: StopSignal, grace_seconds: float, requeue: Callable[[], None]) -> None:
        self._stop = stop
        self._grace_seconds = grace_seconds
        self._requeue = requeue
        self._done = threading.Event()

    def __enter__(self) -> Self:
        if not math.isinf(self._grace_seconds):
            threading.Thread(target=self._run, name="shutdown-timer", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _run(self) -> None:
        self._stop.wait()
        deadline = time.monotonic() + self._grace_seconds
        while not self._done.wait(POLL_SECONDS):
            if self._stop.immediate.is_set():
                self._exit("second stop request")
            elif time.monotonic() >= deadline:
                self._exit(f"shutdown timed out after {self._grace_seconds:.0f} s")

    def _exit(self, reason: str) -> None:
        """Requeue and exit. Messages that cannot be requeued now are redelivered when their leases expire."""
        logger.warning("%s; requeueing in-flight messages", reason)
        self._requeue()
        logging.shutdown()
        os._exit(0)

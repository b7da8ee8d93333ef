"""Ends a worker whose stop takes too long: a thread cannot be stopped, but its work can be given back."""

import logging
import math
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from captiond.workqueue.worker.stop import StopSignal

POLL_SECONDS = 0.1

logger = logging.getLogger(__name__)


class Departure:
    """Watches a worker's run from its stop on; after the grace, or at once when asked twice, it ends the process.

    An infinite grace watches nothing.
    """

    def __init__(self, stop: StopSignal, grace_seconds: float, give_back: Callable[[], None]) -> None:
        self._stop = stop
        self._grace_seconds = grace_seconds
        self._give_back = give_back
        self._done = threading.Event()

    def __enter__(self) -> Self:
        if not math.isinf(self._grace_seconds):
            threading.Thread(target=self._run, name="departure", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()

    def _run(self) -> None:
        self._stop.wait()
        deadline = time.monotonic() + self._grace_seconds
        while not self._done.wait(POLL_SECONDS):
            if self._stop.immediate.is_set() or time.monotonic() >= deadline:
                self._end()

    def _end(self) -> None:
        """Nothing is lost by it: what is not given back in time goes to another worker after its lease."""
        logger.warning("told to stop, and not done yet: giving back what is in hand")
        self._give_back()
        logging.shutdown()
        os._exit(0)

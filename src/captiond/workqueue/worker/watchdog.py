"""Monitors handler calls: repeats the heartbeat of a busy worker, and ends the process if a handler hangs."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from captiond.periodic import PeriodicThread
from captiond.workqueue.worker.options import WorkerOptions

# EX_TEMPFAIL of sysexits.h: a restart may succeed.
HUNG_STATUS = 75

logger = logging.getLogger(__name__)

ReportHeartbeat = Callable[[str | None], None]


class Watchdog(PeriodicThread):
    """Reports the worker's heartbeat, and watches one handler call at a time from a thread of its own.

    A heartbeat expires. During a handler call the thread repeats the last one every `heartbeat_seconds`, reports a
    call longer than `slow_handler_seconds` as a problem, and ends the process after `handler_timeout_seconds`: Python
    cannot stop a thread, and another worker must get the messages.
    """

    def __init__(self, options: WorkerOptions, report_heartbeat: ReportHeartbeat) -> None:
        interval_seconds = min(options.heartbeat_seconds, options.handler_timeout_seconds / 2)
        super().__init__("watchdog", self._check, interval_seconds)
        self._options = options
        self._report_heartbeat = report_heartbeat
        self._problem: str | None = None
        self._messages = 0
        self._since: float | None = None
        self._lock = threading.Lock()

    def report(self, problem: str | None) -> None:
        """Report a heartbeat with the worker's problem; None if it is healthy."""
        self._problem = problem
        self._report_heartbeat(problem)

    @contextmanager
    def watching(self, messages: int) -> Iterator[None]:
        """Watch the block, which handles this number of messages."""
        with self._lock:
            self._messages, self._since = messages, time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._since = None

    def _check(self) -> None:
        with self._lock:
            if self._since is not None:
                self._check_call(time.monotonic() - self._since)

    def _check_call(self, seconds: float) -> None:
        if seconds >= self._options.handler_timeout_seconds:
            logger.critical(
                "handler timed out after %.0f s messages=%d; exiting with status %d so that another worker gets them",
                *(seconds, self._messages, HUNG_STATUS),
            )
            logging.shutdown()
            os._exit(HUNG_STATUS)
        slow = seconds >= self._options.slow_handler_seconds
        self._report_heartbeat(
            f"handler has been running for {seconds:.0f} s ({self._messages} messages)" if slow else self._problem
        )

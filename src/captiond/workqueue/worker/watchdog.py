"""Monitors handler calls: keeps the health report of a busy worker fresh, and ends the process if a handler hangs."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from captiond.workqueue.worker.options import WorkerOptions

# EX_TEMPFAIL of sysexits.h: a restart may succeed.
HUNG_STATUS = 75

logger = logging.getLogger(__name__)

ReportHealth = Callable[[str | None], None]


class Watchdog:
    """Reports the worker's health, and watches one handler call at a time from a thread of its own.

    A health report expires. During a handler call the thread repeats the last report every `health_interval_seconds`,
    reports a call longer than `slow_handler_seconds` as a problem, and ends the process after
    `handler_timeout_seconds`: Python cannot stop a thread, and another worker must get the messages.
    """

    def __init__(self, options: WorkerOptions, report_health: ReportHealth) -> None:
        self._options = options
        self._report_health = report_health
        self._problem: str | None = None
        self._what = ""
        self._since: float | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def report(self, problem: str | None) -> None:
        """Report the worker's health; None if it is good."""
        self._problem = problem
        self._report_health(problem)

    @contextmanager
    def watching(self, what: str) -> Iterator[None]:
        """Watch the block; `what` names it in the log."""
        with self._lock:
            self._what, self._since = what, time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._since = None

    def _run(self) -> None:
        interval_seconds = min(self._options.health_interval_seconds, self._options.handler_timeout_seconds / 2)
        while not self._stop.wait(interval_seconds):
            with self._lock:
                if self._since is not None:
                    self._check(time.monotonic() - self._since)

    def _check(self, seconds: float) -> None:
        if seconds >= self._options.handler_timeout_seconds:
            logger.critical("%s took longer than %.0f s; ending the process", self._what, seconds)
            logging.shutdown()
            os._exit(HUNG_STATUS)
        slow = seconds >= self._options.slow_handler_seconds
        self._report_health(f"{self._what} takes longer than {seconds:.0f} s" if slow else self._problem)

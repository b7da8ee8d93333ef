"""The heartbeat of a worker: a file that it rewrites regularly and `captiond-healthcheck` reads."""

import logging
import os
import threading
import time
from pathlib import Path

STALE_AFTER_SECONDS = 30.0
REWRITE_SECONDS = 1.0
HEALTHY = "healthy"
# The name of the archiver's second heartbeat: whether it can write images.
STORAGE = "storage"

logger = logging.getLogger(__name__)


class Heartbeat:
    """The health of a service. Workers of one machine share the file; the last writer wins."""

    def __init__(self, run_dir: Path, service: str) -> None:
        self._path = run_dir / f"{service}.alive"
        self._reported = ""
        self._reported_at = 0.0
        self._is_failing = False

    def report(self, problem: str | None) -> None:
        """Report a problem, or None for healthy. An unchanged report is written at most once per second.

        If the file cannot be written, only the first failure is logged.
        """
        report, now = problem or HEALTHY, time.monotonic()
        if report == self._reported and now - self._reported_at < REWRITE_SECONDS:
            return
        try:
            self._write(report)
        except OSError as error:
            if not self._is_failing:
                logger.warning("cannot write heartbeat %s: %s", self._path, error.strerror)
            self._is_failing = True
        else:
            self._is_failing = False
        self._reported, self._reported_at = report, now

    def _write(self, report: str) -> None:
        """Replace the file atomically, from a temporary file that no other thread uses."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temp = self._path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        temp.write_text(report, encoding="utf-8")
        temp.replace(self._path)

    def problem(self) -> str | None:
        """Read the heartbeat. Returns the problem, or None if the service is healthy."""
        try:
            report = self._path.read_text("utf-8")
            age_seconds = time.time() - self._path.stat().st_mtime
        except FileNotFoundError:
            return "no heartbeat yet"
        if age_seconds > STALE_AFTER_SECONDS:
            return f"no heartbeat for {age_seconds:.0f} s"
        return None if report == HEALTHY else report

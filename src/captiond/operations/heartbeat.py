"""How a worker says that it is well: a file that it keeps fresh."""

import logging
import os
import threading
import time
from pathlib import Path

STALE_AFTER_SECONDS = 30.0
RENEW_AFTER_SECONDS = 1.0
WELL = "well"

logger = logging.getLogger(__name__)


class Heartbeat:
    """A service's own statement; several workers of one machine share it, the last one to speak is heard."""

    def __init__(self, run_dir: Path, service: str) -> None:
        self._path = run_dir / f"{service}.alive"
        self._said = ""
        self._said_at = 0.0

    def report(self, reason: str | None) -> None:
        """State that it is well, or why not; an unchanged statement is renewed once a second."""
        statement, now = reason or WELL, time.monotonic()
        if statement == self._said and now - self._said_at < RENEW_AFTER_SECONDS:
            return
        try:
            self._write(statement)
        except OSError as error:
            logger.warning("cannot say how it is in %s: %s", self._path, error)
        self._said, self._said_at = statement, now

    def _write(self, statement: str) -> None:
        """Replace the file in one step, out of one of this thread's own."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        fresh.write_text(statement, encoding="utf-8")
        fresh.replace(self._path)

    def problem(self) -> str | None:
        """Say what is wrong, None when nothing is."""
        try:
            statement = self._path.read_text("utf-8")
            age_seconds = time.time() - self._path.stat().st_mtime
        except FileNotFoundError:
            return "it has not said a word yet"
        if age_seconds > STALE_AFTER_SECONDS:
            return f"it has not said a word for {age_seconds:.0f} s"
        return None if statement == WELL else statement

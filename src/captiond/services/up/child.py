"""One child process of the stack: started, watched, started again, stopped."""

import ctypes
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from captiond.backoff import backoff_seconds

# Exit status of a mistake a person must mend: starting again would only repeat it.
MISTAKE = 2
PR_SET_PDEATHSIG = 1
# A child that lived this long was not broken by its start.
SETTLED_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass
class Child:
    """A process that is to run for as long as the stack does."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    _process: subprocess.Popen[bytes] | None = None
    _started_at: float = 0.0
    _start_again_at: float = 0.0
    _deaths: int = field(default=0)

    def start(self) -> None:
        """Start it in a session of its own, so that Ctrl-C reaches it through us, in order."""
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one thread here
        )

    def watch(self) -> bool:
        """Start it again when it has died; False when its death was a mistake that must be mended."""
        if self._process is None:
            if time.monotonic() >= self._start_again_at:
                self.start()
            return True
        status = self._process.poll()
        if status is None:
            return True
        if status == MISTAKE:
            return False
        self._deaths = 1 if time.monotonic() - self._started_at > SETTLED_SECONDS else self._deaths + 1
        delay_seconds = backoff_seconds(self._deaths, base_seconds=0.5, cap_seconds=10.0)
        logger.error("%s ended with status %d; starting it again in %.1f s", self.name, status, delay_seconds)
        self._start_again_at = time.monotonic() + delay_seconds
        self._process = None
        return True

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, deadline: float) -> None:
        """Wait for its end until a monotonic time, then kill it."""
        if self._process is None:
            return
        try:
            self._process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            logger.warning("%s did not stop in time; killing it", self.name)
            self._process.kill()
            self._process.wait()


def _die_with_parent() -> None:
    """Runs in the child: a supervisor killed with SIGKILL must not leave a stack behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

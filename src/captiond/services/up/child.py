"""A supervised child process: start, restart after a crash, stop."""

import ctypes
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from captiond.backoff import backoff_seconds

# Exit status for configuration errors: a restart would fail in the same way.
CONFIGURATION_ERROR_STATUS = 2
PR_SET_PDEATHSIG = 1
# A child that ran this long started successfully, so the backoff starts again.
STABLE_AFTER_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass
class Child:
    """A process that runs as long as the stack."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    _process: subprocess.Popen[bytes] | None = None
    _started_at: float = 0.0
    _restart_at: float = 0.0
    _crashes: int = 0

    def start(self) -> None:
        """Start the process in its own session, so that the supervisor controls the order of shutdown on Ctrl-C."""
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - the supervisor has one thread
        )

    def watch(self) -> bool:
        """Restart the process after a crash. Returns False if it exited with a configuration error."""
        if self._process is None:
            if time.monotonic() >= self._restart_at:
                self.start()
            return True
        status = self._process.poll()
        if status is None:
            return True
        if status == CONFIGURATION_ERROR_STATUS:
            return False
        self._crashes = 1 if time.monotonic() - self._started_at > STABLE_AFTER_SECONDS else self._crashes + 1
        delay_seconds = backoff_seconds(self._crashes, base_seconds=0.5, cap_seconds=10.0)
        logger.error('child exited name="%s" status=%d restart_seconds=%.1f', self.name, status, delay_seconds)
        self._restart_at = time.monotonic() + delay_seconds
        self._process = None
        return True

    def terminate(self) -> None:
        """Send SIGTERM to a running process."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, deadline: float) -> None:
        """Wait for the process to exit, and kill it at `deadline`, a monotonic time."""
        if self._process is None:
            return
        try:
            self._process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            logger.warning('child killed: it did not stop before its deadline name="%s"', self.name)
            self._process.kill()
            self._process.wait()


def _die_with_parent() -> None:
    """Make the kernel send SIGTERM to this child when the supervisor is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

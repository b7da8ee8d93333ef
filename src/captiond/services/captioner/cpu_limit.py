"""Interrupts the main thread when a piece of work uses too much CPU time."""

import signal
from types import FrameType
from typing import Self

# The signal repeats: Python drops an exception that a handler raises inside of a destructor.
REPEAT_SECONDS = 0.1


class CpuTimeExceeded(BaseException):
    """The work used more CPU time than allowed. No `Exception`, so that no handler of errors catches it."""


class CpuLimit:
    """Raises CpuTimeExceeded in a block that uses more CPU time. For the main thread, one block at a time.

    The exception waits for the end of a call into C.
    """

    def __init__(self, seconds: float) -> None:
        """Take over SIGPROF."""
        self._seconds = seconds
        self._armed = False
        signal.signal(signal.SIGPROF, self._interrupt)

    def __enter__(self) -> Self:
        self._armed = True
        signal.setitimer(signal.ITIMER_PROF, self._seconds, REPEAT_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._armed = False
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _interrupt(self, _number: int, _frame: FrameType | None) -> None:
        if self._armed:  # else the block ended before the handler ran
            raise CpuTimeExceeded

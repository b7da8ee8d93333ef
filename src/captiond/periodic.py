"""Periodic work in a separate thread."""

import threading
from collections.abc import Callable
from typing import Self


class PeriodicThread:
    """Calls `work` after every interval, and with `at_once` also at the start. The thread ends with the context.

    The end of the context waits for a call in progress, at most `join_seconds`. `work` must handle its errors: an
    exception ends the thread.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], None],
        interval_seconds: float,
        *,
        at_once: bool = False,
        join_seconds: float | None = None,
    ) -> None:
        self._work = work
        self._interval_seconds = interval_seconds
        self._at_once = at_once
        self._join_seconds = join_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(self._join_seconds)

    def _run(self) -> None:
        if self._at_once:
            self._work()
        while not self._stop.wait(self._interval_seconds):
            self._work()

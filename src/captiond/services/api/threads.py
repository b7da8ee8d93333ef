"""Threads that a hung driver may block forever."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonThreads:
    """A fixed number of threads, started at the first call. Calls beyond that number wait in a queue.

    The exit of the process does not wait for these threads, unlike those of `ThreadPoolExecutor` and of AnyIO.
    """

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._count = count
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._started = False

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Run a call. Cancelling its future removes a call that has not started. Not for several threads."""
        if not self._started:
            self._started = True
            for number in range(self._count):
                threading.Thread(target=self._run, name=f"{self._name}-{number}", daemon=True).start()
        future: Future[T] = Future()
        self._calls.put((future, call))
        return future

    def close(self) -> None:
        """End each thread after its call."""
        for _ in range(self._count):
            self._calls.put(None)

    def _run(self) -> None:
        while submitted := self._calls.get():
            future, call = submitted
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - the caller gets every error
                future.set_exception(error)
            del submitted, future, call  # an idle thread must not keep a result

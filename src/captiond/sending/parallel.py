"""Calls a function for many items in a fixed number of threads."""

import math
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from captiond.workqueue.worker import StopSignal

Item = TypeVar("Item")
Result = TypeVar("Result")
GRACE_SECONDS = 10.0
_POLL_SECONDS = 0.1


class _End:
    """A thread has ended, by an error if it has one."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


_END = _End()


def run_parallel(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, stop: StopSignal
) -> Iterator[Result]:
    """Yield the results in the order in which they are ready. Items are read one at a time.

    When `stop` is set, no further item is started. The calls in progress have GRACE_SECONDS to end, or none if the
    stop is immediate. Their threads are daemons, so that they do not delay the exit of the process.
    """
    source, lock = iter(items), threading.Lock()
    results: queue.Queue[Result | _End] = queue.Queue(2 * threads)

    def take() -> Item | _End:
        with lock:
            return _END if stop.is_set() else next(source, _END)

    def run() -> None:
        try:
            while not isinstance(item := take(), _End):
                results.put(work(item))
            results.put(_END)
        except BaseException as error:  # noqa: BLE001 - raised in the thread of the caller
            results.put(_End(error))

    for number in range(threads):
        threading.Thread(target=run, name=f"sending-{number}", daemon=True).start()
    return _collect(results, threads, stop)


def _collect(results: "queue.Queue[Result | _End]", running: int, stop: StopSignal) -> Iterator[Result]:
    deadline = math.inf
    while running:
        if stop.is_set():
            deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
        try:
            result = results.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            if stop.immediate.is_set() or time.monotonic() > deadline:
                return
            continue
        if not isinstance(result, _End):
            yield result
        elif result.error:
            raise result.error
        else:
            running -= 1

"""Runs work at regular intervals beside the worker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def run_periodically(name: str, work: Callable[[], None], interval_seconds: float) -> Iterator[None]:
    """Call `work` now and after every interval, in a thread of that name that ends with the context."""
    done = threading.Event()

    def run() -> None:
        work()
        while not done.wait(interval_seconds):
            work()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()

"""Limits what the requests in progress may use together."""

import threading
from contextlib import ExitStack

from captiond.services.api.http.problem_types import OVERLOADED
from captiond.services.api.http.problems import Problem


class Quota:
    """A limited amount of `what`, such as "bytes of uploads in progress". Thread-safe."""

    def __init__(self, limit: int, what: str) -> None:
        self._limit = limit
        self._what = what
        self._used = 0
        self._lock = threading.Lock()

    def reserve(self, amount: int) -> ExitStack:
        """Reserve an amount until the returned context ends. Raises Problem.

        A single reservation may exceed the limit: otherwise it would never succeed.
        """
        with self._lock:
            if self._used and self._used + amount > self._limit:
                detail = f"The limit of {self._limit} {self._what} is reached; retry after the time in Retry-After."
                raise Problem(OVERLOADED, detail)
            self._used += amount
        reservation = ExitStack()
        reservation.callback(self._release, amount)
        return reservation

    def _release(self, amount: int) -> None:
        with self._lock:
            self._used -= amount

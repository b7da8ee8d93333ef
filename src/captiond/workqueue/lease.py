"""Keeps the leases of the deliveries in hand, from a thread of its own: the work itself may take any time."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

from redis.exceptions import RedisError


class LeaseKeeper:
    """Calls `renew` with all entries in hand every `interval_seconds`; what it does not return is not renewed again."""

    def __init__(self, renew: Callable[[Collection[bytes]], Collection[bytes]], interval_seconds: float) -> None:
        self._renew = renew
        self._interval_seconds = interval_seconds
        self._entries: set[bytes] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def hold(self, entries: Collection[bytes]) -> Iterator[None]:
        """Keep these leases for as long as the context is open."""
        with self._lock:
            self._entries.update(entries)
        try:
            yield
        finally:
            with self._lock:
                self._entries.difference_update(entries)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_seconds):
            with self._lock:
                held = tuple(self._entries)
            # A server that is away cannot hand the entry to somebody else either; the worker's loop reports it.
            with suppress(RedisError):
                if held:
                    lost = set(held).difference(self._renew(held))
                    with self._lock:
                        self._entries -= lost

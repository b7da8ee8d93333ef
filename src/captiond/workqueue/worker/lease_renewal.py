"""Keeps the leases of the deliveries in hand, from a thread of its own: the work itself may take any time."""

import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from redis.exceptions import RedisError

from captiond.workqueue.message import Delivery


class LeaseKeeper:
    """Calls `renew` with all entries in hand every `interval_seconds`; what it does not return is not renewed again."""

    def __init__(self, renew: Callable[[Collection[bytes]], Collection[bytes]], interval_seconds: float) -> None:
        self._renew = renew
        self._interval_seconds = interval_seconds
        self._held: dict[bytes, Delivery] = {}
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

    def hold(self, deliveries: Iterable[Delivery]) -> None:
        """Keep these leases until they are let go."""
        with self._lock:
            self._held |= {delivery.entry: delivery for delivery in deliveries}

    def let_go(self, deliveries: Iterable[Delivery]) -> None:
        """Keep these leases no longer."""
        self._forget(delivery.entry for delivery in deliveries)

    @property
    def in_hand(self) -> list[Delivery]:
        """What is held and was not lost."""
        with self._lock:
            return list(self._held.values())

    def _run(self) -> None:
        while not self._stop.wait(self._interval_seconds):
            held = [delivery.entry for delivery in self.in_hand]
            # A server that is away cannot hand the entry to somebody else either; the worker's loop reports it.
            with suppress(RedisError):
                if held:
                    self._forget(set(held).difference(self._renew(held)))

    def _forget(self, entries: Iterable[bytes]) -> None:
        with self._lock:
            for entry in entries:
                self._held.pop(entry, None)

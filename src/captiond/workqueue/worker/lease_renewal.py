"""Renews the leases of in-flight messages in a thread of its own, so that a handler may take any time."""

import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from redis.exceptions import RedisError

from captiond.periodic import PeriodicThread
from captiond.workqueue.message import Delivery


class LeaseRenewer(PeriodicThread):
    """Calls `renew` with all entries every `interval_seconds`, and drops entries that it does not return."""

    def __init__(self, renew: Callable[[Collection[bytes]], Collection[bytes]], interval_seconds: float) -> None:
        super().__init__("lease-renewer", self._renew_all, interval_seconds)
        self._renew = renew
        self._in_flight: dict[bytes, Delivery] = {}
        self._lock = threading.Lock()

    def add(self, deliveries: Iterable[Delivery]) -> None:
        """Renew the leases of these deliveries until they are removed."""
        with self._lock:
            self._in_flight |= {delivery.entry: delivery for delivery in deliveries}

    def remove(self, deliveries: Iterable[Delivery]) -> None:
        """Stop renewing these leases."""
        self._drop(delivery.entry for delivery in deliveries)

    @property
    def deliveries(self) -> list[Delivery]:
        """The deliveries that were added, without those whose lease expired."""
        with self._lock:
            return list(self._in_flight.values())

    def _renew_all(self) -> None:
        entries = [delivery.entry for delivery in self.deliveries]
        # An unreachable server cannot deliver the entries to another consumer either; the worker loop logs it.
        with suppress(RedisError):
            if entries:
                self._drop(set(entries).difference(self._renew(entries)))

    def _drop(self, entries: Iterable[bytes]) -> None:
        with self._lock:
            for entry in entries:
                self._in_flight.pop(entry, None)

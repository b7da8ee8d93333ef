"""Chooses what a worker gets next: what is held already, what is parked or abandoned, what is new."""

import time
from collections.abc import Sequence

from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker.options import WorkerOptions

# A larger batch is settled before the next is taken: ten megabytes an upload, and 64 of them, make 640 a batch.
MAX_RESERVE_BYTES = 64 << 20


class Intake:
    """Takes batches off one consumer's queue."""

    def __init__(self, consumer: Consumer, options: WorkerOptions) -> None:
        self._consumer = consumer
        self._options = options
        self._parked_check_at = self._sweep_at = 0.0
        self._busy = False

    def receive(self) -> list[Delivery]:
        """Wait for a batch, not for long; it may be empty."""
        now, count = time.monotonic(), self._options.batch_size
        if not self._consumer.held and now >= self._parked_check_at:
            sweep = now >= self._sweep_at
            claimed = self._consumer.claim(count, self._options.lease_seconds if sweep else None)
            if len(claimed) < count:
                self._parked_check_at = now + self._options.parked_check_seconds
                if sweep:
                    self._sweep_at = now + self._options.sweep_seconds
            if claimed:
                return claimed
        deliveries = self._consumer.receive(count, self._options.parked_check_seconds)
        self._busy = len(deliveries) > 1
        return deliveries

    def room(self, handled: Sequence[Delivery]) -> int:
        """Count what may come along with the settling of these.

        Nothing at rest, nor after a batch of which three would fill the memory, nor where parked messages or a jam come
        first.
        """
        if sum(delivery.size_bytes for delivery in handled) > MAX_RESERVE_BYTES:
            return 0
        limit, count = self._options.high_water, self._options.batch_size
        # Three batches may be on their way there: what is being settled, what is handled meanwhile, what comes along.
        near_jam = limit is not None and 2 * self._consumer.ahead + 3 * count > limit
        if not self._busy or near_jam or time.monotonic() >= self._parked_check_at:
            return 0
        return count

    def look_back(self) -> None:
        """See to parked messages first, next time."""
        self._parked_check_at = 0.0

"""Receives batches: due retries and expired leases first, then new messages; nothing under backpressure.

Many due messages alternate with new ones, batch by batch, so that neither wait for all of the others.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from captiond.stop_signal import StopSignal
from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker.lease_renewal import LeaseRenewer
from captiond.workqueue.worker.options import WorkerOptions

# Up to three batches are in memory at a time, and 64 uploads of 10 MiB are 640 MiB.
MAX_PREFETCH_BYTES = 64 << 20
BACKPRESSURE_PAUSE_SECONDS = 0.25

logger = logging.getLogger(__name__)


class Receiver:
    """Receives the batches of one consumer and starts the renewal of their leases."""

    def __init__(self, consumer: Consumer, options: WorkerOptions, leases: LeaseRenewer) -> None:
        self._consumer = consumer
        self._options = options
        self._leases = leases
        self._delayed_check_at = self._sweep_at = 0.0
        self._busy = self._backpressured = self._new_first = False

    def receive(self, stop: StopSignal, *, wait: bool = True) -> list[Delivery]:
        """Return the next batch, which may be empty; wait at most `delayed_check_seconds` for it. Raises RedisError."""
        self._update_backpressure()
        if self._backpressured:
            if wait:
                stop.wait(BACKPRESSURE_PAUSE_SECONDS)
            return []
        new_first, self._new_first = self._new_first, False
        deliveries = self._receive_new(0) if new_first else []
        if not deliveries:
            deliveries = self._claim()
        if not deliveries:
            deliveries = self._receive_new(self._options.delayed_check_seconds if wait else 0)
        self._leases.add(deliveries)
        return deliveries

    def prefetch(self, count: int) -> list[Delivery]:
        """Return up to `count` new messages without waiting; none if Redis is unreachable."""
        with suppress(RedisError):  # the settlement that runs next reports the error
            deliveries = self._consumer.receive(count, 0) if count else []
            self._leases.add(deliveries)
            return deliveries
        return []

    def prefetch_count(self, handled: Sequence[Delivery]) -> int:
        """Return how many messages to prefetch while this batch is settled.

        Returns 0 if the queue is almost empty, the batch is large, a retry is due, or the next queue is near its
        high-water mark.
        """
        if sum(delivery.size_bytes for delivery in handled) > MAX_PREFETCH_BYTES:
            return 0
        mark, count = self._options.high_water_mark, self._options.batch_size
        # Three batches may be on their way downstream: one being settled, one being handled, one prefetched.
        near_mark = mark is not None and 2 * self._consumer.downstream_depth + 3 * count > mark
        if not self._busy or near_mark or time.monotonic() >= self._delayed_check_at:
            return 0
        return count

    def check_delayed_first(self) -> None:
        """Claim due retries at the next `receive`."""
        self._delayed_check_at = 0.0
        self._new_first = False

    def _receive_new(self, wait_seconds: float) -> list[Delivery]:
        deliveries = self._consumer.receive(self._options.batch_size, wait_seconds)
        self._busy = len(deliveries) > 1
        return deliveries

    def _claim(self) -> list[Delivery]:
        now, count = time.monotonic(), self._options.batch_size
        if now < self._delayed_check_at:
            return []
        sweep = now >= self._sweep_at
        claimed = self._consumer.claim(count, self._options.lease_seconds if sweep else None)
        self._new_first = len(claimed) >= count
        if not self._new_first:
            self._delayed_check_at = now + self._options.delayed_check_seconds
            if sweep:
                self._sweep_at = now + self._options.sweep_seconds
        return claimed

    def _update_backpressure(self) -> None:
        """Pause while the next queue is at its high-water mark: more messages there would only fill the server."""
        mark, before = self._options.high_water_mark, self._backpressured
        if mark is None:
            return
        # The depth of the last forward is enough while it is below the mark.
        self._backpressured = self._consumer.downstream_depth >= mark and self._consumer.read_downstream_depth() >= mark
        if self._backpressured != before:
            level = logging.WARNING if self._backpressured else logging.INFO
            event = "paused by backpressure" if self._backpressured else "resumed after backpressure"
            queue, depth = self._consumer.route.next_queue, self._consumer.downstream_depth
            logger.log(level, "%s queue=%s depth=%d high_water_mark=%d", event, queue, depth, mark)

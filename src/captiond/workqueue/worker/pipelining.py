"""Pipelining: settles one batch and prefetches another in a thread while the worker handles the next."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from captiond.stop_signal import StopSignal
from captiond.workqueue.message import Delivery
from captiond.workqueue.outcome import Outcome, Reject
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker.dispatch import Outcomes
from captiond.workqueue.worker.lease_renewal import LeaseRenewer
from captiond.workqueue.worker.receiver import Receiver
from captiond.workqueue.worker.reconnect import Reconnector

logger = logging.getLogger(__name__)


class BatchPipeline:
    """Receives and settles batches, under load with a background thread.

    Only one thread may use the consumer: call `wait` before any other use of it.
    """

    def __init__(self, consumer: Consumer, receiver: Receiver, leases: LeaseRenewer, reconnector: Reconnector) -> None:
        self._consumer = consumer
        self._receiver = receiver
        self._leases = leases
        self._reconnector = reconnector
        self._executor = ThreadPoolExecutor(1, "settlement")
        self._running: Future[list[Delivery]] | None = None
        self._prefetched: list[Delivery] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    def receive(self, stop: StopSignal, *, wait: bool = True) -> list[Delivery]:
        """Return the prefetched batch, else a new one, which may be empty. Raises RedisError."""
        if prefetched := self.take_prefetched():
            return prefetched
        deliveries = self._receiver.receive(stop, wait=wait)
        self._reconnector.record_recovery()
        return deliveries

    def settle(self, deliveries: Sequence[Delivery], outcomes: Outcomes, stop: StopSignal) -> None:
        """Settle the outcomes of a batch, in the background if the next batch is prefetched. Raises RedisError."""
        count = 0 if stop.is_set() else self._receiver.prefetch_count(deliveries)
        if not self._prefetched:
            self._prefetched = self._receiver.prefetch(count)
        if self._prefetched:
            self._running = self._executor.submit(self._settle_and_prefetch, deliveries, outcomes, stop, count)
        else:
            self.settle_now(deliveries, outcomes, stop)

    def wait(self) -> None:
        """Wait for the settlement in the background. Raises RedisError."""
        running, self._running = self._running, None
        if running:
            self._prefetched += running.result()

    def take_prefetched(self) -> list[Delivery]:
        """Return the prefetched batch, which may be empty, and clear it."""
        prefetched, self._prefetched = self._prefetched, []
        return prefetched

    def _settle_and_prefetch(
        self, deliveries: Sequence[Delivery], outcomes: Outcomes, stop: StopSignal, count: int
    ) -> list[Delivery]:
        self.settle_now(deliveries, outcomes, stop)
        return self._receiver.prefetch(count)

    def settle_now(self, deliveries: Sequence[Delivery], outcomes: Outcomes, stop: StopSignal) -> None:
        """Settle the outcomes of a batch, or of its first messages, without a prefetch. Raises RedisError."""
        try:
            results = self._reconnector.retry_until_connected(lambda: self._consumer.settle(outcomes), stop)
        finally:
            self._leases.remove(deliveries)
        for (delivery, outcome), result in zip(outcomes, results, strict=True):
            _log(self._consumer.route.queue, delivery, outcome, result)


def _log(queue: str, delivery: Delivery, outcome: Outcome, result: int | bytes) -> None:
    message_id = delivery.id or "unreadable"
    if not result:
        logger.warning(
            "acknowledgement rejected: the message is settled; its lease expired or a reply was lost message=%s",
            message_id,
        )
    elif isinstance(outcome, Reject) and isinstance(result, bytes):
        line = "moved to the dead-letter queue message=%s dead_letter=%s/%s"
        logger.error(line, message_id, queue, result.decode(), exc_info=outcome.error)

"""Pipelining: settles one batch and prefetches another in a thread while the worker handles the next."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from captiond.workqueue.message import Delivery
from captiond.workqueue.outcome import Outcome, Reject
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker.dispatch import Outcomes
from captiond.workqueue.worker.lease_renewal import LeaseRenewer
from captiond.workqueue.worker.prefetch import Prefetcher
from captiond.workqueue.worker.reconnect import Reconnector
from captiond.workqueue.worker.shutdown import StopSignal

logger = logging.getLogger(__name__)


class BackgroundSettler:
    """Settles batches, under load in a background thread.

    Only one thread may use the consumer: call `wait` before any other use of it.
    """

    def __init__(
        self, consumer: Consumer, prefetcher: Prefetcher, leases: LeaseRenewer, reconnector: Reconnector
    ) -> None:
        self._consumer = consumer
        self._prefetcher = prefetcher
        self._leases = leases
        self._reconnector = reconnector
        self._executor = ThreadPoolExecutor(1, "settlement")
        self._running: Future[list[Delivery]] | None = None
        self._prefetched: list[Delivery] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()

    def settle(self, deliveries: Sequence[Delivery], outcomes: Outcomes, stop: StopSignal) -> None:
        """Settle the outcomes of a batch, in the background if the next batch is there. Raises RedisError."""
        count = 0 if stop.is_set() else self._prefetcher.capacity(deliveries)
        if count and not self._prefetched:
            self._prefetched = self._prefetcher.read_ahead(count)
        if self._prefetched:
            self._running = self._executor.submit(self._settle_and_prefetch, deliveries, outcomes, stop, count)
        else:
            self._settle(deliveries, outcomes, stop)

    def wait(self) -> None:
        """Wait for the settlement in the background. Raises RedisError."""
        running, self._running = self._running, None
        if running:
            self._prefetched += running.result()

    def take_prefetched(self) -> list[Delivery]:
        """Return the prefetched batch, which may be empty."""
        prefetched, self._prefetched = self._prefetched, []
        return prefetched

    def _settle_and_prefetch(
        self, deliveries: Sequence[Delivery], outcomes: Outcomes, stop: StopSignal, count: int
    ) -> list[Delivery]:
        self._settle(deliveries, outcomes, stop)
        return self._prefetcher.read_ahead(count) if count else []

    def _settle(self, deliveries: Sequence[Delivery], outcomes: Outcomes, stop: StopSignal) -> None:
        try:
            settled = self._reconnector.retry_until_connected(lambda: self._consumer.settle(outcomes), stop)
        finally:
            self._leases.remove(deliveries)
        self._reconnector.connected()
        for (delivery, outcome), is_first in zip(outcomes, settled, strict=True):
            _log(delivery, outcome, is_first=is_first)


def _log(delivery: Delivery, outcome: Outcome, *, is_first: bool) -> None:
    if not is_first:
        logger.warning("already settled by another worker or an earlier attempt message=%s", delivery.id)
    elif isinstance(outcome, Reject):
        logger.error(
            "moved to the dead-letter queue message=%s entry=%s",
            delivery.id or "unreadable",
            delivery.entry.decode(),
            exc_info=outcome.error,
        )

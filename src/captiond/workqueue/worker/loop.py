"""The worker loop: receive a batch, handle it, then acknowledge, forward, retry or reject each message."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from captiond.backoff import Outage
from captiond.stop_signal import StopSignal
from captiond.workqueue.errors import DeliveriesExhausted, DependencyUnavailable, MalformedMessage
from captiond.workqueue.message import Delivery
from captiond.workqueue.outcome import Reject
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker.dispatch import Dispatched, Dispatcher, Failures, Handler, Outcomes
from captiond.workqueue.worker.lease_renewal import LeaseRenewer
from captiond.workqueue.worker.options import WorkerOptions
from captiond.workqueue.worker.pipelining import BatchPipeline
from captiond.workqueue.worker.receiver import Receiver
from captiond.workqueue.worker.reconnect import Reconnector
from captiond.workqueue.worker.shutdown import ShutdownTimer
from captiond.workqueue.worker.watchdog import ReportHeartbeat, Watchdog

logger = logging.getLogger(__name__)

# Errors that a retry cannot fix.
PERMANENT = (MalformedMessage, DeliveriesExhausted)


@dataclass(frozen=True, slots=True)
class _Steps:
    """How to handle and settle a batch or a suspect."""

    dispatch: Callable[[Sequence[Delivery]], Dispatched]
    settle: Callable[[Sequence[Delivery], Outcomes, StopSignal], None]


class Worker:
    """Runs a handler on the deliveries of one consumer until a stop is requested.

    `handle_suspect` receives, one by one, messages that may have crashed earlier workers, and those that `handle`
    isolates.
    """

    def __init__(
        self,
        consumer: Consumer,
        handle: Handler,
        options: WorkerOptions,
        report_heartbeat: ReportHeartbeat,
        handle_suspect: Handler | None = None,
    ) -> None:
        self._consumer = consumer
        self._options = options
        self._watchdog = Watchdog(options, report_heartbeat)
        self._dispatcher = Dispatcher(handle, handle_suspect or handle, options.retry_policy, self._watchdog)
        self._leases = LeaseRenewer(consumer.renew, options.lease_seconds / 3)
        self._reconnector = Reconnector(consumer, self._watchdog.report, options.shutdown_retry_seconds)
        self._dependency = Outage(logger)
        self._receiver = Receiver(consumer, options, self._leases)
        self._batches = BatchPipeline(consumer, self._receiver, self._leases, self._reconnector)
        self._suspects: deque[Delivery] = deque()
        self._usual = _Steps(self._dispatcher.dispatch, self._batches.settle)
        # Without a prefetch for each: more than one per batch would only take memory.
        self._alone = _Steps(self._dispatcher.dispatch_suspect, self._batches.settle_now)

    def run(self, stop: StopSignal) -> None:
        """Work until `stop` is set, then finish the current batch.

        If that takes longer than the grace period, requeue in-flight messages and end the process. Raises RedisError
        if a batch cannot be settled during shutdown.
        """
        timer = ShutdownTimer(stop, self._options.grace_seconds, self._deregister)
        with self._leases, self._watchdog, self._batches, timer:
            while not stop.is_set():
                try:
                    self._consumer.create_group()
                    while not stop.is_set():
                        self._process_batch(stop)
                    self._batches.wait()
                except RedisError as error:
                    stop.wait(self._reconnector.record_outage(error))
                except DependencyUnavailable as error:
                    self._watchdog.report(str(error))
                    stop.wait(self._dependency.record_failure(str(error)))
            self._deregister()

    def _process_batch(self, stop: StopSignal) -> None:
        if len(self._suspects) < self._options.batch_size:  # else their payloads would take too much memory
            self._process(self._batches.receive(stop, wait=not self._suspects), self._usual, stop)
        self._process_suspects(stop)
        self._watchdog.report(None)

    def _process_suspects(self, stop: StopSignal) -> None:
        """Process all that may have crashed earlier workers, which a crash of the next batch would count against.

        Of the isolated ones process one, so that they cannot delay all other messages.
        """
        is_last = False
        while self._suspects and not is_last:
            suspect = self._suspects.popleft()
            is_last = not self._options.retry_policy.is_suspect(suspect.deliveries)
            if suspect in self._leases.deliveries:  # else another worker has it
                self._process([suspect], self._alone, stop)

    def _process(self, deliveries: Sequence[Delivery], steps: _Steps, stop: StopSignal) -> None:
        while deliveries:
            try:
                result = self._handle(deliveries, steps, stop)
                left = {delivery.entry for delivery in (*result.suspects, *result.isolated, *result.unhandled)}
                handled = [delivery for delivery in deliveries if delivery.entry not in left] if left else deliveries
                self._postpone(result.postponed, stop)
                outcomes = result.outcomes + self._retry_or_reject(result.failures, stop)
                (self._batches.settle_now if result.unhandled else steps.settle)(handled, outcomes, stop)
            except BaseException:
                # Stop renewing, so that the leases expire and another worker gets the messages.
                self._leases.remove(deliveries)
                raise
            self._suspects.extendleft(result.suspects)
            self._suspects.extend(result.isolated)
            self._dependency.record_success()
            deliveries = result.unhandled

    def _handle(self, deliveries: Sequence[Delivery], steps: _Steps, stop: StopSignal) -> Dispatched:
        try:
            result = steps.dispatch(deliveries)
        except DependencyUnavailable:
            self._requeue(deliveries, stop)
            raise
        self._batches.wait()
        return result

    def _postpone(self, postponed: Sequence[tuple[Delivery, float]], stop: StopSignal) -> None:
        if postponed:
            self._reconnector.retry_until_connected(lambda: self._consumer.postpone(postponed), stop)

    def _retry_or_reject(self, failures: Failures, stop: StopSignal) -> Outcomes:
        """Delay the messages that have attempts left. Return a rejection for each of the others."""
        return [
            (delivery, Reject(error))
            for delivery, error in failures
            if isinstance(error, PERMANENT) or not self._retry_later(delivery, error, stop)
        ]

    def _retry_later(self, delivery: Delivery, error: Exception, stop: StopSignal) -> bool:
        """Record a failed attempt and delay the message; False if this was its last attempt."""
        delays_seconds = self._options.retry_policy.delays_seconds()
        failures = self._reconnector.retry_until_connected(
            lambda: self._consumer.record_failure(delivery, error, delays_seconds), stop
        )
        if failures > len(delays_seconds):
            return False
        plan = f"retry_seconds={delays_seconds[failures - 1]:.1f}" if failures > 0 else "lease=expired"
        logger.warning("attempt failed message=%s failures=%d %s", delivery.id, failures, plan, exc_info=error)
        return True

    def _requeue(self, deliveries: Sequence[Delivery], stop: StopSignal) -> None:
        """Requeue a batch and the prefetched one, which needs the same dependency."""
        self._batches.wait()
        requeued = [*deliveries, *self._batches.take_prefetched()]
        self._reconnector.retry_until_connected(lambda: self._consumer.requeue(requeued), stop)
        self._leases.remove(requeued)
        self._receiver.check_delayed_first()  # these messages test first whether the dependency is available again

    def _deregister(self) -> None:
        """Requeue in-flight messages; those that another thread settles meanwhile stay settled (fenced)."""
        try:
            self._consumer.requeue(self._leases.deliveries)
            self._consumer.deregister()
        except RedisError as error:
            logger.warning(
                "could not requeue in-flight messages and deregister consumer=%s: %s; "
                "they are redelivered when their leases expire",
                *(self._consumer.name, error),
            )

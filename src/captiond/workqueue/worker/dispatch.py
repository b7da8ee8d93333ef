"""Passes a batch to the handlers, isolates suspect messages, and finds the message that makes a batch fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from captiond.workqueue.errors import (
    DeliveriesExhausted,
    DependencyUnavailable,
    MalformedMessage,
    UnsupportedVersion,
)
from captiond.workqueue.message import Delivery, Message
from captiond.workqueue.outcome import Outcome
from captiond.workqueue.worker.options import RetryPolicy
from captiond.workqueue.worker.watchdog import Watchdog

# Delivery is at least once: after a crash, a lost lease or a lost reply the handler receives a message again.
Handler = Callable[[Sequence[Message]], Sequence[Outcome]]
Outcomes = list[tuple[Delivery, Outcome]]
Failures = list[tuple[Delivery, Exception]]
_Decoded = list[tuple[Delivery, Message]]


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Calls `handle` with a batch, and `handle_suspect` with one message that may have crashed earlier workers."""

    handle: Handler
    handle_suspect: Handler
    policy: RetryPolicy
    watchdog: Watchdog

    def dispatch(self, deliveries: Sequence[Delivery]) -> tuple[Outcomes, Failures]:
        """Return each delivery with its outcome or its error. Raises DependencyUnavailable."""
        decoded, failures = self._decode(deliveries)
        suspects = [item for item in decoded if self.policy.is_suspect(item[0].deliveries)]
        others = [item for item in decoded if not self.policy.is_suspect(item[0].deliveries)]
        calls = [(others, self.handle)] if others else []
        calls += [([suspect], self.handle_suspect) for suspect in suspects]
        outcomes: Outcomes = []
        for batch, handle in calls:
            handled, failed = self._call(batch, handle)
            outcomes += handled
            failures += failed
        return outcomes, failures

    def _decode(self, deliveries: Sequence[Delivery]) -> tuple[_Decoded, Failures]:
        decoded: _Decoded = []
        failures: Failures = []
        for delivery in deliveries:
            if self.policy.is_exhausted(delivery.deliveries):
                failures.append((delivery, DeliveriesExhausted(delivery.deliveries)))
                continue
            try:
                decoded.append((delivery, delivery.decode()))
            except (MalformedMessage, UnsupportedVersion) as error:
                failures.append((delivery, error))
        return decoded, failures

    def _call(self, batch: _Decoded, handle: Handler) -> tuple[Outcomes, Failures]:
        deliveries = [delivery for delivery, _ in batch]
        try:
            with self.watchdog.watching(len(batch)):
                outcomes = handle([message for _, message in batch])
            return list(zip(deliveries, outcomes, strict=True)), []
        except DependencyUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - any error of a handler is a failed attempt of its messages
            if len(batch) == 1:
                return [], [(deliveries[0], error)]
        # One message made the batch fail: handle each alone to find it.
        results = [self._call([item], handle) for item in batch]
        return [item for handled, _ in results for item in handled], [item for _, failed in results for item in failed]

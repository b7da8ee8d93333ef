"""Passes a batch to the handlers, sorts out its suspects, and finds the message that makes a batch fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from captiond.workqueue.errors import (
    DeliveriesExhausted,
    DependencyUnavailable,
    MalformedMessage,
    UnsupportedVersion,
)
from captiond.workqueue.message import Delivery, Message
from captiond.workqueue.outcome import Isolate, Outcome, Postpone, Retry
from captiond.workqueue.worker.options import RetryPolicy
from captiond.workqueue.worker.watchdog import Watchdog

# Delivery is at least once: after a crash, a lost lease or a lost reply the handler receives a message again.
# It may end early after Isolate: it gets the rest of the batch again, after the outcomes so far are settled.
Handler = Callable[[Sequence[Message]], Sequence[Outcome]]
Outcomes = list[tuple[Delivery, Outcome]]
Failures = list[tuple[Delivery, Exception]]
_Decoded = list[tuple[Delivery, Message]]


@dataclass(slots=True)
class Dispatched:
    """The outcomes and errors of a batch, and what is left to do.

    `suspects` may have crashed earlier workers, a handler isolated the `isolated`, and none got the `unhandled`. The
    `postponed` are to be delivered again after so many seconds.
    """

    outcomes: Outcomes = field(default_factory=list)
    failures: Failures = field(default_factory=list)
    postponed: list[tuple[Delivery, float]] = field(default_factory=list)
    suspects: list[Delivery] = field(default_factory=list)
    isolated: list[Delivery] = field(default_factory=list)
    unhandled: list[Delivery] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Calls `handle` with a batch, and `handle_suspect` with one message that may crash or delay its worker."""

    handle: Handler
    handle_suspect: Handler
    policy: RetryPolicy
    watchdog: Watchdog

    def dispatch(self, deliveries: Sequence[Delivery]) -> Dispatched:
        """Handle a batch without its suspects. Raises DependencyUnavailable."""
        result = Dispatched()
        decoded = self._decode(deliveries, result)
        batch = [item for item in decoded if not self.policy.is_suspect(item[0].deliveries)]
        result.suspects += [delivery for delivery, _ in decoded if self.policy.is_suspect(delivery.deliveries)]
        if batch:
            self._call(batch, self.handle, result)
        return result

    def dispatch_suspect(self, suspect: Sequence[Delivery]) -> Dispatched:
        """Handle one message in isolation. Raises DependencyUnavailable."""
        result = Dispatched()
        self._call([(delivery, delivery.decode()) for delivery in suspect], self.handle_suspect, result)
        return result

    def _decode(self, deliveries: Sequence[Delivery], result: Dispatched) -> _Decoded:
        decoded: _Decoded = []
        for delivery in deliveries:
            if self.policy.is_exhausted(delivery.deliveries):
                result.failures.append((delivery, DeliveriesExhausted(delivery.deliveries)))
                continue
            try:
                decoded.append((delivery, delivery.decode()))
            except (MalformedMessage, UnsupportedVersion) as error:
                result.failures.append((delivery, error))
        return decoded

    def _call(self, batch: _Decoded, handle: Handler, result: Dispatched) -> None:
        deliveries = [delivery for delivery, _ in batch]
        try:
            with self.watchdog.watching(len(batch)):
                outcomes = handle([message for _, message in batch])
            ends_early = bool(outcomes) and isinstance(outcomes[-1], Isolate)
            handled = list(zip(deliveries, outcomes, strict=not ends_early))
        except DependencyUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - any error of a handler is a failed attempt of its messages
            if len(batch) == 1:
                result.failures.append((deliveries[0], error))
                return
            # One message made the batch fail: handle each alone to find it.
            for item in batch:
                self._call([item], handle, result)
            return
        for delivery, outcome in handled:
            if isinstance(outcome, Isolate):
                result.isolated.append(delivery)
            elif isinstance(outcome, Retry):
                result.failures.append((delivery, outcome.error))
            elif isinstance(outcome, Postpone):
                result.postponed.append((delivery, outcome.delay_seconds))
            else:
                result.outcomes.append((delivery, outcome))
        result.unhandled += deliveries[len(handled) :]

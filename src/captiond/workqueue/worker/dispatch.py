"""Handles a batch: what may kill its worker apart from the rest, and one by one where a batch fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from captiond.workqueue.message import Delivery, Message
from captiond.workqueue.outcome import DependencyUnavailable, Outcome
from captiond.workqueue.worker.retry import RetryPolicy
from captiond.workqueue.worker.watchdog import Watchdog

# At least once: a handler sees a message again when its worker died, lost its lease or could not settle it.
Handler = Callable[[Sequence[Message]], Sequence[Outcome]]
InHand = list[tuple[Delivery, Message]]
Settled = list[tuple[Delivery, Outcome]]
Failed = list[tuple[Delivery, Exception]]


@dataclass(frozen=True, slots=True)
class Handlers:
    """The usual handler, and the one for what may kill its worker: it gets such messages one by one."""

    usual: Handler
    suspect: Handler
    policy: RetryPolicy
    watchdog: Watchdog

    def handle_each_kind(self, in_hand: InHand) -> tuple[Settled, Failed]:
        """Return the outcomes and the failures. Raises DependencyUnavailable."""
        suspects = [pair for pair in in_hand if self.policy.suspicious(pair[0].deliveries)]
        others = [pair for pair in in_hand if not self.policy.suspicious(pair[0].deliveries)]
        return _joined(
            [
                self._handle_all(others, self.usual),
                *(self._handle_all([one], self.suspect) for one in suspects),
            ]
        )

    def _handle_all(self, in_hand: InHand, handle: Handler) -> tuple[Settled, Failed]:
        if not in_hand:
            return [], []
        deliveries = [delivery for delivery, _ in in_hand]
        try:
            with self.watchdog.watching(f"handling {len(in_hand)} messages"):
                outcomes = handle([message for _, message in in_hand])
            return list(zip(deliveries, outcomes, strict=True)), []
        except DependencyUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a message's failure
            if len(in_hand) == 1:
                return [], [(deliveries[0], error)]
        return _joined([self._handle_all([one], handle) for one in in_hand])  # to find the guilty one


def _joined(parts: Sequence[tuple[Settled, Failed]]) -> tuple[Settled, Failed]:
    return [pair for settled, _ in parts for pair in settled], [pair for _, failed in parts for pair in failed]

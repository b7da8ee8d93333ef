"""The loop of a service: receive, handle, settle. Knows no domain word and no reason why a handler fails."""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from captiond.workqueue.consumer import Consumer
from captiond.workqueue.errors import DeliveriesExhausted
from captiond.workqueue.lease import LeaseKeeper
from captiond.workqueue.message import Delivery, MalformedMessage, Message
from captiond.workqueue.outage import Outage
from captiond.workqueue.outcome import Bury, Outcome, Unavailable
from captiond.workqueue.retry import RetryPolicy

logger = logging.getLogger(__name__)

# At least once: a handler sees a message again when its worker died, lost its lease or could not settle it.
Handler = Callable[[Sequence[Message]], Sequence[Outcome]]
ReportHealth = Callable[[str | None], None]
InHand = list[tuple[Delivery, Message]]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker takes messages and how long it holds on to them."""

    batch_size: int = 8
    lease_seconds: float = 30.0
    parked_check_seconds: float = 1.0
    settle_grace_seconds: float = 10.0
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def sweep_seconds(self) -> float:
        """Between two looks for expired leases; jitter keeps workers from sweeping together."""
        return self.lease_seconds / 4 * random.uniform(0.75, 1.25)  # noqa: S311 - jitter, no secret


class Worker:
    """Runs one handler on one consumer's deliveries until it is told to stop."""

    def __init__(
        self,
        consumer: Consumer,
        handle: Handler,
        options: WorkerOptions,
        report_health: ReportHealth,
    ) -> None:
        self._consumer = consumer
        self._handle = handle
        self._options = options
        self._report_health = report_health
        self._leases = LeaseKeeper(consumer.renew, options.lease_seconds / 3)
        self._redis = Outage(logger)
        self._elsewhere = Outage(logger)
        self._parked_check_at = self._sweep_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is in hand then is finished first."""
        joined = False
        with self._leases:
            while not stop.is_set():
                try:
                    if not joined:
                        self._consumer.join()
                        joined = True
                    self._turn(stop)
                except RedisError as error:
                    joined = self._lost_redis(error, stop)
                except Unavailable as error:
                    self._report_health(str(error))
                    stop.wait(self._elsewhere.begin(str(error)))
            self._depart()

    def _turn(self, stop: threading.Event) -> None:
        deliveries = self._receive()
        self._redis.end()
        if deliveries:
            self._process(deliveries, stop)
            self._elsewhere.end()
        self._report_health(None)

    def _receive(self) -> list[Delivery]:
        now, count = time.monotonic(), self._options.batch_size
        if now >= self._parked_check_at:
            sweep = now >= self._sweep_at
            claimed = self._consumer.claim(count, self._options.lease_seconds if sweep else None)
            if len(claimed) < count:
                self._parked_check_at = now + self._options.parked_check_seconds
                if sweep:
                    self._sweep_at = now + self._options.sweep_seconds
            if claimed:
                return claimed
        return self._consumer.receive(count)

    def _process(self, deliveries: Sequence[Delivery], stop: threading.Event) -> None:
        entries = [delivery.entry for delivery in deliveries]
        self._leases.hold(entries)
        try:
            in_hand, dead = self._sort(deliveries)
            try:
                settled = [*dead, *self._handle_all(in_hand)]
            except Unavailable:
                self._settle(dead, stop)
                self._consumer.release(delivery for delivery, _ in in_hand)
                raise
            self._settle(settled, stop)
        finally:
            self._leases.drop(entries)

    def _sort(self, deliveries: Sequence[Delivery]) -> tuple[InHand, list[tuple[Delivery, Outcome]]]:
        """Tell what can be handled from what can only be buried."""
        in_hand: InHand = []
        dead: list[tuple[Delivery, Outcome]] = []
        for delivery in deliveries:
            if self._options.policy.exhausted(delivery.deliveries):
                dead.append((delivery, Bury(DeliveriesExhausted(delivery.deliveries))))
                continue
            try:
                in_hand.append((delivery, delivery.message()))
            except MalformedMessage as error:
                dead.append((delivery, Bury(error)))
        return in_hand, dead

    def _handle_all(self, in_hand: InHand) -> list[tuple[Delivery, Outcome]]:
        if not in_hand:
            return []
        try:
            outcomes = self._handle([message for _, message in in_hand])
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this message's failure
            if len(in_hand) > 1:  # find the guilty one: each alone
                return [pair for one in in_hand for pair in self._handle_all([one])]
            return self._count_failure(in_hand[0][0], error)
        deliveries = [delivery for delivery, _ in in_hand]
        return list(zip(deliveries, outcomes, strict=True))

    def _count_failure(self, delivery: Delivery, error: Exception) -> list[tuple[Delivery, Outcome]]:
        policy = self._options.policy
        delay_seconds = policy.delay_seconds(delivery.deliveries)
        failures = self._consumer.fail(delivery, error, delay_seconds, policy.max_failures)
        if failures >= policy.max_failures:
            return [(delivery, Bury(error))]
        logger.warning(
            "message %s failed for the %d. time, next try in %.1f s",
            delivery.id,
            failures,
            delay_seconds,
            exc_info=error,
        )
        return []

    def _settle(self, settled: Sequence[tuple[Delivery, Outcome]], stop: threading.Event) -> None:
        """Settle for as long as it takes: the work is done, and doing it again would cost more than waiting."""
        deadline: float | None = None
        while settled:
            try:
                mine = self._consumer.settle(settled)
                break
            except RedisError as error:
                if stop.is_set():
                    deadline = deadline or time.monotonic() + self._options.settle_grace_seconds
                    if time.monotonic() > deadline:
                        raise
                self._lost_redis(error, stop)
        else:
            return
        for (delivery, outcome), first in zip(settled, mine, strict=True):
            self._say(delivery, outcome, first=first)

    def _say(self, delivery: Delivery, outcome: Outcome, *, first: bool) -> None:
        if not first:
            logger.warning("message %s was settled by another worker", delivery.id)
        elif isinstance(outcome, Bury):
            logger.error(
                "message %s (entry %s) goes to the dead letters",
                delivery.id or "without id",
                delivery.entry.decode(),
                exc_info=outcome.error,
            )

    def _lost_redis(self, error: RedisError, stop: threading.Event) -> bool:
        """Wait before the next try; tell whether the group can still be there."""
        reason = f"Redis is not available: {error}"
        self._report_health(reason)
        seconds = self._redis.begin(reason)
        self._consumer.disconnect()
        stop.wait(max(seconds, 0.01))
        return "NOGROUP" not in str(error)

    def _depart(self) -> None:
        try:
            self._consumer.leave()
        except RedisError as error:
            logger.warning("left without signing off: %s", error)

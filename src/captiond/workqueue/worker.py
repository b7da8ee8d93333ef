"""The loop of a service: receive, handle, settle. Knows no domain word and no reason why a handler fails."""

import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from redis.exceptions import RedisError

from captiond.workqueue.consumer import Consumer
from captiond.workqueue.errors import DeliveriesExhausted
from captiond.workqueue.lease import LeaseKeeper
from captiond.workqueue.message import Delivery, MalformedMessage, Message
from captiond.workqueue.outage import Outage
from captiond.workqueue.outcome import Bury, Outcome, Unavailable
from captiond.workqueue.retry import RetryPolicy
from captiond.workqueue.watchdog import limited

logger = logging.getLogger(__name__)

# At least once: a handler sees a message again when its worker died, lost its lease or could not settle it.
Handler = Callable[[Sequence[Message]], Sequence[Outcome]]
ReportHealth = Callable[[str | None], None]
InHand = list[tuple[Delivery, Message]]
Settled = list[tuple[Delivery, Outcome]]
Failed = list[tuple[Delivery, Exception]]
T = TypeVar("T")

# Between two tries once the worker is to stop.
STOPPING_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker takes messages and how long it holds on to them."""

    batch_size: int = 8
    lease_seconds: float = 30.0
    parked_check_seconds: float = 1.0
    settle_grace_seconds: float = 10.0
    handling_limit_seconds: float = math.inf
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
        handle_suspect: Handler | None = None,
    ) -> None:
        """Take a second handler for what may kill its worker: it gets such messages one by one."""
        self._consumer = consumer
        self._handle = handle
        self._handle_suspect = handle_suspect or handle
        self._options = options
        self._report_health = report_health
        self._leases = LeaseKeeper(consumer.renew, options.lease_seconds / 3)
        self._redis = Outage(logger)
        self._elsewhere = Outage(logger)
        self._parked_check_at = self._sweep_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; what is in hand then is finished first."""
        with self._leases:
            while not stop.is_set():
                try:
                    self._consumer.join()
                    while not stop.is_set():
                        self._turn(stop)
                except RedisError as error:
                    stop.wait(self._lose_redis(error))
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
        return self._consumer.receive(count, self._options.parked_check_seconds)

    def _process(self, deliveries: Sequence[Delivery], stop: threading.Event) -> None:
        with self._leases.hold([delivery.entry for delivery in deliveries]):
            in_hand, dead = self._sort(deliveries)
            try:
                settled, failed = self._handle_each_kind(in_hand)
            except Unavailable:
                self._settle(dead, stop)
                self._insist(lambda: self._consumer.release(delivery for delivery, _ in in_hand), stop)
                self._parked_check_at = 0.0  # what was released tells first whether the trouble is over
                raise
            for delivery, error in failed:
                settled += self._count_failure(delivery, error, stop)
            self._settle([*dead, *settled], stop)

    def _sort(self, deliveries: Sequence[Delivery]) -> tuple[InHand, Settled]:
        """Tell what can be handled from what can only be buried."""
        in_hand: InHand = []
        dead: Settled = []
        for delivery in deliveries:
            if self._options.policy.exhausted(delivery.deliveries):
                dead.append((delivery, Bury(DeliveriesExhausted(delivery.deliveries))))
                continue
            try:
                in_hand.append((delivery, delivery.message()))
            except MalformedMessage as error:
                dead.append((delivery, Bury(error)))
        return in_hand, dead

    def _handle_each_kind(self, in_hand: InHand) -> tuple[Settled, Failed]:
        policy = self._options.policy
        suspects = [pair for pair in in_hand if policy.suspicious(pair[0].deliveries)]
        others = [pair for pair in in_hand if not policy.suspicious(pair[0].deliveries)]
        return _joined(
            [
                self._handle_all(others, self._handle),
                *(self._handle_all([one], self._handle_suspect) for one in suspects),
            ]
        )

    def _handle_all(self, in_hand: InHand, handle: Handler) -> tuple[Settled, Failed]:
        if not in_hand:
            return [], []
        deliveries = [delivery for delivery, _ in in_hand]
        try:
            with limited(self._options.handling_limit_seconds, f"handling {len(in_hand)} messages"):
                outcomes = handle([message for _, message in in_hand])
            return list(zip(deliveries, outcomes, strict=True)), []
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a message's failure
            if len(in_hand) == 1:
                return [], [(deliveries[0], error)]
        return _joined([self._handle_all([one], handle) for one in in_hand])  # to find the guilty one

    def _count_failure(self, delivery: Delivery, error: Exception, stop: threading.Event) -> Settled:
        policy = self._options.policy
        delay_seconds = policy.delay_seconds(delivery.deliveries)
        failures = self._insist(lambda: self._consumer.fail(delivery, error, delay_seconds, policy.max_failures), stop)
        if failures >= policy.max_failures:
            return [(delivery, Bury(error))]
        logger.warning("message %s failed, next try in %.1f s", delivery.id, delay_seconds, exc_info=error)
        return []

    def _settle(self, settled: Settled, stop: threading.Event) -> None:
        if not settled:
            return
        mine = self._insist(lambda: self._consumer.settle(settled), stop)
        for (delivery, outcome), first in zip(settled, mine, strict=True):
            self._say(delivery, outcome, first=first)

    def _insist(self, step: Callable[[], T], stop: threading.Event) -> T:
        """Repeat a step while Redis is away: the work is done, and doing it again would cost more than waiting."""
        deadline = math.inf
        while True:
            try:
                return step()
            except RedisError as error:
                seconds = self._lose_redis(error)
                if stop.wait(seconds):
                    deadline = min(deadline, time.monotonic() + self._options.settle_grace_seconds)
                    if time.monotonic() >= deadline:
                        raise
                    time.sleep(min(seconds, STOPPING_PAUSE_SECONDS))
            with suppress(RedisError):
                self._consumer.join()  # a server that lost its data has no group to settle in either

    def _say(self, delivery: Delivery, outcome: Outcome, *, first: bool) -> None:
        if not first:
            logger.warning(
                "message %s was settled before, by another worker or by a call whose reply was lost", delivery.id
            )
        elif isinstance(outcome, Bury):
            logger.error(
                "message %s (entry %s) goes to the dead letters",
                delivery.id or "without id",
                delivery.entry.decode(),
                exc_info=outcome.error,
            )

    def _lose_redis(self, error: RedisError) -> float:
        """Note that Redis is away; return the seconds to wait before the next try."""
        reason = f"Redis is not available: {error}"
        self._report_health(reason)
        self._consumer.disconnect()
        return self._redis.begin(reason)

    def _depart(self) -> None:
        try:
            self._consumer.leave()
        except RedisError as error:
            logger.warning("left without signing off: %s", error)


def _joined(parts: Sequence[tuple[Settled, Failed]]) -> tuple[Settled, Failed]:
    return [pair for settled, _ in parts for pair in settled], [pair for _, failed in parts for pair in failed]

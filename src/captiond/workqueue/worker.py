"""The loop of a service: receive, handle, settle. Knows no domain word and no reason why a handler fails."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from redis.exceptions import RedisError

from captiond.workqueue.consumer import Consumer
from captiond.workqueue.departure import Departure
from captiond.workqueue.errors import DeliveriesExhausted
from captiond.workqueue.handlers import Handler, Handlers, InHand, Settled
from captiond.workqueue.intake import Intake
from captiond.workqueue.lease import LeaseKeeper
from captiond.workqueue.message import Delivery, MalformedMessage
from captiond.workqueue.options import WorkerOptions
from captiond.workqueue.outage import Outage
from captiond.workqueue.outcome import Bury, Outcome, Unavailable
from captiond.workqueue.stop import Stop
from captiond.workqueue.watchdog import Watchdog

logger = logging.getLogger(__name__)

ReportHealth = Callable[[str | None], None]
T = TypeVar("T")

# Between two tries once the worker is to stop.
STOPPING_PAUSE_SECONDS = 0.5
# Between two looks at a next queue that is full.
JAM_PAUSE_SECONDS = 0.25


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
        watchdog = Watchdog(options.handling_limit_seconds)
        self._handlers = Handlers(handle, handle_suspect or handle, options.policy, watchdog)
        self._options = options
        self._report_health = report_health
        self._leases = LeaseKeeper(consumer.renew, options.lease_seconds / 3)
        self._redis = Outage(logger)
        self._elsewhere = Outage(logger)
        self._intake = Intake(consumer, options)
        self._in_hand: Sequence[Delivery] = ()
        self._jammed = False

    def run(self, stop: Stop) -> None:
        """Work until `stop` is set; what is in hand then is finished first, or given back when that takes too long."""
        with self._leases, Departure(stop, self._options.grace_seconds, self._give_back):
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

    def _turn(self, stop: Stop) -> None:
        if not self._consumer.held and self._is_jammed():
            stop.wait(JAM_PAUSE_SECONDS)
            return
        deliveries = self._intake.receive()
        self._redis.end()
        if deliveries:
            self._process(deliveries, stop)
            self._elsewhere.end()
        self._report_health(None)

    def _is_jammed(self) -> bool:
        """Tell whether the next queue is full: what is captioned and not taken away would only fill the server."""
        limit = self._options.high_water
        if limit is None:
            return False
        # What the last settling saw does, until that was too much.
        jammed = self._consumer.ahead >= limit and self._consumer.count_ahead() >= limit
        if jammed != self._jammed:
            logger.warning("the next queue is full, waiting" if jammed else "the next queue has room again")
        self._jammed = jammed
        if jammed:
            self._report_health(None)
        return jammed

    def _process(self, deliveries: Sequence[Delivery], stop: Stop) -> None:
        self._in_hand = deliveries
        with self._leases.hold([delivery.entry for delivery in deliveries]):
            in_hand, dead = self._sort(self._without_newer(deliveries, stop))
            try:
                settled, failed = self._handlers.handle_each_kind(in_hand)
            except Unavailable:
                self._settle(dead, stop)
                self._insist(lambda: self._consumer.release(delivery for delivery, _ in in_hand), stop)
                self._intake.look_back()  # what was released tells first whether the trouble is over
                raise
            for delivery, error in failed:
                settled += self._count_failure(delivery, error, stop)
            self._settle([*dead, *settled], stop, take_along=0 if stop.is_set() else self._intake.room())
        self._in_hand = ()

    def _without_newer(self, deliveries: Sequence[Delivery], stop: Stop) -> Sequence[Delivery]:
        """Leave to newer workers what only they can read, as long as one may still come."""
        patience = time.time() - self._options.newer_patience_seconds
        newer = [one for one in deliveries if one.is_newer and one.queued_at > patience]
        if newer:
            logger.warning("%d messages are of a newer format; leaving them to newer workers", len(newer))
            delay_seconds = self._options.newer_delay_seconds
            self._insist(lambda: self._consumer.release(newer, delay_seconds), stop)
        return [one for one in deliveries if one not in newer]

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

    def _count_failure(self, delivery: Delivery, error: Exception, stop: Stop) -> Settled:
        policy = self._options.policy
        delay_seconds = policy.delay_seconds(delivery.deliveries)
        failures = self._insist(lambda: self._consumer.fail(delivery, error, delay_seconds, policy.max_failures), stop)
        if failures >= policy.max_failures:
            return [(delivery, Bury(error))]
        logger.warning("message %s failed, next try in %.1f s", delivery.id, delay_seconds, exc_info=error)
        return []

    def _settle(self, settled: Settled, stop: Stop, take_along: int = 0) -> None:
        if not settled:
            return

        def settle() -> list[bool]:
            nonlocal take_along  # once only: what is taken without our hearing of it waits until its lease runs out
            count, take_along = take_along, 0
            return self._consumer.settle(settled, count)

        mine = self._insist(settle, stop)
        for (delivery, outcome), first in zip(settled, mine, strict=True):
            self._say(delivery, outcome, first=first)

    def _insist(self, step: Callable[[], T], stop: Stop) -> T:
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

    def _give_back(self) -> None:
        """From another thread: what is settled meanwhile is past giving back, which the script sees."""
        with suppress(RedisError):
            self._consumer.release(self._in_hand)
        self._depart()

    def _depart(self) -> None:
        try:
            self._consumer.leave()
        except RedisError as error:
            logger.warning("left without signing off: %s", error)

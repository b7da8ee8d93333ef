"""The loop of a service: receive, handle, settle. Knows no domain word and no reason why a handler fails."""

import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from redis.exceptions import RedisError

from captiond.backoff import Outage
from captiond.workqueue.errors import DeliveriesExhausted
from captiond.workqueue.message import Delivery, MalformedMessage, UnsupportedVersion
from captiond.workqueue.outcome import DependencyUnavailable, Outcome, Reject
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker.dispatch import Failed, Handler, Handlers, InHand, Settled
from captiond.workqueue.worker.lease_renewal import LeaseKeeper
from captiond.workqueue.worker.options import WorkerOptions
from captiond.workqueue.worker.prefetch import Intake
from captiond.workqueue.worker.reconnect import Link, ReportHealth
from captiond.workqueue.worker.shutdown import Departure
from captiond.workqueue.worker.stop import StopSignal
from captiond.workqueue.worker.watchdog import Watchdog

logger = logging.getLogger(__name__)

# Between two looks at a next queue that is full.
JAM_PAUSE_SECONDS = 0.25


class Worker:
    """Runs one handler on one consumer's deliveries until it is told to stop.

    Under load there is a batch in reserve: while it is handled, the one before is settled in the background, and what
    comes along with that is the next reserve. Whoever else needs the consumer waits for that.
    """

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
        self._link = Link(consumer, report_health, options.settle_grace_seconds)
        self._elsewhere = Outage(logger)
        self._intake = Intake(consumer, options)
        self._background = ThreadPoolExecutor(1, "settling")
        self._settling: Future[list[Delivery]] | None = None
        self._reserve: list[Delivery] = []
        self._jammed = False

    def run(self, stop: StopSignal) -> None:
        """Work until `stop` is set; what is in hand then is finished first, or given back when that takes too long."""
        with self._leases, self._background, Departure(stop, self._options.grace_seconds, self._depart):
            while not stop.is_set():
                try:
                    self._consumer.join()
                    while not stop.is_set():
                        self._turn(stop)
                    self._await_settling()
                except RedisError as error:
                    stop.wait(self._link.lose(error))
                except DependencyUnavailable as error:
                    self._report_health(str(error))
                    stop.wait(self._elsewhere.record_failure(str(error)))
            self._depart()

    def _turn(self, stop: StopSignal) -> None:
        deliveries, self._reserve = self._reserve or self._receive(stop), []
        if deliveries:
            try:
                self._settle_all(deliveries, self._handle(deliveries, stop), stop)
            except BaseException:
                self._leases.let_go(deliveries)
                raise
            self._elsewhere.record_success()
        self._report_health(None)

    def _receive(self, stop: StopSignal) -> list[Delivery]:
        if not self._consumer.held and self._is_jammed():
            stop.wait(JAM_PAUSE_SECONDS)
            return []
        deliveries = self._intake.receive()
        self._link.hear()
        self._leases.hold(deliveries)
        return deliveries

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
        return jammed

    def _handle(self, deliveries: Sequence[Delivery], stop: StopSignal) -> Settled:
        """Handle a batch; what failed and shall be tried again is not in the answer, but parked."""
        in_hand, dead, unsupported = self._sort(deliveries)
        try:
            settled, failed = self._handlers.handle_each_kind(in_hand)
        except DependencyUnavailable:
            self._await_settling()
            self._settle(dead, stop)
            self._give_back([delivery for delivery, _ in (*in_hand, *unsupported)], stop)
            raise
        self._await_settling()
        for delivery, error in (*unsupported, *failed):
            settled += self._count_failure(delivery, error, stop)
        return [*dead, *settled]

    def _sort(self, deliveries: Sequence[Delivery]) -> tuple[InHand, Settled, Failed]:
        """Tell what can be handled from what can only be buried, or read by a worker of a later release."""
        in_hand: InHand = []
        dead: Settled = []
        unsupported: Failed = []
        for delivery in deliveries:
            if self._options.policy.exhausted(delivery.deliveries):
                dead.append((delivery, Reject(DeliveriesExhausted(delivery.deliveries))))
                continue
            try:
                in_hand.append((delivery, delivery.message()))
            except MalformedMessage as error:
                dead.append((delivery, Reject(error)))
            except UnsupportedVersion as error:
                unsupported.append((delivery, error))
        return in_hand, dead, unsupported

    def _give_back(self, deliveries: Sequence[Delivery], stop: StopSignal) -> None:
        """Give these back, and the reserve, which would meet the same trouble."""
        given_back, self._reserve = [*deliveries, *self._reserve], []
        self._link.insist(lambda: self._consumer.release(given_back), stop)
        self._leases.let_go(given_back)
        self._intake.look_back()  # what was released tells first whether the trouble is over

    def _count_failure(self, delivery: Delivery, error: Exception, stop: StopSignal) -> Settled:
        policy = self._options.policy
        delay_seconds = policy.delay_seconds(delivery.deliveries)
        failures = self._link.insist(
            lambda: self._consumer.fail(delivery, error, delay_seconds, policy.max_failures), stop
        )
        if failures >= policy.max_failures:
            return [(delivery, Reject(error))]
        logger.warning("message %s failed, next try in %.1f s", delivery.id, delay_seconds, exc_info=error)
        return []

    def _settle_all(self, deliveries: Sequence[Delivery], settled: Settled, stop: StopSignal) -> None:
        """Settle a batch, in the background where there is another to be handled meanwhile."""
        room = 0 if stop.is_set() else self._intake.room(deliveries)
        if room and not self._reserve:
            self._reserve = self._take_reserve(room)
        if self._reserve:
            self._settling = self._background.submit(self._settle_and_take, deliveries, settled, stop, room)
        else:
            self._settle_and_let_go(deliveries, settled, stop)

    def _take_reserve(self, count: int) -> list[Delivery]:
        with suppress(RedisError):  # what is done can still be settled, and will say what is wrong
            reserve = self._consumer.receive(count, 0)
            self._leases.hold(reserve)
            return reserve
        return []

    def _settle_and_take(
        self, deliveries: Sequence[Delivery], settled: Settled, stop: StopSignal, room: int
    ) -> list[Delivery]:
        self._settle_and_let_go(deliveries, settled, stop)
        return self._take_reserve(room)

    def _settle_and_let_go(self, deliveries: Sequence[Delivery], settled: Settled, stop: StopSignal) -> None:
        try:
            self._settle(settled, stop)
        finally:
            self._leases.let_go(deliveries)
        self._link.hear()

    def _await_settling(self) -> None:
        """Wait for what is being settled in the background; what came along with it is in reserve then."""
        settling, self._settling = self._settling, None
        if settling:
            self._reserve += settling.result()

    def _settle(self, settled: Settled, stop: StopSignal) -> None:
        if not settled:
            return
        mine = self._link.insist(lambda: self._consumer.settle(settled), stop)
        for (delivery, outcome), first in zip(settled, mine, strict=True):
            self._say(delivery, outcome, first=first)

    def _say(self, delivery: Delivery, outcome: Outcome, *, first: bool) -> None:
        if not first:
            logger.warning(
                "message %s was settled before, by another worker or by a call whose reply was lost", delivery.id
            )
        elif isinstance(outcome, Reject):
            logger.error(
                "message %s (entry %s) goes to the dead letters",
                delivery.id or "without id",
                delivery.entry.decode(),
                exc_info=outcome.error,
            )

    def _depart(self) -> None:
        """Give back what is in hand; what another thread settles meanwhile is past that, which the script sees."""
        try:
            self._consumer.release(self._leases.in_hand)
            self._consumer.leave()
        except RedisError as error:
            logger.warning("left without signing off: %s", error)

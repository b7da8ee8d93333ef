"""A worker's way to Redis: says once that it is away, and repeats what has to be done."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from redis.exceptions import RedisError

from captiond.backoff import Outage
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker.stop import StopSignal

# Between two tries once the worker is to stop.
STOPPING_PAUSE_SECONDS = 0.5

logger = logging.getLogger(__name__)

ReportHealth = Callable[[str | None], None]
T = TypeVar("T")


class Link:
    """What a worker knows of its server; for one thread at a time."""

    def __init__(self, consumer: Consumer, report_health: ReportHealth, stopping_seconds: float) -> None:
        """Take how long a step is still tried once the worker is to stop."""
        self._consumer = consumer
        self._report_health = report_health
        self._stopping_seconds = stopping_seconds
        self._outage = Outage(logger)

    def lose(self, error: RedisError) -> float:
        """Note that Redis is away; return the seconds to wait before the next try."""
        reason = f"Redis is not available: {error}"
        self._report_health(reason)
        self._consumer.disconnect()
        return self._outage.record_failure(reason)

    def hear(self) -> None:
        """Note that Redis has answered."""
        self._outage.record_success()

    def insist(self, step: Callable[[], T], stop: StopSignal) -> T:
        """Repeat a step while Redis is away: the work is done, and doing it again would cost more than waiting.

        Raises RedisError when it is still away some time after the stop.
        """
        deadline = math.inf
        while True:
            try:
                return step()
            except RedisError as error:
                seconds = self.lose(error)
                if stop.wait(seconds):
                    deadline = min(deadline, time.monotonic() + self._stopping_seconds)
                    if time.monotonic() >= deadline:
                        raise
                    time.sleep(min(seconds, STOPPING_PAUSE_SECONDS))
            with suppress(RedisError):
                self._consumer.join()  # a server that lost its data has no group to settle in either

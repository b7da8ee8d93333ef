"""Retries Redis commands through an outage, and logs it once."""

import logging
import math
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from redis.exceptions import RedisError

from captiond.backoff import Outage
from captiond.stop_signal import StopSignal
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker.watchdog import ReportHeartbeat

# Between two attempts once the worker shuts down.
MAX_SHUTDOWN_PAUSE_SECONDS = 0.5

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Reconnector:
    """Tracks whether Redis is reachable and repeats commands until it is. For one thread at a time."""

    def __init__(self, consumer: Consumer, report_heartbeat: ReportHeartbeat, shutdown_retry_seconds: float) -> None:
        self._consumer = consumer
        self._report_heartbeat = report_heartbeat
        self._shutdown_retry_seconds = shutdown_retry_seconds
        self._outage = Outage(logger)

    def record_outage(self, error: RedisError) -> float:
        """Log the outage and drop the connections; return the seconds to wait before the next attempt."""
        reason = str(QueueUnavailable(str(error)))
        self._report_heartbeat(reason)
        self._consumer.disconnect()
        return self._outage.record_failure(reason)

    def record_recovery(self) -> None:
        """End the outage, if there is one."""
        self._outage.record_success()

    def retry_until_connected(self, command: Callable[[], T], stop: StopSignal) -> T:
        """Repeat a command until it succeeds: handling the messages again would cost more than waiting.

        Raises RedisError if Redis is still unreachable `shutdown_retry_seconds` after the stop.
        """
        deadline = math.inf
        while True:
            try:
                reply = command()
            except RedisError as error:
                seconds = self.record_outage(error)
                if stop.wait(seconds):
                    deadline = min(deadline, time.monotonic() + self._shutdown_retry_seconds)
                    if time.monotonic() >= deadline:
                        raise
                    time.sleep(min(seconds, MAX_SHUTDOWN_PAUSE_SECONDS))
            else:
                self.record_recovery()
                return reply
            with suppress(RedisError):
                self._consumer.create_group()  # a server that lost its data has no group either

"""Samples the counters of the queues at regular intervals, for the rates of the last hour and day."""

from contextlib import suppress

from captiond.periodic import PeriodicThread
from captiond.workqueue.admin import SAMPLE_SECONDS, History
from captiond.workqueue.errors import QueueUnavailable

# A Redis that does not answer must not delay the shutdown by the timeouts of the connection.
JOIN_SECONDS = 1.0


def run_sampling(history: History, interval_seconds: float = SAMPLE_SECONDS) -> PeriodicThread:
    """Sample now and after every interval, in a thread that ends with the context.

    Several processes may sample the same queues. An interval in which Redis is unavailable is a gap.
    """

    def sample() -> None:
        with suppress(QueueUnavailable):  # the services log the outage
            history.sample()

    return PeriodicThread("sampling", sample, interval_seconds, at_once=True, join_seconds=JOIN_SECONDS)

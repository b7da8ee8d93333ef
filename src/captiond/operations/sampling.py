"""Samples the counters of the queues at regular intervals, for the rates of the last hour and day."""

from contextlib import suppress

from captiond.periodic import PeriodicThread
from captiond.workqueue.admin import History
from captiond.workqueue.admin.history import SAMPLE_SECONDS
from captiond.workqueue.errors import QueueUnavailable


def run_sampling(history: History, interval_seconds: float = SAMPLE_SECONDS) -> PeriodicThread:
    """Sample now and after every interval, in a thread that ends with the context.

    Several processes may do so. An interval in which Redis is unavailable is a gap.
    """

    def sample() -> None:
        with suppress(QueueUnavailable):  # the outage is logged by those who need Redis
            history.sample()

    return PeriodicThread("sampling", sample, interval_seconds, at_once=True)

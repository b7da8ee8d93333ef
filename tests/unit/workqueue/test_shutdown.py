"""The stop signal and the shutdown timer, without a worker."""

import math
import threading

from captiond.stop_signal import StopSignal
from captiond.workqueue.worker.shutdown import ShutdownTimer


def test_second_stop_request_is_immediate() -> None:
    stop = StopSignal()

    stop.request()
    after_first = stop.is_set(), stop.immediate.is_set()
    stop.request()

    assert after_first == (True, False)
    assert stop.immediate.is_set()


def test_infinite_grace_period_starts_no_timer() -> None:
    threads = threading.active_count()

    with ShutdownTimer(StopSignal(), math.inf, lambda: None):
        assert threading.active_count() == threads

"""The worker: receives messages, handles them, then acknowledges, forwards, retries or rejects them."""

from captiond.stop_signal import StopSignal
from captiond.workqueue.errors import DependencyUnavailable
from captiond.workqueue.outcome import Acknowledge, Forward, Isolate, Outcome, Postpone, Reject, Retry
from captiond.workqueue.worker.loop import Worker
from captiond.workqueue.worker.options import WorkerOptions

__all__ = [
    "Acknowledge",
    "DependencyUnavailable",
    "Forward",
    "Isolate",
    "Outcome",
    "Postpone",
    "Reject",
    "Retry",
    "StopSignal",
    "Worker",
    "WorkerOptions",
]

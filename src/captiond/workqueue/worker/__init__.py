"""The worker: receives messages, handles them, then acknowledges, retries or rejects them."""

from captiond.workqueue.outcome import Bury, Finish, HandOff, Outcome, Unavailable
from captiond.workqueue.worker.loop import Worker
from captiond.workqueue.worker.options import WorkerOptions
from captiond.workqueue.worker.stop import Stop

__all__ = [
    "Bury",
    "Finish",
    "HandOff",
    "Outcome",
    "Stop",
    "Unavailable",
    "Worker",
    "WorkerOptions",
]

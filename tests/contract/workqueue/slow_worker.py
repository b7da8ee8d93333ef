"""A worker process that receives a batch, pushes its size to the list `began`, and never finishes it.

Each SIGTERM requests a stop.
"""

import signal
import sys
import threading
from collections.abc import Sequence

import redis
from tests.contract.workqueue.queues import FIRST, SECOND

from captiond.workqueue import Broker, Message, Route
from captiond.workqueue.worker import Outcome, StopSignal, Worker, WorkerOptions


def main(url: str, lease_seconds: float, grace_seconds: float) -> None:
    """Run until the shutdown timer ends the process."""
    stop = StopSignal()
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop.request).start())

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        with redis.Redis.from_url(url) as client:
            client.rpush("began", len(messages))
        threading.Event().wait()
        return []

    with Broker(url) as broker:
        options = WorkerOptions(batch_size=3, lease_seconds=lease_seconds, grace_seconds=grace_seconds)
        Worker(broker.consumer("slow", Route(FIRST, SECOND)), handle, options, lambda _: None).run(stop)


main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))

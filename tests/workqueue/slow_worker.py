"""A worker's process: takes a batch, says so on the list `began`, and never gets done with it."""

import sys
import threading
from collections.abc import Sequence

import redis
from tests.workqueue.line import FIRST, SECOND

from captiond.workqueue import Broker, Message, Outcome, Worker, WorkerOptions


def main(url: str, lease_seconds: float) -> None:
    """Run until killed."""

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        with redis.Redis.from_url(url) as client:
            client.rpush("began", len(messages))
        threading.Event().wait()
        return []

    with Broker(url) as broker:
        options = WorkerOptions(batch_size=3, lease_seconds=lease_seconds)
        Worker(broker.consumer("slow", FIRST, SECOND), handle, options, lambda _: None).run(threading.Event())


main(sys.argv[1], float(sys.argv[2]))

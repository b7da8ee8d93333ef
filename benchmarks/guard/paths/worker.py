"""A worker's turns, as a service makes them, until so many messages are handled."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from captiond.operations.heartbeat import Heartbeat
from captiond.workqueue import Broker, Message, Route
from captiond.workqueue.worker import Outcome, Reject, StopSignal, Worker, WorkerOptions
from captiond.workqueue.worker.dispatch import Handler

# What happens by the clock would happen more often than in life, under valgrind everything takes fifty times as long.
UNHURRIED_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Service:
    """What a worker works with."""

    name: str
    route: Route
    handle: Handler
    options: WorkerOptions


def work(broker: Broker, service: Service, run_dir: Path, count: int) -> None:
    """Take exactly so many messages, in whole batches; a worker of its own, as its threads end with it."""
    stop = StopSignal()
    left = count
    buried: list[Reject] = []

    def handle(messages: Sequence[Message]) -> Sequence[Outcome]:
        nonlocal left
        outcomes = service.handle(messages)
        buried.extend(outcome for outcome in outcomes if isinstance(outcome, Reject))
        left -= len(messages)
        if left <= 0:
            stop.request()
        return outcomes

    consumer = broker.consumer(service.name, service.route)
    Worker(consumer, handle, service.options, Heartbeat(run_dir, service.name).report).run(stop)
    if buried or left:
        raise SystemExit(f"{len(buried)} messages were buried, {-left} too many were taken")

"""Runs the worker of a service for a number of messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from captiond.operations.heartbeat import Heartbeat
from captiond.workqueue import Broker, Message, Route
from captiond.workqueue.worker import Outcome, Reject, StopSignal, Worker, WorkerOptions
from captiond.workqueue.worker.dispatch import Handler

# Under valgrind everything takes fifty times as long, so periodic work would run too often per message.
DISABLED_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Service:
    """A service to run."""

    name: str
    route: Route
    handle: Handler
    options: WorkerOptions


def work(broker: Broker, service: Service, run_dir: Path, count: int) -> None:
    """Process exactly `count` messages in whole batches with a new worker, whose threads end with it."""
    stop = StopSignal()
    left = count
    rejected: list[Reject] = []

    def handle(messages: Sequence[Message]) -> Sequence[Outcome]:
        nonlocal left
        outcomes = service.handle(messages)
        rejected.extend(outcome for outcome in outcomes if isinstance(outcome, Reject))
        left -= len(messages)
        if left <= 0:
            stop.request()
        return outcomes

    consumer = broker.consumer(service.name, service.route)
    Worker(consumer, handle, service.options, Heartbeat(run_dir, service.name).report).run(stop)
    if rejected or left:
        raise SystemExit(f"{len(rejected)} messages rejected, {-left} too many processed")

"""Scenario 36: the worker loop in a deterministic simulation; every call may fail before or after it takes effect.

A seed decides what happens, not a clock, a server or a thread. FAULTS_SEED repeats one seed.
"""

import logging
import math
import os
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar, cast
from unittest.mock import patch
from uuid import UUID

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from captiond.workqueue import Message, Route
from captiond.workqueue.message import Delivery, flat_fields
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.streams.keys import DELAYED_CONSUMER
from captiond.workqueue.worker import (
    Acknowledge,
    DependencyUnavailable,
    Outcome,
    Reject,
    StopSignal,
    Worker,
    WorkerOptions,
    pipelining,
)
from captiond.workqueue.worker.options import RetryPolicy
from tests.faults.results import Result, append
from tests.faults.servers import IN_FULL

SEEDS = 10_000 if IN_FULL else 300
MESSAGES = 12
BATCH = 4
STEPS = 120
MAX_DELIVERIES, MAX_FAILURES = 10, 5
HOUR_SECONDS = 3_600.0
T = TypeVar("T")


class Crash(BaseException):  # not an Exception, which the worker would handle
    """The process crashes here."""


class Steps(StopSignal):
    """A stop signal that does not wait, and that is set after a number of checks."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self._left = steps

    def is_set(self) -> bool:
        self._left -= 1
        return self._left < 0

    def wait(self, timeout: float | None = None) -> bool:
        del timeout
        return self.is_set()


@dataclass
class Entry:
    """A message in the queue with its owner, deliveries and failures."""

    message: Message
    owner: str = ""
    deliveries: int = 0
    failures: int = 0


@dataclass
class World:
    """The state of the queue, and the faults injected so far."""

    chance: random.Random
    entries: dict[bytes, Entry] = field(default_factory=dict)
    acknowledged: list[UUID] = field(default_factory=list)
    dead: list[UUID] = field(default_factory=list)
    faults: int = 0
    submitted: int = 0
    fair: bool = False

    def strikes(self, part: float) -> bool:
        struck = not self.fair and self.chance.random() < part
        self.faults += struck
        return struck

    def maybe_fail(self) -> None:
        if self.strikes(0.08):
            raise RedisConnectionError("simulated")
        if self.strikes(0.04):
            raise Crash


class SimulatedConsumer:
    """Behaves like the scripts; any call may fail before or after it takes effect."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self.route = Route("uploads", "captioned")
        self.downstream_depth = 0
        self._world = world

    def create_group(self) -> None:
        self._world.maybe_fail()

    def receive(self, count: int, wait_seconds: float) -> list[Delivery]:
        del wait_seconds
        return self._deliver([entry for entry, held in self._world.entries.items() if not held.owner][:count])

    def claim(self, count: int, lease_seconds: float | None) -> list[Delivery]:
        """Delayed messages are due at once, and the leases of crashed workers have expired."""
        del lease_seconds
        free = [entry for entry, held in self._world.entries.items() if held.owner and held.owner != self.name]
        return self._deliver(free[:count])

    def renew(self, entries: Collection[bytes]) -> set[bytes]:
        return set(entries)

    def settle(self, settled: Sequence[tuple[Delivery, Outcome]]) -> list[bool]:
        self._world.maybe_fail()
        firsts = [self._settle(delivery, outcome) for delivery, outcome in settled]
        self._world.maybe_fail()
        return firsts

    def record_failure(self, delivery: Delivery, error: Exception, delays_seconds: Sequence[float]) -> int:
        del error
        self._world.maybe_fail()
        held = self._world.entries.get(delivery.entry)
        if held is None or held.owner != self.name:
            return -1
        if held.failures + 1 > len(delays_seconds):
            return held.failures + 1
        held.failures += 1
        held.owner = DELAYED_CONSUMER
        self._world.maybe_fail()
        return held.failures

    def requeue(self, deliveries: Iterable[Delivery]) -> None:
        self._world.maybe_fail()
        for delivery in deliveries:
            held = self._world.entries.get(delivery.entry)
            if held is not None and held.owner == self.name:
                held.owner, held.deliveries = DELAYED_CONSUMER, held.deliveries - 1
        self._world.maybe_fail()

    def deregister(self) -> None:
        self._world.maybe_fail()

    def disconnect(self) -> None:
        pass

    def _deliver(self, entries: Sequence[bytes]) -> list[Delivery]:
        self._world.maybe_fail()
        for entry in entries:
            self._world.entries[entry].owner = self.name
            self._world.entries[entry].deliveries += 1
        self._world.maybe_fail()
        return [self._delivery(entry) for entry in entries]

    def _delivery(self, entry: bytes) -> Delivery:
        held = self._world.entries[entry]
        flat = flat_fields(str(held.message.id), held.message.headers)
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        return Delivery(entry, held.deliveries, fields, held.message.payload)

    def _settle(self, delivery: Delivery, outcome: Outcome) -> bool:
        held = self._world.entries.pop(delivery.entry, None)
        if held is None:
            return False
        (self._world.dead if isinstance(outcome, Reject) else self._world.acknowledged).append(held.message.id)
        return True


class Background(Executor):
    """An executor without a thread: a task runs at once or when its result is requested, by chance."""

    def __init__(self, world: World) -> None:
        self._world = world

    def submit(self, step: Callable[..., T], /, *args: object, **named: object) -> "Future[T]":
        self._world.submitted += 1
        later = Later(lambda: step(*args, **named))
        if self._world.chance.random() < 0.5:
            later.run()
        return later


class Later(Future[T]):
    """Runs at the latest when its result is requested."""

    def __init__(self, step: Callable[[], T]) -> None:
        super().__init__()
        self._step = step

    def run(self) -> None:
        try:
            self.set_result(self._step())
        except BaseException as error:  # noqa: BLE001 - like an executor
            self.set_exception(error)

    def result(self, timeout: float | None = None) -> T:
        if not self.done():
            self.run()
        return super().result(timeout)


def simulate(seed: int) -> World:
    """Start and crash workers until the queue is empty."""
    random.seed(seed)
    world = World(random.Random(seed))  # noqa: S311 - a simulation
    for number in range(MESSAGES):
        world.entries[b"%d-0" % number] = Entry(Message(UUID(int=number), {}, b"body"))

    def handle(messages: Sequence[Message]) -> list[Outcome]:
        if world.strikes(0.05):
            raise DependencyUnavailable("simulated")
        if world.strikes(0.05):
            raise ZeroDivisionError("simulated")
        if world.strikes(0.02):
            raise Crash
        return [Acknowledge("done") for _ in messages]

    for start in range(MESSAGES * MAX_DELIVERIES):
        world.fair = start > MESSAGES
        with patch.object(pipelining, "ThreadPoolExecutor", lambda *_: Background(world)):
            work(world, SimulatedConsumer(world, f"worker-{start}"), handle)
        assert_reconciled(world)
        if not world.entries:
            break
    return world


def work(world: World, consumer: SimulatedConsumer, handle: object) -> None:
    options = WorkerOptions(
        batch_size=BATCH,
        lease_seconds=HOUR_SECONDS,
        delayed_check_seconds=world.chance.choice((0, HOUR_SECONDS)),  # settles in the foreground, or in the background
        shutdown_retry_seconds=0,
        grace_seconds=math.inf,
        retry_policy=RetryPolicy(MAX_FAILURES, MAX_DELIVERIES),
    )
    simulated = Worker(cast("Consumer", consumer), handle, options, lambda _: None)  # type: ignore[arg-type] # it has the same methods
    try:
        simulated.run(Steps(STEPS))
    except (Crash, RedisConnectionError):
        return  # crashed, or could not settle during shutdown


def assert_reconciled(world: World) -> None:
    places = [held.message.id for held in world.entries.values()] + world.acknowledged + world.dead
    assert sorted(places) == [UUID(int=number) for number in range(MESSAGES)]
    assert all(held.failures < MAX_FAILURES for held in world.entries.values())
    assert all(held.deliveries <= MAX_DELIVERIES + 1 for held in world.entries.values())


@pytest.fixture
def no_logs() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def seeds() -> Iterable[int]:
    chosen = os.environ.get("FAULTS_SEED")
    return [int(chosen)] if chosen else range(SEEDS)


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("no_logs")
def test_every_simulation_settles_each_message_once() -> None:
    faults = died = submitted = 0

    for seed in seeds():
        world = simulate(seed)
        assert not world.entries, f"FAULTS_SEED={seed}"
        faults += world.faults
        died += len(world.dead)
        submitted += world.submitted

    assert faults > 0
    assert submitted > 0
    count = MESSAGES * len(list(seeds()))
    remark = f"{SEEDS} seeds"
    append(Result("36", "simulated worlds", "none", "none", count, faults, count, 0, 0, died, 0, 0, 0.0, remark))

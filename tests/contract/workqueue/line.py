"""A line of two queues on a real server, and what the tests do with it."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self, cast
from uuid import UUID, uuid4

from tests.servers.queues import RedisServer

from captiond.workqueue import Broker, Budget, Message, Receipt, Route
from captiond.workqueue.admin import QueueStats, ServerRequirements
from captiond.workqueue.errors import QueueUnavailable
from captiond.workqueue.message import Delivery
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.streams.keys import GROUP, Keys
from captiond.workqueue.worker import Acknowledge, Forward, Outcome, StopSignal, Worker, WorkerOptions
from captiond.workqueue.worker.retry import RetryPolicy

FIRST, SECOND = "first", "second"
DEADLINE_SECONDS = 30.0
SOON_SECONDS = 0.02
SHORT_LEASE_SECONDS = 0.6
HOUR_MS = 3_600_000


def a_message(body: bytes = b"body", **headers: bytes) -> Message:
    return Message(uuid4(), headers, body)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what no event tells."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "this never came true"
        time.sleep(SOON_SECONDS)


def quick(**changes: float | RetryPolicy) -> WorkerOptions:
    """Options for a worker that need not be waited for."""
    policy = RetryPolicy(max_failures=2, base_seconds=0.01, cap_seconds=0.01)
    options: dict[str, float | RetryPolicy] = {"parked_check_seconds": SOON_SECONDS, "policy": policy, **changes}
    return WorkerOptions(**options)  # type: ignore[arg-type] # the names are checked when it is called


class Line:
    """Queue `first` leads to queue `second`, where the line ends."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.keys = Keys()
        self.broker = Broker(server.url)
        self.client = server.client()  # past all scripts, for looking and for breaking things

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.broker.__exit__(None, None, None)

    def send(
        self,
        *messages: Message,
        budget: Budget = Budget(),  # noqa: B008 - it is frozen
        digest: bytes = b"digest",
        note: bytes = b"note",
        keep_seconds: int = 60,
    ) -> list[Receipt]:
        """Put messages on `first`, in their order."""

        async def put_each() -> list[Receipt]:
            producer = self.broker.producer(FIRST, budget, ServerRequirements(fsync=False))
            try:
                return [
                    await producer.put(message, state="queued", digest=digest, note=note, keep_seconds=keep_seconds)
                    for message in messages
                ]
            finally:
                await producer.close()

        return asyncio.run(put_each())

    def send_many(self, count: int) -> list[Message]:
        """Put so many messages on `first`, in any order; their bodies are their numbers."""
        messages = [a_message(b"%d" % number) for number in range(count)]
        asyncio.run(put_until_taken(self.server.url, messages))
        return messages

    def join(self, queue: str = FIRST) -> Consumer:
        consumer = self.broker.consumer("test", Route(queue, SECOND if queue == FIRST else None))
        consumer.join()
        return consumer

    def take(self, consumer: Consumer, count: int = 1) -> list[Delivery]:
        """Receive new messages that must be there."""
        deliveries = consumer.receive(count, SOON_SECONDS)
        assert len(deliveries) == count
        return deliveries

    def lapse(self, *deliveries: Delivery, queue: str = FIRST) -> None:
        """Let an hour pass since the owners of these deliveries were last heard of."""
        for delivery in deliveries:
            stream = self.keys.stream(queue)
            owner = self.owner(delivery, queue)
            self.client.xclaim(stream, GROUP, owner, 0, [delivery.entry], idle=HOUR_MS, justid=True)

    def owner(self, delivery: Delivery, queue: str = FIRST) -> str:
        """Who holds a delivery; nobody is an empty string."""
        rows = self.client.xpending_range(self.keys.stream(queue), GROUP, delivery.entry, delivery.entry, 1)
        return cast("bytes", rows[0]["consumer"]).decode() if rows else ""

    def insert(self, fields: dict[bytes, bytes], queue: str = FIRST) -> bytes:
        """Put a raw entry on a queue, past the producer."""
        entry = self.client.xadd(self.keys.stream(queue), fields)  # type: ignore[arg-type] # dict is invariant
        assert isinstance(entry, bytes)
        return entry

    def passed_on(self, message: Message) -> Forward:
        return Forward(message.headers, "passed")

    def finished(self) -> Acknowledge:
        return Acknowledge("done")

    def stats(self, queue: str = FIRST) -> QueueStats:
        return self.broker.monitor.stats(queue)

    def entries(self, key: str) -> list[dict[bytes, bytes]]:
        """The fields of a stream's entries, in their order."""
        rows = cast("list[tuple[bytes, dict[bytes, bytes]]]", self.client.xrange(key))
        return [fields for _, fields in rows]

    def bodies(self, queue: str) -> list[bytes]:
        return [self.body(fields) for fields in self.entries(self.keys.stream(queue))]

    def body(self, fields: Mapping[bytes, bytes]) -> bytes:
        """The body that an entry names; nothing where there is none."""
        return cast("bytes | None", self.client.get(self.keys.payload(fields.get(b"id", b"").decode()))) or b""

    def all_bodies(self) -> set[str]:
        """The ids of all messages whose bodies are there."""
        prefix = self.keys.payload("")
        return {key.decode().removeprefix(prefix) for key in self.client.scan_iter(f"{prefix}*")}

    def all_ids(self) -> set[str]:
        """The ids of all messages in queues and dead letters."""
        streams = [name(queue) for queue in (FIRST, SECOND) for name in (self.keys.stream, self.keys.dead)]
        return {fields[b"id"].decode() for key in streams for fields in self.entries(key)}

    def held_bytes(self) -> dict[str, int]:
        """Bytes by stream as they are accounted, without the empty ones."""
        counted = cast("dict[bytes, bytes]", self.client.hgetall(self.keys.bytes))
        return {stream.decode(): int(held) for stream, held in counted.items() if int(held)}

    def stored_bytes(self) -> dict[str, int]:
        """Bytes by stream as they are, without what is known of a death."""
        streams = [name(queue) for queue in (FIRST, SECOND) for name in (self.keys.stream, self.keys.dead)]
        stored = {key: sum(map(self._size_bytes, self.entries(key))) for key in streams}
        return {key: held for key, held in stored.items() if held}

    def _size_bytes(self, fields: dict[bytes, bytes]) -> int:
        about = sum(len(name + value) for name, value in fields.items() if not name.startswith(b"dead_"))
        return about + len(self.body(fields))


@dataclass
class Handling:
    """A handler that passes everything on, notes what it saw, and stops its worker at the last of it."""

    expected: int
    stop: StopSignal = field(default_factory=StopSignal)
    batches: list[list[Message]] = field(default_factory=list)
    health: list[str | None] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def seen(self) -> list[UUID]:
        return [message.id for batch in self.batches for message in batch]

    def note(self, messages: Sequence[Message]) -> None:
        with self.changed:
            self.batches.append(list(messages))
            self.changed.notify_all()
            if len(self.seen) >= self.expected:
                self.stop.set()

    def wait_for(self, count: int) -> None:
        """Wait until so many messages were seen."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.seen) >= count, DEADLINE_SECONDS)

    def pass_on(self, messages: Sequence[Message]) -> list[Outcome]:
        self.note(messages)
        return [Forward(message.headers, "passed") for message in messages]

    def finish(self, messages: Sequence[Message]) -> list[Outcome]:
        self.note(messages)
        return [Acknowledge("done") for _ in messages]


@contextmanager
def running(worker: Worker, stop: StopSignal) -> Iterator[None]:
    """Run a worker in a thread; leaving waits until it has stopped by itself, or stops it after an error."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            worker.run(stop)
        except BaseException as error:  # noqa: BLE001 - it is raised in the test
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive(), "the worker does not stop"
    finally:
        stop.set()
        thread.join(DEADLINE_SECONDS)
    if failure:
        raise failure[0]


def work_off(line: Line) -> None:
    """Have a worker empty `first`, with all that is parked or was left in hand by others there."""
    handling = Handling(expected=sys.maxsize)
    worker = Worker(line.join(), handling.pass_on, quick(lease_seconds=SHORT_LEASE_SECONDS), handling.health.append)
    with running(worker, handling.stop):
        until(lambda: not line.client.xlen(line.keys.stream(FIRST)))
        handling.stop.set()


async def put_until_taken(url: str, messages: Sequence[Message]) -> None:
    """Put as a client does that repeats a request until it is answered."""
    with Broker(url) as broker:
        producer = broker.producer(FIRST, Budget(), ServerRequirements(fsync=False))
        slots = asyncio.Semaphore(16)

        async def put(message: Message) -> None:
            async with slots:
                for _ in range(20):
                    with suppress(QueueUnavailable):
                        await producer.put(message, state="queued", digest=b"", note=b"", keep_seconds=60)
                        return
            raise AssertionError(f"{url} never answered")

        try:
            await asyncio.gather(*map(put, messages))
        finally:
            await producer.close()

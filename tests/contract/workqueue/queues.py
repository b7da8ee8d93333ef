"""Two queues on a real server, a recording handler, and helpers for the tests of the work queue."""

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
from captiond.workqueue.worker.options import RetryPolicy

FIRST, SECOND = "first", "second"
DEADLINE_SECONDS = 30.0
SOON_SECONDS = 0.02
SHORT_LEASE_SECONDS = 0.6
HOUR_MS = 3_600_000


def a_message(payload: bytes = b"payload", **headers: bytes) -> Message:
    return Message(uuid4(), headers, payload)


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll a condition."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(SOON_SECONDS)


def fast_options(**changes: float | RetryPolicy) -> WorkerOptions:
    """Options of a worker with short waits and two attempts."""
    policy = RetryPolicy(max_failures=2, base_seconds=0.01, cap_seconds=0.01)
    options: dict[str, float | RetryPolicy] = {"delayed_check_seconds": SOON_SECONDS, "retry_policy": policy, **changes}
    return WorkerOptions(**options)  # type: ignore[arg-type] # the names are checked when it is called


class Queues:
    """Messages in queue `first` are forwarded to `second`, which is the last queue."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.keys = Keys()
        self.broker = Broker(server.url)
        self.client = server.client()  # for inspection and manipulation without the scripts

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
        """Enqueue messages in `first`, in this order."""

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
        """Enqueue `count` messages in `first`, in any order; their payloads are their numbers."""
        messages = [a_message(b"%d" % number) for number in range(count)]
        asyncio.run(put_with_retries(self.server.url, messages))
        return messages

    def consumer(self, queue: str = FIRST) -> Consumer:
        consumer = self.broker.consumer("test", Route(queue, SECOND if queue == FIRST else None))
        consumer.create_group()
        return consumer

    def receive(self, consumer: Consumer, count: int = 1) -> list[Delivery]:
        """Receive exactly `count` new messages."""
        deliveries = consumer.receive(count, SOON_SECONDS)
        assert len(deliveries) == count
        return deliveries

    def expire(self, *deliveries: Delivery, queue: str = FIRST) -> None:
        """Make the leases of these deliveries an hour old."""
        for delivery in deliveries:
            stream = self.keys.stream(queue)
            owner = self.owner(delivery, queue)
            self.client.xclaim(stream, GROUP, owner, 0, [delivery.entry], idle=HOUR_MS, justid=True)

    def owner(self, delivery: Delivery, queue: str = FIRST) -> str:
        """Return the consumer that owns a delivery, or an empty string."""
        rows = self.client.xpending_range(self.keys.stream(queue), GROUP, delivery.entry, delivery.entry, 1)
        return cast("bytes", rows[0]["consumer"]).decode() if rows else ""

    def add_entry(self, fields: dict[bytes, bytes], queue: str = FIRST) -> bytes:
        """Add a raw stream entry without the producer."""
        entry = self.client.xadd(self.keys.stream(queue), fields)  # type: ignore[arg-type] # dict is invariant
        assert isinstance(entry, bytes)
        return entry

    def forward(self, message: Message) -> Forward:
        return Forward(message.headers, "forwarded")

    def acknowledge(self) -> Acknowledge:
        return Acknowledge("done")

    def stats(self, queue: str = FIRST) -> QueueStats:
        return self.broker.monitor.stats(queue)

    def entries(self, key: str) -> list[dict[bytes, bytes]]:
        """Return the fields of a stream's entries, in order."""
        rows = cast("list[tuple[bytes, dict[bytes, bytes]]]", self.client.xrange(key))
        return [fields for _, fields in rows]

    def payloads(self, queue: str) -> list[bytes]:
        return [self.payload(fields) for fields in self.entries(self.keys.stream(queue))]

    def payload(self, fields: Mapping[bytes, bytes]) -> bytes:
        """Return the payload of an entry; empty if it has none."""
        return cast("bytes | None", self.client.get(self.keys.payload(fields.get(b"id", b"").decode()))) or b""

    def payload_ids(self) -> set[str]:
        """Return the ids of all stored payloads."""
        prefix = self.keys.payload("")
        return {key.decode().removeprefix(prefix) for key in self.client.scan_iter(f"{prefix}*")}

    def message_ids(self) -> set[str]:
        """Return the ids of all messages in queues and dead-letter queues."""
        streams = [name(queue) for queue in (FIRST, SECOND) for name in (self.keys.stream, self.keys.dead_letters)]
        return {fields[b"id"].decode() for key in streams for fields in self.entries(key)}

    def counted_bytes(self) -> dict[str, int]:
        """Return the byte counts of the scripts, without zeros."""
        counted = cast("dict[bytes, bytes]", self.client.hgetall(self.keys.bytes))
        return {stream.decode(): int(count) for stream, count in counted.items() if int(count)}

    def actual_bytes(self) -> dict[str, int]:
        """Measure the bytes of each stream, without `dead_…` fields and zeros."""
        streams = [name(queue) for queue in (FIRST, SECOND) for name in (self.keys.stream, self.keys.dead_letters)]
        stored = {key: sum(map(self._size_bytes, self.entries(key))) for key in streams}
        return {key: size_bytes for key, size_bytes in stored.items() if size_bytes}

    def _size_bytes(self, fields: dict[bytes, bytes]) -> int:
        about = sum(len(name + value) for name, value in fields.items() if not name.startswith(b"dead_"))
        return about + len(self.payload(fields))


@dataclass
class RecordingHandler:
    """Records what it handles and stops its worker after the expected number of messages."""

    expected: int
    stop: StopSignal = field(default_factory=StopSignal)
    batches: list[list[Message]] = field(default_factory=list)
    heartbeats: list[str | None] = field(default_factory=list)
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
        """Wait until `count` messages were handled."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.seen) >= count, DEADLINE_SECONDS)

    def forward(self, messages: Sequence[Message]) -> list[Outcome]:
        self.note(messages)
        return [Forward(message.headers, "forwarded") for message in messages]

    def acknowledge(self, messages: Sequence[Message]) -> list[Outcome]:
        self.note(messages)
        return [Acknowledge("done") for _ in messages]


@contextmanager
def running(worker: Worker, stop: StopSignal) -> Iterator[None]:
    """Run a worker in a thread; on exit wait until it stops by itself, or stop it after an error."""
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
        assert not thread.is_alive(), "the worker did not stop"
    finally:
        stop.set()
        thread.join(DEADLINE_SECONDS)
    if failure:
        raise failure[0]


def drain(queues: Queues) -> None:
    """Run a worker until `first` is empty, with delayed messages and expired leases."""
    handler = RecordingHandler(expected=sys.maxsize)
    worker = Worker(
        queues.consumer(), handler.forward, fast_options(lease_seconds=SHORT_LEASE_SECONDS), handler.heartbeats.append
    )
    with running(worker, handler.stop):
        wait_until(lambda: not queues.client.xlen(queues.keys.stream(FIRST)))
        handler.stop.set()


async def put_with_retries(url: str, messages: Sequence[Message]) -> None:
    """Enqueue like a client that repeats a request until it is answered."""
    with Broker(url) as broker:
        producer = broker.producer(FIRST, Budget(), ServerRequirements(fsync=False))
        slots = asyncio.Semaphore(16)

        async def put(message: Message) -> None:
            async with slots:
                for _ in range(20):
                    with suppress(QueueUnavailable):
                        await producer.put(message, state="queued", digest=b"", note=b"", keep_seconds=60)
                        return
            raise AssertionError(f"no reply from {url} after 20 attempts")

        try:
            await asyncio.gather(*map(put, messages))
        finally:
            await producer.close()

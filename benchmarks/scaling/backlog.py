"""Cost of enqueueing and receiving a message by the length of queue `uploads`."""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.pipeline.results import Spread
from benchmarks.pipeline.servers import redis_server, rewrite_log, url_of, valkey
from benchmarks.pipeline.usage import cpu_seconds
from benchmarks.rounds import rotate
from redis import Redis
from uuid_utils.compat import uuid7

from captiond.messages import Status
from captiond.pipeline import UPLOADS
from captiond.wiring.captioner import CAPTIONER_BATCH
from captiond.workqueue import Broker, Budget, Message, Producer, Route
from captiond.workqueue.admin import ServerRequirements
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.worker import Acknowledge

_STEPS = 32  # each enqueues and receives one batch, so the backlog stays constant
_BODY = random.Random(1).randbytes(1024)
_MOST_BYTES = 1 << 30
_KEEP_SECONDS = 3600
_FILL_BATCH = 1024
_US, _MIB = 1e6, 2**-20


@dataclass(slots=True)
class _Cost:
    """Seconds per message: CPU time of the server, CPU time of this process, wall time."""

    server: float = 0.0
    client: float = 0.0
    wall: float = 0.0

    @contextmanager
    def of(self, pid: int) -> Iterator[None]:
        """Add the cost of the block, with the server in process `pid`."""
        wall, client, server = time.perf_counter(), time.process_time(), cpu_seconds(pid)
        yield
        messages = _STEPS * CAPTIONER_BATCH
        self.server += (cpu_seconds(pid) - server) / messages
        self.client += (time.process_time() - client) / messages
        self.wall += (time.perf_counter() - wall) / messages


@dataclass(frozen=True, slots=True)
class _Backlog:
    """A server with `waiting` messages, and the costs by round."""

    waiting: int
    server_pid: int
    memory_bytes: int
    loop: asyncio.Runner
    producer: Producer
    consumer: Consumer
    puts: list[_Cost] = field(default_factory=list)
    takes: list[_Cost] = field(default_factory=list)

    def measure(self) -> None:
        put, take = _Cost(), _Cost()
        for _ in range(_STEPS):
            messages = _messages(CAPTIONER_BATCH)
            with put.of(self.server_pid):
                self.loop.run(_put_all(self.producer, messages))
            with take.of(self.server_pid):
                _take(self.consumer)
        self.puts.append(put)
        self.takes.append(take)


def measure_backlogs(waiting: Sequence[int], rounds: int, folder: Path) -> Iterator[str]:
    """Yield a Markdown table by backlog. Round 0 is the warm-up."""
    with ExitStack() as opened:
        backlogs = [opened.enter_context(_filled(count, folder)) for count in waiting]
        for round_ in range(rounds + 1):
            for backlog in rotate(backlogs, round_):
                backlog.measure()
        kinds = "Valkey, CPU µs", "client, CPU µs", "client, wall µs"
        heads = [f"{leg}: {kind}" for leg in ("enqueue", "receive and acknowledge") for kind in kinds]
        yield f"| messages waiting | Valkey memory, MiB | {' | '.join(heads)} |"
        yield "| ---: |" + " ---: |" * (1 + len(heads))
        for backlog in backlogs:
            cells = (*_cells(backlog.puts[1:]), *_cells(backlog.takes[1:]))
            yield f"| {backlog.waiting:,} | {backlog.memory_bytes * _MIB:,.0f} | {' | '.join(cells)} |"


def _cells(costs: Sequence[_Cost]) -> Iterator[str]:
    for values in zip(*((cost.server, cost.client, cost.wall) for cost in costs), strict=True):
        yield Spread.of(values).text(_US)


@contextmanager
def _filled(waiting: int, folder: Path) -> Iterator[_Backlog]:
    with ExitStack() as opened:
        socket, pid = opened.enter_context(redis_server(valkey(), folder / f"{waiting}"))
        loop = opened.enter_context(asyncio.Runner())
        broker = opened.enter_context(Broker(url_of(socket)))
        producer = broker.producer(UPLOADS, Budget(waiting + CAPTIONER_BATCH, _MOST_BYTES), ServerRequirements())
        opened.callback(lambda: loop.run(producer.close()))
        for start in range(0, waiting, _FILL_BATCH):
            loop.run(_put_all(producer, _messages(min(_FILL_BATCH, waiting - start))))
        with Redis(unix_socket_path=str(socket)) as client:
            rewrite_log(client)
            memory_bytes = client.info("memory")["used_memory"]
        consumer = broker.consumer("captioner", Route(UPLOADS))
        consumer.create_group()
        yield _Backlog(waiting, pid, memory_bytes, loop, producer, consumer)


def _messages(count: int) -> list[Message]:
    return [Message(uuid7(), {}, _BODY) for _ in range(count)]


async def _put_all(producer: Producer, messages: Sequence[Message]) -> None:
    """Enqueue concurrently, so that messages share round trips as concurrent uploads do."""
    await asyncio.gather(
        *(
            producer.put(message, state=Status.QUEUED, digest=b"", note=b"", keep_seconds=_KEEP_SECONDS)
            for message in messages
        )
    )


def _take(consumer: Consumer) -> None:
    deliveries = consumer.receive(CAPTIONER_BATCH, wait_seconds=1)
    settled = sum(map(bool, consumer.settle([(delivery, Acknowledge(Status.STORED)) for delivery in deliveries])))
    if settled != CAPTIONER_BATCH:
        raise SystemExit(f"settled {settled} of {CAPTIONER_BATCH} messages")

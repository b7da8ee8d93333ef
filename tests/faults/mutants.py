"""Mutants of the product: each breaks one mechanism that protects images, and a scenario must detect it.

`python -m tests.faults.mutants NAME -- captioner` patches that mechanism and runs the command. A suite that finds no
faults must be shown to be able to find them.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import cast

import redis.asyncio
from sqlalchemy import Insert
from sqlalchemy.dialects import mysql, postgresql, sqlite

from captiond.archive import files
from captiond.archive.sql import rows
from captiond.pipeline import UPLOADS
from captiond.workqueue import Message, Producer, Receipt
from captiond.workqueue.message import Delivery, flat_fields, size_of
from captiond.workqueue.streams.consumer import Consumer
from captiond.workqueue.streams.keys import GROUP, Keys
from captiond.workqueue.streams.scripts import ENQUEUE
from captiond.workqueue.worker import Forward, Outcome

KEYS = Keys()
# The time between two steps that should be one; long enough to be hit by a kill.
GAP_SECONDS = 0.03
_background: set[asyncio.Task[Receipt]] = set()


def forward_in_two_steps() -> None:
    """Adds to the next queue, then acknowledges in a second step."""
    settle_atomically = Consumer.settle

    def settle(self: Consumer, outcomes: Sequence[tuple[Delivery, Outcome]]) -> list[int | bytes]:
        return [
            _forward(self, delivery, outcome)
            if isinstance(outcome, Forward)
            else settle_atomically(self, [(delivery, outcome)])[0]
            for delivery, outcome in outcomes
        ]

    def _forward(consumer: Consumer, delivery: Delivery, outcome: Forward) -> bool:
        client = _client_of(consumer)
        fields = flat_fields(delivery.id, outcome.headers)
        pairs = dict(zip(fields[::2], fields[1::2], strict=True))
        queue, next_queue = KEYS.stream(UPLOADS), KEYS.stream("captioned")
        client.xadd(next_queue, pairs)  # type: ignore[arg-type] # dict is invariant
        client.hincrby(KEYS.bytes, next_queue, size_of(fields, delivery.payload))
        time.sleep(GAP_SECONDS)
        if client.xack(queue, GROUP, delivery.entry):
            client.xdel(queue, delivery.entry)
            client.hincrby(KEYS.bytes, queue, -delivery.size_bytes)
        return True

    _patch(Consumer, "settle", settle)


def ack_before_durable() -> None:
    """Accepts an upload before Redis has replied."""
    put_first = Producer.put

    async def put(  # noqa: PLR0913 - the signature of the product
        self: Producer, message: Message, *, state: str, digest: bytes, note: bytes, keep_seconds: int
    ) -> Receipt:
        async def later() -> Receipt:
            await asyncio.sleep(GAP_SECONDS)
            return await put_first(self, message, state=state, digest=digest, note=note, keep_seconds=keep_seconds)

        task = asyncio.create_task(later())
        _background.add(task)
        task.add_done_callback(_background.discard)
        return Receipt(new=True, state=state, note=note)

    _patch(Producer, "put", put)


def group_at_the_end() -> None:
    """Creates the group at `$`, which skips messages sent before."""

    def create_group(self: Consumer) -> None:
        stream = KEYS.stream(_queue_of(self))
        try:
            _client_of(self).xgroup_create(stream, GROUP, id="$", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    _patch(Consumer, "create_group", create_group)


def trimmed_queue() -> None:
    """Bounds the queue by dropping its oldest messages."""
    _mutate_script(ENQUEUE, "'XADD', KEYS[1], '*'", "'XADD', KEYS[1], 'MAXLEN', 100, '*'")


def renewal_without_owner() -> None:
    """Renews leases without a check of their owner."""

    def renew(self: Consumer, entries: Iterable[bytes]) -> set[bytes]:
        wanted: list[int | bytes | str | memoryview[int]] = list(entries)
        queue = KEYS.stream(_queue_of(self))
        return set(cast("list[bytes]", _client_of(self).xclaim(queue, GROUP, self.name, 0, wanted, justid=True)))

    _patch(Consumer, "renew", renew)


def consumer_deleted_unguarded() -> None:
    """Deletes its consumer without a check for pending messages."""

    def deregister(self: Consumer) -> None:
        _client_of(self).xgroup_delconsumer(KEYS.stream(_queue_of(self)), GROUP, self.name)

    _patch(Consumer, "deregister", deregister)


def insert_without_conflict_clause() -> None:
    """Inserts a row without a conflict clause."""
    dialects: dict[str, Callable[..., Insert]] = {
        "sqlite": sqlite.insert,
        "postgresql": postgresql.insert,
        "mysql": mysql.insert,
        "mariadb": mysql.insert,
    }

    def insert(dialect: str) -> Insert:
        return dialects[dialect](rows.Base.metadata.tables[rows.ImageRow.__tablename__])

    _patch(rows, "_insert", insert)


def folders_not_synced() -> None:
    """Does not sync folders after a rename."""
    _patch(files, "_sync_folder", lambda _: None)


def raw_enqueue() -> None:
    """Enqueues with XADD, which the client repeats after a lost reply."""

    async def put(  # noqa: PLR0913 - the signature of the product
        self: Producer, message: Message, *, state: str, digest: bytes, note: bytes, keep_seconds: int
    ) -> Receipt:
        del digest, keep_seconds
        client = cast("redis.asyncio.Redis", next(part for part in vars(self).values() if hasattr(part, "xadd")))
        fields = flat_fields(str(message.id), message.headers)
        await client.set(KEYS.payload(str(message.id)), message.payload)
        await client.xadd(KEYS.stream(UPLOADS), dict(zip(fields[::2], fields[1::2], strict=True)))
        await client.hincrby(KEYS.bytes, KEYS.stream(UPLOADS), message.size_bytes)
        return Receipt(new=True, state=state, note=note)

    _patch(Producer, "put", put)


MUTANTS: dict[str, Callable[[], None]] = {
    mutant.__name__: mutant
    for mutant in (
        forward_in_two_steps,
        ack_before_durable,
        group_at_the_end,
        trimmed_queue,
        renewal_without_owner,
        consumer_deleted_unguarded,
        insert_without_conflict_clause,
        folders_not_synced,
        raw_enqueue,
    )
}


def mutate(name: str) -> None:
    """Patch this process."""
    MUTANTS[name]()


def _patch(owner: object, name: str, value: object) -> None:
    assert hasattr(owner, name), f"the product has no {name}; update the mutant"
    setattr(owner, name, value)


def _mutate_script(script: object, old: str, new: str) -> None:
    text = cast("str", script.text)  # type: ignore[attr-defined] # any script
    assert old in text, f"the script does not contain {old}; update the mutant"
    vars(script)["text"] = text.replace(old, new)


def _client_of(consumer: Consumer) -> redis.Redis:
    return next(part for part in vars(consumer).values() if isinstance(part, redis.Redis))


def _queue_of(consumer: Consumer) -> str:
    return UPLOADS if consumer.name.startswith("captioner") else "captioned"


def main() -> None:
    """Take the mutant from the command queues, hand the rest to the launcher."""
    os.environ["FAULTS_MUTANT"], separator, *command = sys.argv[1:]
    assert separator == "--"
    os.execv(sys.executable, [sys.executable, "-m", "tests.faults.launch", *command])  # noqa: S606 - it becomes the service


if __name__ == "__main__":
    main()

"""Runs the Lua scripts. Each is safe to repeat, so a call whose reply was lost may be sent again.

Repeating `advance_arrival_times` makes a rate limit stricter for a moment.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import NamedTuple, cast

import redis
import redis.asyncio
from redis.exceptions import NoScriptError

Value = bytes | str | int
# A healthy replica answers within milliseconds, and a client waits for its reply meanwhile.
WAIT_MS = 500
# Limits of one script call: Redis serves nobody else while it runs, and holds the arguments three times.
MAX_CALL_MESSAGES = 32
MAX_CALL_BYTES = 8 << 20


@dataclass(frozen=True)
class Script:
    """A Lua script of this package, sent by its SHA-1 digest, or in full if the server does not have it."""

    name: str
    # Functions that the script calls, in a file of their own.
    library: str | None = None

    @cached_property
    def text(self) -> str:
        folder = resources.files(__package__ or "").joinpath("lua")
        names = [self.library, self.name] if self.library else [self.name]
        return "".join(folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)

    @cached_property
    def digest(self) -> str:
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def call(self, keys: Sequence[str], *args: Value) -> "Call":
        return Call(self, tuple(keys), args)


@dataclass(frozen=True, slots=True)
class Call:
    """One script with its keys and arguments."""

    script: Script
    keys: tuple[str, ...]
    args: tuple[Value, ...]

    @property
    def by_digest(self) -> tuple[Value, ...]:
        return ("EVALSHA", self.script.digest, len(self.keys), *self.keys, *self.args)

    @property
    def in_full(self) -> tuple[Value, ...]:
        return ("EVAL", self.script.text, len(self.keys), *self.keys, *self.args)


class PeekedEntry(NamedTuple):
    """A stream entry. `fields` lacks values over 1 KiB; `omitted_bytes` is their size."""

    entry: str
    fields: Mapping[bytes, bytes]
    omitted_bytes: int


ENQUEUE = Script("enqueue")
STORE_PAYLOAD = Script("store_payload")
SETTLE = Script("settle", "notify")
REJECT = Script("reject", "notify")
CREATE_GROUP = Script("create_group")
RENEW = Script("renew")
DELAY = Script("delay")
CLAIM = Script("claim")
DEREGISTER = Script("deregister")
PEEK = Script("peek")
REDRIVE = Script("redrive")
OFFLOAD = Script("offload")
SAMPLE = Script("sample")
SET_STATE = Script("set_state")
ADVANCE_ARRIVAL_TIMES = Script("advance_arrival_times")
PROBE_PERMISSIONS = Script("probe_permissions")


def count_for_one_call(sizes_bytes: Iterable[int]) -> int:
    """Count the first messages that fit into one script call: at least one, of any size."""
    count = total = 0
    for size_bytes in sizes_bytes:
        total += size_bytes
        if count == MAX_CALL_MESSAGES or (count and total > MAX_CALL_BYTES):
            break
        count += 1
    return count


def run(client: redis.Redis, calls: Sequence[Call]) -> list[object]:
    """Run all calls in one round trip, not atomically. Raises the first RedisError after it has run them all."""
    replies = _send(client, [call.by_digest for call in calls])
    unknown = [index for index, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        for index, reply in zip(unknown, _send(client, [calls[index].in_full for index in unknown]), strict=True):
            replies[index] = reply
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def run_one(client: redis.Redis, call: Call) -> object:
    """Run one call. Raises RedisError."""
    return run(client, [call])[0]


async def run_async(client: redis.asyncio.Redis, call: Call, replicas: int) -> tuple[object, int]:
    """Run one call and wait until `replicas` replicas have its writes, at most WAIT_MS.

    Returns the reply and the number of replicas that acknowledged. Both commands use one connection: WAIT covers the
    writes of its own connection only. Raises RedisError.
    """
    try:
        return await _send_async(client, call.by_digest, replicas)
    except NoScriptError:
        return await _send_async(client, call.in_full, replicas)


def peek(client: redis.Redis, stream: str, start: str, end: str, count: int) -> list[PeekedEntry]:
    """Read entries of a stream without values over 1 KiB. Raises RedisError."""
    return _read_peeked(run_one(client, PEEK.call([stream], "XRANGE", start, end, count)))


def peek_newest(client: redis.Redis, stream: str, end: str, count: int) -> list[PeekedEntry]:
    """Read the newest entries up to `end`, as `peek` does, the newest first. Raises RedisError."""
    return _read_peeked(run_one(client, PEEK.call([stream], "XREVRANGE", end, "-", count)))


def _read_peeked(reply: object) -> list[PeekedEntry]:
    rows = cast("Sequence[tuple[bytes, Sequence[bytes], int]]", reply)
    return [
        PeekedEntry(entry.decode(), dict(zip(flat[::2], flat[1::2], strict=True)), omitted_bytes)
        for entry, flat, omitted_bytes in rows
    ]


def _send(client: redis.Redis, commands: Sequence[tuple[Value, ...]]) -> list[object]:
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)  # type: ignore[no-untyped-call] # untyped in redis-py
    return cast("list[object]", pipeline.execute(raise_on_error=False))


async def _send_async(client: redis.asyncio.Redis, command: tuple[Value, ...], replicas: int) -> tuple[object, int]:
    if not replicas:
        return await client.execute_command(*command), 0  # type: ignore[no-untyped-call] # untyped in redis-py
    pipeline = client.pipeline(transaction=False)
    pipeline.execute_command(*command)
    pipeline.execute_command("WAIT", replicas, WAIT_MS)
    reply, copies = cast("list[object]", await pipeline.execute(raise_on_error=False))
    if isinstance(reply, Exception):
        raise reply
    return reply, copies if isinstance(copies, int) else 0

"""Runs the Lua scripts: each is safe to repeat, so a call whose reply was lost may be sent again."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import cast

import redis
import redis.asyncio
from redis.exceptions import NoScriptError

Value = bytes | str | int
# A replica that is well answers within milliseconds; a client waits for its answer meanwhile.
WAIT_MS = 500


@dataclass(frozen=True)
class Script:
    """A Lua script of this package, sent by its SHA-1 and in full where the server does not know it."""

    name: str

    @cached_property
    def text(self) -> str:
        return resources.files(__package__ or "").joinpath("lua", f"{self.name}.lua").read_text("utf-8")

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


ENQUEUE = Script("enqueue")
SETTLE = Script("settle")
BURY = Script("bury")
JOIN = Script("join")
RENEW = Script("renew")
PARK = Script("park")
CLAIM = Script("claim")
LEAVE = Script("leave")
PEEK = Script("peek")
EXHUME = Script("exhume")
REHEARSE = Script("rehearse")


def run(client: redis.Redis, calls: Sequence[Call]) -> list[object]:
    """Run all calls in one round trip, not atomically; raises the first error after all were tried."""
    return _known(client, calls, _send(client, [call.by_digest for call in calls]))


def run_one(client: redis.Redis, call: Call) -> object:
    """Run one call."""
    return run(client, [call])[0]


async def run_async(client: redis.asyncio.Redis, call: Call, replicas: int) -> tuple[object, int]:
    """Run one call and wait until so many replicas have what it did.

    Returns its reply, and how many replicas had it in time. One connection, since WAIT speaks of what its own
    connection has written. Raises RedisError.
    """
    try:
        return await _send_async(client, call.by_digest, replicas)
    except NoScriptError:
        return await _send_async(client, call.in_full, replicas)


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


def _known(client: redis.Redis, calls: Sequence[Call], replies: list[object]) -> list[object]:
    """Send again, in full, what the server did not know; raise the first error of all."""
    unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        for at, reply in zip(unknown, _send(client, [calls[at].in_full for at in unknown]), strict=True):
            replies[at] = reply
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies


def _send(client: redis.Redis, commands: Sequence[tuple[Value, ...]]) -> list[object]:
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)  # type: ignore[no-untyped-call] # untyped in redis-py
    return cast("list[object]", pipeline.execute(raise_on_error=False))

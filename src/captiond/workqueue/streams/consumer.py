"""Takes messages off one queue and settles them; every change is a fenced script."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import redis
from redis.exceptions import RedisError

from captiond.workqueue.message import Delivery
from captiond.workqueue.outcome import Outcome
from captiond.workqueue.streams.connection import BLOCK_SECONDS
from captiond.workqueue.streams.keys import GROUP, Keys
from captiond.workqueue.streams.scripts import CLAIM, JOIN, LEAVE, PARK, RENEW, Call, run, run_one
from captiond.workqueue.streams.settlement import Route, Settler, describe

# A consumer that was not heard of for so long is dead: a live one reads every other second.
FORGET_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Clients:
    """What a consumer talks through. `leases` is for the lease keeper's thread alone; no other may disconnect it."""

    commands: redis.Redis
    blocking: redis.Redis
    leases: redis.Redis


class Consumer:
    """One consumer of a queue's group. Its name must be unique to this process start."""

    def __init__(self, clients: Clients, keys: Keys, route: Route, name: str) -> None:
        self._commands = clients.commands
        self._blocking = clients.blocking
        self._leases = clients.leases
        self._keys = keys
        self._route = route
        self._stream = keys.stream(route.queue)
        self._settler = Settler(keys, route, name)
        self.name = name
        self.ahead = 0  # messages in the next queue, when last seen
        self.held: list[Delivery] = []  # taken and still without its payloads; the next to be received

    def join(self) -> None:
        """Create the group where it is missing, at the stream's start: what was sent before counts too."""
        run_one(self._commands, JOIN.call([self._stream, self._keys.parked(self._route.queue)], GROUP))

    def count_ahead(self) -> int:
        """Count the messages in the next queue, and note them as `ahead`; there are none after the last."""
        if self._route.next_queue:
            self.ahead = self._commands.xlen(self._keys.stream(self._route.next_queue))
        return self.ahead

    def receive(self, count: int, wait_seconds: float) -> list[Delivery]:
        """Wait for at most `count` new messages, no longer than the client waits for a reply; first what is held."""
        if not self.held:
            block_ms = int(min(wait_seconds, BLOCK_SECONDS) * 1000) or None  # 0 would be for ever
            self.held = _deliveries(
                self._blocking.xreadgroup(GROUP, self.name, {self._stream: ">"}, count=count, block=block_ms)
            )
        return self._fetch()

    def claim(self, count: int, lease_seconds: float | None) -> list[Delivery]:
        """Take what is parked and due; with a lease also what its consumer has not renewed for so long."""
        lease_ms = int(lease_seconds * 1000) if lease_seconds else 0
        keys = [self._stream, self._keys.parked(self._route.queue), self._keys.bytes, self._keys.totals]
        rows = cast(
            "Sequence[tuple[bytes, Sequence[bytes], int]]",
            run_one(self._commands, CLAIM.call(keys, GROUP, self.name, count, lease_ms, FORGET_MS)),
        )
        self.held += [
            Delivery(entry, deliveries, dict(zip(flat[::2], flat[1::2], strict=True)))
            for entry, flat, deliveries in rows
        ]
        return self._fetch()

    def renew(self, entries: Iterable[bytes]) -> set[bytes]:
        """Renew leases; what is missing from the answer belongs to somebody else now. For one thread only."""
        try:
            reply = run_one(self._leases, RENEW.call([self._stream, self._keys.totals], GROUP, self.name, *entries))
        except RedisError:
            self._leases.connection_pool.disconnect()
            raise
        return set(cast("Sequence[bytes]", reply))

    def settle(self, settled: Sequence[tuple[Delivery, Outcome]]) -> list[bool]:
        """Carry the outcomes out in one round trip; False where somebody else was first. Safe to repeat."""
        settlements = self._settler.settlements(settled)
        replies = run(self._commands, [settlement.call for settlement in settlements])
        firsts: dict[bytes, bool] = {}
        for settlement, reply in zip(settlements, replies, strict=True):
            ahead, *answers = cast("Sequence[int]", reply)
            firsts |= zip(settlement.entries, map(bool, answers), strict=True)
            if settlement.hands_on:
                self.ahead = ahead
        return [firsts[delivery.entry] for delivery, _ in settled]

    def fail(self, delivery: Delivery, error: Exception, delay_seconds: float, max_failures: int) -> int:
        """Count a failure and park the message; at the maximum it stays in hand, to be buried. Safe to repeat.

        Returns the failures so far, -1 when the delivery is no longer ours.
        """
        call = self._parking(delivery, int(delay_seconds * 1000), describe(error), max_failures)
        return cast("int", run_one(self._commands, call))

    def release(self, deliveries: Iterable[Delivery]) -> None:
        """Give deliveries back without counting them."""
        run(self._commands, [self._parking(delivery, 0, "", 0) for delivery in deliveries])

    def leave(self) -> None:
        """Give back what is held; remove this consumer unless something is pending under its name."""
        self.release(self.held)
        run_one(self._commands, LEAVE.call([self._stream], GROUP, self.name))

    def disconnect(self) -> None:
        """Drop the connections; the next command makes new ones, to whichever server answers then."""
        self._commands.connection_pool.disconnect()
        self._blocking.connection_pool.disconnect()

    def _fetch(self) -> list[Delivery]:
        """Give what is held with its payloads; it stays held where they cannot be had now."""
        if not self.held:
            return []
        payloads = self._commands.mget([self._keys.payload(delivery.id) for delivery in self.held])
        held, self.held = self.held, []
        pairs = zip(held, cast("Sequence[bytes | None]", payloads), strict=True)
        return [Delivery(one.entry, one.deliveries, one.fields, payload) for one, payload in pairs]

    def _parking(self, delivery: Delivery, delay_ms: int, error: str, max_failures: int) -> Call:
        keys = [self._stream, self._keys.parked(self._route.queue), self._keys.job(delivery.id)]
        return PARK.call(keys, GROUP, self.name, delivery.entry, delay_ms, error, max_failures)


def _deliveries(reply: object) -> list[Delivery]:
    """Read the answer of XREADGROUP: new messages, each handed out for the first time."""
    streams = cast("Sequence[tuple[bytes, Sequence[tuple[bytes, Mapping[bytes, bytes]]]]]", reply or [])
    return [Delivery(entry, 1, fields) for _, entries in streams for entry, fields in entries]

"""Receives messages from one queue, settles them and renews their leases. Every change is a fenced script."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import redis
from redis.exceptions import RedisError

from captiond.workqueue.message import Delivery
from captiond.workqueue.outcome import Forward, Outcome
from captiond.workqueue.streams.connection import BLOCK_SECONDS
from captiond.workqueue.streams.keys import GROUP, Keys
from captiond.workqueue.streams.scripts import (
    CLAIM,
    CREATE_GROUP,
    DELAY,
    DEREGISTER,
    RENEW,
    STORE_PAYLOAD,
    Call,
    run,
    run_one,
)
from captiond.workqueue.streams.settlement import Route, SettlementBuilder, describe

# A consumer that was idle for this long has crashed: a running one reads at least every 2 s.
CRASHED_AFTER_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Clients:
    """The Redis clients of a consumer. Only the lease-renewal thread uses and disconnects `leases`."""

    commands: redis.Redis
    blocking: redis.Redis
    leases: redis.Redis


class Consumer:
    """A member of a queue's consumer group; its name is unique to this process start.

    Its methods raise RedisError. Unless they say otherwise, only one thread at a time may call them.
    """

    def __init__(self, clients: Clients, keys: Keys, route: Route, name: str) -> None:
        self._commands = clients.commands
        self._blocking = clients.blocking
        self._leases = clients.leases
        self._keys = keys
        self.route = route
        self._stream = keys.stream(route.queue)
        self._settlements = SettlementBuilder(keys, route, name)
        self._without_payload: list[Delivery] = []  # received, but their payloads are not read yet
        self.name = name
        self.downstream_depth = 0  # messages in the next queue, as of the last forward

    def create_group(self) -> None:
        """Create the consumer group, if missing, at the start of the stream: earlier messages are delivered too."""
        run_one(self._commands, CREATE_GROUP.call([self._stream, self._keys.delayed(self.route.queue)], GROUP))

    def read_downstream_depth(self) -> int:
        """Count the messages in the next queue; 0 after the last queue."""
        if self.route.next_queue:
            self.downstream_depth = self._commands.xlen(self._keys.stream(self.route.next_queue))
        return self.downstream_depth

    def receive(self, count: int, wait_seconds: float) -> list[Delivery]:
        """Return up to `count` new messages; wait at most 2 s for the first.

        If reading the payloads failed in an earlier call, returns the messages of that call.
        """
        if not self._without_payload:
            block_ms = int(min(wait_seconds, BLOCK_SECONDS) * 1000) or None  # BLOCK 0 would wait without a limit
            reply = self._blocking.xreadgroup(GROUP, self.name, {self._stream: ">"}, count=count, block=block_ms)
            streams = cast("Sequence[tuple[bytes, Sequence[tuple[bytes, Mapping[bytes, bytes]]]]]", reply or [])
            self._without_payload = [Delivery(entry, 1, fields) for _, entries in streams for entry, fields in entries]
        return self._read_payloads()

    def claim(self, count: int, lease_seconds: float | None) -> list[Delivery]:
        """Return delayed messages that are due and, with a lease, messages whose lease has expired."""
        lease_ms = int(lease_seconds * 1000) if lease_seconds else 0
        keys = [self._stream, self._keys.delayed(self.route.queue), self._keys.bytes, self._keys.totals]
        call = CLAIM.call(keys, GROUP, self.name, count, lease_ms, CRASHED_AFTER_MS)
        rows = cast("Sequence[tuple[bytes, Sequence[bytes], int]]", run_one(self._commands, call))
        self._without_payload += [
            Delivery(entry, deliveries, dict(zip(flat[::2], flat[1::2], strict=True)))
            for entry, flat, deliveries in rows
        ]
        return self._read_payloads()

    def renew(self, entries: Iterable[bytes]) -> set[bytes]:
        """Renew the leases of entries and return the entries still owned. Only the lease-renewal thread may call it."""
        try:
            reply = run_one(self._leases, RENEW.call([self._stream, self._keys.totals], GROUP, self.name, *entries))
        except RedisError:
            self._leases.connection_pool.disconnect()
            raise
        return set(cast("Sequence[bytes]", reply))

    def settle(self, outcomes: Sequence[tuple[Delivery, Outcome]]) -> list[int | bytes]:
        """Settle deliveries in one round trip. Safe to repeat.

        Returns per delivery 1, the entry of its dead letter if it was rejected, or 0 if it was settled before.
        """
        if calls := self._store_payloads_of_previous_format(outcomes):
            run(self._commands, calls)
        settlements = self._settlements.build(outcomes)
        replies = run(self._commands, [settlement.call for settlement in settlements])
        results: dict[bytes, int | bytes] = {}
        for settlement, reply in zip(settlements, replies, strict=True):
            depth, *answers = cast("Sequence[int | bytes]", reply)
            results |= zip(settlement.entries, answers, strict=True)
            if settlement.forwards:
                self.downstream_depth = int(depth)
        return [results[delivery.entry] for delivery, _ in outcomes]

    def record_failure(self, delivery: Delivery, error: Exception, delays_seconds: Sequence[float]) -> int:
        """Count a failed attempt and delay the message by `delays_seconds[failures - 1]`. Safe to repeat.

        Returns the number of failures. If it exceeds the number of delays, nothing has changed and the caller must
        reject the message. Returns -1 if another consumer owns the message.
        """
        call = self._delay(delivery, describe(error), *(int(seconds * 1000) for seconds in delays_seconds))
        return cast("int", run_one(self._commands, call))

    def requeue(self, deliveries: Iterable[Delivery]) -> None:
        """Return messages to the queue at once, without counting their deliveries. Any thread may call it."""
        self.postpone([(delivery, 0.0) for delivery in deliveries])

    def postpone(self, deliveries: Iterable[tuple[Delivery, float]]) -> None:
        """Return messages to the queue after so many seconds, without counting their deliveries."""
        run(self._commands, [self._delay(delivery, "", int(seconds * 1000)) for delivery, seconds in deliveries])

    def deregister(self) -> None:
        """Delete this consumer unless it owns pending messages. Any thread may call it."""
        self.requeue(self._without_payload)
        run_one(self._commands, DEREGISTER.call([self._stream], GROUP, self.name))

    def disconnect(self) -> None:
        """Close the connections; the next command opens new ones, possibly to another server."""
        self._commands.connection_pool.disconnect()
        self._blocking.connection_pool.disconnect()

    def _store_payloads_of_previous_format(self, outcomes: Sequence[tuple[Delivery, Outcome]]) -> list[Call]:
        """Store the payloads that the next queue needs in separate keys."""
        return [
            STORE_PAYLOAD.call([self._stream, self._keys.payload(delivery.id)], GROUP, delivery.entry, delivery.body)
            for delivery, outcome in outcomes
            if delivery.is_previous_format and isinstance(outcome, Forward) and delivery.body is not None
        ]

    def _read_payloads(self) -> list[Delivery]:
        """Return the received deliveries with their payloads; after an error the next call reads them again."""
        if not self._without_payload:
            return []
        reply = self._commands.mget([self._keys.payload(delivery.id) for delivery in self._without_payload])
        payloads = cast("Sequence[bytes | None]", reply)
        deliveries, self._without_payload = self._without_payload, []
        return [replace(delivery, payload=payload) for delivery, payload in zip(deliveries, payloads, strict=True)]

    def _delay(self, delivery: Delivery, error: str, *delays_ms: int) -> Call:
        keys = [self._stream, self._keys.delayed(self.route.queue), self._keys.job(delivery.id)]
        return DELAY.call(keys, GROUP, self.name, delivery.entry, error, *delays_ms)

"""Statistics of queues and server. XLEN counts waiting and in-flight messages, because settling deletes entries."""

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import redis
from redis.exceptions import ResponseError

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import COUNTED, DELAYED_CONSUMER, GROUP, Keys
from captiond.workqueue.streams.scripts import PROBE_PERMISSIONS, peek, run_one

# A consumer that was active within this time counts as alive.
ALIVE_MS = 60_000

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueueStats:
    """Statistics of one queue: message counts, age in seconds, bytes.

    `consumers` were active within a minute; Redis before 7.2 counts only those that received a message.
    """

    queue: str
    depth: int
    in_flight: int
    delayed: int
    dead_letters: int
    oldest_age_seconds: float
    queued_bytes: int
    consumers: int


@dataclass(frozen=True, slots=True)
class ConsumerStats:
    """One consumer of a queue.

    `idle_seconds` is the time since its last request, before Redis 7.2 since its last message.
    """

    name: str
    in_flight: int
    idle_seconds: float


@dataclass(frozen=True, slots=True)
class Totals:
    """Lifetime counters of all queues, and their current messages and bytes.

    `rejected` counts every move to a dead-letter queue; version 0.2 did not count them.
    `fenced` counts settlements of messages that were settled before, `leases_expired` leases that expired while their
    worker was alive. `created` is the time of the first message in seconds since the epoch, 0 before it. `adopted`
    counts archived messages of queues that were deleted. `counted` has the counters that handlers and `count` named.
    """

    accepted: int
    acknowledged: int
    rejected: int
    dropped: int
    redelivered: int
    leases_expired: int
    fenced: int
    created: int
    adopted: int
    queued_or_dead: int
    queued_bytes: int
    dead_letter_bytes: int
    counted: Mapping[str, int]

    @property
    def accounted(self) -> int:
        """Messages that are acknowledged, dropped, queued or dead letters, and adopted ones."""
        return self.acknowledged + self.dropped + self.queued_or_dead + self.adopted

    @property
    def unaccounted(self) -> int:
        """Accepted messages that are neither acknowledged, dropped, queued nor dead letters.

        Any value but 0 means that a queue was lost or changed manually.
        """
        return self.accepted - self.acknowledged - self.dropped - self.queued_or_dead


class Monitor:
    """Reads statistics of the queues, and information and settings of the server."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def ping(self) -> None:
        """Raise QueueUnavailable unless the server answers and has loaded its data."""
        with translate_redis_errors():
            self._client.ping()

    def probe_permissions(self, replicas: int = 0) -> None:
        """Run every command that the queues need, with `replicas` also WAIT. Raises QueueUnavailable with the error.

        CONFIG GET is not needed: a server may refuse it.
        """
        with translate_redis_errors():
            run_one(self._client, PROBE_PERMISSIONS.call(self._keys.probes))
            with self._client.pipeline(transaction=True) as pipeline:  # MULTI and EXEC, which scripts cannot run
                pipeline.ping()
                pipeline.execute()
            if replicas:
                self._client.wait(0, 1)

    def deployment_id(self) -> str | None:
        """Return the id of the deployment whose queues these are, None before a claim. Raises QueueUnavailable."""
        with translate_redis_errors():
            [found] = cast("Sequence[bytes | None]", self._client.mget([self._keys.deployment]))
        return None if found is None else found.decode(errors="replace")

    def claim_deployment_id(self, deployment_id: str) -> str:
        """Store the id unless there is one. Returns the stored id. Raises QueueUnavailable."""
        if found := self.deployment_id():
            return found
        with translate_redis_errors():
            try:
                self._client.set(self._keys.deployment, deployment_id, nx=True)
            except ResponseError as error:  # a full server: its queues must drain, and a later start claims it
                logger.warning("cannot store the deployment id in Redis: %s", error)
        return self.deployment_id() or deployment_id

    def set_deployment_id(self, deployment_id: str) -> None:
        """Store the id in place of any other. Raises QueueUnavailable."""
        with translate_redis_errors():
            self._client.set(self._keys.deployment, deployment_id)

    def find_problem(self, service: str) -> str | None:
        """Return the problem that a service has reported. Raises QueueUnavailable."""
        with translate_redis_errors():
            reply = cast("bytes | None", self._client.get(self._keys.problem(service)))
        return reply.decode() if reply is not None else None

    def stats(self, queue: str) -> QueueStats:
        """Measure one queue. Raises QueueUnavailable."""
        with translate_redis_errors():
            stream = self._keys.stream(queue)
            length = self._client.xlen(stream)
            delayed = self._client.zcard(self._keys.delayed(queue))
            pending, consumers = self._group(stream)
            alive = [row for row in consumers if int(row["idle"]) < ALIVE_MS]
            return QueueStats(
                queue=queue,
                depth=max(length - pending, 0),
                in_flight=max(pending - delayed, 0),
                delayed=delayed,
                dead_letters=self._client.xlen(self._keys.dead_letters(queue)),
                oldest_age_seconds=self._oldest_age_seconds(stream),
                queued_bytes=int(cast("bytes | None", self._client.hget(self._keys.bytes, stream)) or 0),
                consumers=len(alive),
            )

    def consumers(self, queue: str) -> list[ConsumerStats]:
        """Return the consumers of a queue, the most recently active first. Raises QueueUnavailable."""
        with translate_redis_errors():
            _, rows = self._group(self._keys.stream(queue))
        found = [ConsumerStats(_to_text(row["name"]), int(row["pending"]), int(row["idle"]) / 1000) for row in rows]
        return sorted(found, key=lambda consumer: consumer.idle_seconds)

    def totals(self, queues: Sequence[str]) -> Totals:
        """Read counters, bytes and the lengths of queues and dead-letter queues atomically. Raises QueueUnavailable."""
        streams = [name(queue) for queue in queues for name in (self._keys.stream, self._keys.dead_letters)]
        with translate_redis_errors(), self._client.pipeline(transaction=True) as pipeline:
            pipeline.hgetall(self._keys.totals)
            pipeline.hgetall(self._keys.bytes)
            for stream in streams:
                pipeline.xlen(stream)
            reply, used, *lengths = cast("tuple[Mapping[bytes, bytes], Mapping[bytes, bytes], int]", pipeline.execute())
        counters = Counter({name.decode(): int(count) for name, count in reply.items()})
        dead_keys = {self._keys.dead_letters(queue).encode() for queue in queues}
        dead_letter_bytes = sum(int(size) for key, size in used.items() if key in dead_keys)
        return Totals(
            accepted=counters["accepted"],
            acknowledged=counters["finished"],
            rejected=counters["rejected"],
            dropped=counters["dropped"],
            redelivered=counters["redelivered"],
            leases_expired=counters["leases_lost"],
            fenced=counters["fenced"],
            created=counters["created"],
            adopted=counters["adopted"],
            queued_or_dead=sum(lengths),
            queued_bytes=sum(map(int, used.values())) - dead_letter_bytes,
            dead_letter_bytes=dead_letter_bytes,
            counted={name.removeprefix(COUNTED): n for name, n in counters.items() if name.startswith(COUNTED)},
        )

    def adopt(self, messages: int) -> None:
        """Record the archived messages of queues that were deleted. Raises QueueUnavailable."""
        with translate_redis_errors():
            self._client.hset(self._keys.totals, "adopted", messages)

    def count(self, increments: Mapping[str, int]) -> None:
        """Add to the counters of these names, which an increment of 0 creates. Raises QueueUnavailable."""
        with translate_redis_errors(), self._client.pipeline(transaction=True) as pipeline:
            for name, increment in increments.items():
                pipeline.hincrby(self._keys.totals, COUNTED + name, increment)
            pipeline.execute()

    def store_report(self, name: str, text: str) -> None:
        """Store the report of a command in place of its last one. Raises QueueUnavailable."""
        with translate_redis_errors():
            self._client.set(self._keys.report(name), text)

    def find_report(self, name: str) -> str | None:
        """Return the last report of a command, None without one. Raises QueueUnavailable."""
        with translate_redis_errors():
            reply = cast("bytes | None", self._client.get(self._keys.report(name)))
        return None if reply is None else reply.decode(errors="replace")

    def server_info(self) -> Mapping[str, object]:
        """Return the server's INFO. Raises QueueUnavailable."""
        with translate_redis_errors():
            return cast("Mapping[str, object]", self._client.info())

    def server_setting(self, name: str) -> str | None:
        """Return a setting of the server, None if a managed service hides it. Raises QueueUnavailable."""
        with translate_redis_errors():
            try:
                reply = cast("Mapping[str | bytes, str | bytes]", self._client.config_get(name))
            except ResponseError:
                return None
        values = [value.decode() if isinstance(value, bytes) else value for value in reply.values()]
        return values[0] if values else None

    def _group(self, stream: str) -> tuple[int, list[Mapping[str, int | bytes]]]:
        """Return the number of pending entries, and the consumers."""
        try:
            pending = cast("Mapping[str, int]", self._client.xpending(stream, GROUP))["pending"]
            rows = cast("Sequence[Mapping[str, int | bytes]]", self._client.xinfo_consumers(stream, GROUP))
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            return 0, []  # no consumer has ever started
        return pending, [row for row in rows if row["name"] != DELAYED_CONSUMER.encode()]

    def _oldest_age_seconds(self, stream: str) -> float:
        oldest = peek(self._client, stream, "-", "+", 1)
        return max(time.time() - int(oldest[0].entry.split("-")[0]) / 1000, 0.0) if oldest else 0.0


def _to_text(value: int | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)

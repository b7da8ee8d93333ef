"""How full the queues are. XLEN counts what waits and what is in flight, since settling deletes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import redis
from redis.exceptions import ResponseError

from captiond.workqueue.errors import asking_redis
from captiond.workqueue.streams.keys import GROUP, Keys
from captiond.workqueue.streams.scripts import PEEK, REHEARSE, run_one

ALIVE_MS = 60_000


@dataclass(frozen=True, slots=True)
class QueueStats:
    """Messages, seconds and bytes of one queue.

    `consumers` were heard of within a minute; Redis before 7.2 hears only of those that are given something.
    """

    queue: str
    depth: int
    in_flight: int
    delayed: int
    dead_letters: int
    oldest_age_seconds: float
    held_bytes: int
    consumers: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What has ever happened on all queues, and what they hold now: messages, and bytes as the budget counts them.

    `fenced` counts settlements that came after somebody else's, `leases_lost` leases that ran out under their owner.
    """

    accepted: int
    finished: int
    dropped: int
    redelivered: int
    leases_lost: int
    fenced: int
    in_system: int
    held_bytes: int

    @property
    def unaccounted(self) -> int:
        """Messages accepted and neither finished nor dropped nor inside; anything but 0 is a loss, or work by hand."""
        return self.accepted - self.finished - self.dropped - self.in_system


COUNTED = ("accepted", "finished", "dropped", "redelivered", "leases_lost", "fenced")


class Monitor:
    """Reads the state of the queues and of the server."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def ping(self) -> None:
        """Raise QueueUnavailable unless the server answers and has its data loaded."""
        with asking_redis():
            self._client.ping()

    def probe_permissions(self) -> None:
        """Raise QueueUnavailable, with the server's words, unless it lets us do all that the queues need."""
        with asking_redis():
            run_one(self._client, REHEARSE.call(self._keys.rehearsal))

    def stats(self, queue: str) -> QueueStats:
        """Measure one queue. Raises QueueUnavailable."""
        with asking_redis():
            return self._stats(queue)

    def totals(self, queues: Sequence[str]) -> Totals:
        """Read the totals and what these queues and their dead letters hold, in one step. Raises QueueUnavailable."""
        streams = [name(queue) for queue in queues for name in (self._keys.stream, self._keys.dead)]
        with asking_redis(), self._client.pipeline(transaction=True) as reading:
            reading.hmget(self._keys.totals, COUNTED)
            reading.hvals(self._keys.bytes)
            for stream in streams:
                reading.xlen(stream)
            counted, held, *lengths = cast("tuple[Sequence[bytes | None], Sequence[bytes], int]", reading.execute())
        counts = dict(zip(COUNTED, (int(count or 0) for count in counted), strict=True))
        return Totals(**counts, in_system=sum(lengths), held_bytes=sum(map(int, held)))

    def server_info(self) -> Mapping[str, object]:
        """Return the server's INFO. Raises QueueUnavailable."""
        with asking_redis():
            return cast("Mapping[str, object]", self._client.info())

    def server_setting(self, name: str) -> str | None:
        """Return a setting of the server; None where a managed service hides it. Raises QueueUnavailable."""
        with asking_redis():
            try:
                reply = cast("Mapping[str | bytes, str | bytes]", self._client.config_get(name))
            except ResponseError:
                return None
        values = [value.decode() if isinstance(value, bytes) else value for value in reply.values()]
        return values[0] if values else None

    def _stats(self, queue: str) -> QueueStats:
        stream = self._keys.stream(queue)
        length = self._client.xlen(stream)
        delayed = self._client.zcard(self._keys.parked(queue))
        pending, consumers = self._group(stream)
        return QueueStats(
            queue=queue,
            depth=max(length - pending, 0),
            in_flight=max(pending - delayed, 0),
            delayed=delayed,
            dead_letters=self._client.xlen(self._keys.dead(queue)),
            oldest_age_seconds=self._oldest_age_seconds(stream),
            held_bytes=int(cast("bytes | None", self._client.hget(self._keys.bytes, stream)) or 0),
            consumers=consumers,
        )

    def _group(self, stream: str) -> tuple[int, int]:
        """Return pending entries and consumers seen within the last minute."""
        try:
            pending = cast("Mapping[str, int]", self._client.xpending(stream, GROUP))["pending"]
            rows = cast("Sequence[Mapping[str, int | bytes]]", self._client.xinfo_consumers(stream, GROUP))
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            return 0, 0  # nobody has ever consumed
        alive = [row for row in rows if row["name"] != b"parked" and int(row["idle"]) < ALIVE_MS]
        return pending, len(alive)

    def _oldest_age_seconds(self, stream: str) -> float:
        rows = cast(
            "Sequence[tuple[bytes, Sequence[bytes], int]]",
            run_one(self._client, PEEK.call([stream], "-", "+", 1)),
        )
        if not rows:
            return 0.0
        return max(time.time() - int(rows[0][0].split(b"-")[0]) / 1000, 0.0)

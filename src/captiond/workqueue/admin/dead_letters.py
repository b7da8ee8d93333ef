"""The dead-letter queue of a queue: list, inspect, redrive or delete its messages, each atomically."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import OFFLOAD, REDRIVE, PeekedEntry, peek, peek_newest, run_one

# Small, because the server copies each entry of a page in full.
PAGE = 10


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected message. `fields` has its headers and the `dead_…` fields, which describe the error.

    `fields` lacks the payload and headers over 1 KiB; `omitted_bytes` is their size. `offloaded_bytes` is the size of a
    payload outside of Redis.
    """

    queue: str
    entry: str
    id: str
    rejected_at: datetime
    error: str
    traceback: str
    deliveries: int
    omitted_bytes: int
    offloaded_bytes: int
    fields: dict[str, bytes]


class DeadLetters:
    """The dead letters of one queue; they never expire. Every method raises QueueUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys, queue: str) -> None:
        self._client = client
        self._keys = keys
        self.queue = queue
        self._stream = keys.dead_letters(queue)

    def __iter__(self) -> Iterator[DeadLetter]:
        """Iterate from the oldest to the newest."""
        start = "-"
        while rows := self._peek(start, "+", PAGE):
            yield from rows
            start = f"({rows[-1].entry}"

    def newest(self, before: str | None, count: int) -> Iterator[DeadLetter]:
        """Iterate over at most `count` dead letters before an entry, from the newest to the oldest."""
        if before == "0-0":  # Redis rejects the range before the smallest entry
            return
        end = "+" if before is None else f"({before}"
        while count > 0 and (rows := self._peek_newest(end, min(count, PAGE))):
            yield from rows
            count -= len(rows)
            end = f"({rows[-1].entry}"

    def count(self) -> int:
        """Count the dead letters."""
        with translate_redis_errors():
            return self._client.xlen(self._stream)

    def find(self, entry: str) -> DeadLetter | None:
        """Find by entry."""
        return next(iter(self._peek(entry, entry, 1)), None)

    def find_by_id(self, message_id: str) -> DeadLetter | None:
        """Find by message id, without a scan: the message's job holds the entry."""
        with translate_redis_errors():
            reply = cast("bytes | None", self._client.hget(self._keys.job(message_id), "dead"))
        stream, _, entry = (reply or b"").decode().partition(" ")
        return self.find(entry) if stream == self._stream else None

    def omitted_fields(self, letter: DeadLetter) -> dict[str, bytes]:
        """Return the payload (as `body`) and the headers that `letter.fields` lacks; empty if it was removed."""
        with translate_redis_errors():
            reply = self._client.xrange(self._stream, letter.entry, letter.entry)
            payload = cast("bytes | None", self._client.get(self._keys.payload(letter.id)))
        found = {
            name.decode(errors="replace"): value
            for _, entry in cast("Sequence[tuple[bytes, dict[bytes, bytes]]]", reply)
            for name, value in entry.items()
        }
        if found and payload is not None:
            found["body"] = payload
        return {name: value for name, value in found.items() if name not in letter.fields}

    def payload(self, letter: DeadLetter) -> bytes | None:
        """Return its payload, None if it was offloaded or removed."""
        with translate_redis_errors():
            return cast("bytes | None", self._client.get(self._keys.payload(letter.id)))

    def drop_payload(self, letter: DeadLetter) -> bool:
        """Delete the payload, which the caller has stored durably; False if the dead letter or its payload is gone."""
        keys = [self._stream, self._keys.job(letter.id), self._keys.payload(letter.id), self._keys.bytes]
        with translate_redis_errors():
            return run_one(self._client, OFFLOAD.call(keys, letter.entry)) == 1

    def redrive(self, letter: DeadLetter, state: str, payload: bytes | None = None) -> bool:
        """Return it to its queue with its counters reset; False if it no longer exists.

        The caller passes an offloaded payload. False also if the payload was offloaded after `letter` had been read.
        """
        return self._remove(letter, state, [self._keys.stream(self.queue)], payload or b"")

    def delete(self, letter: DeadLetter) -> bool:
        """Delete it with its payload in Redis; False if it no longer exists."""
        return self._remove(letter, "", [], b"")

    def _remove(self, letter: DeadLetter, state: str, target: list[str], payload: bytes) -> bool:
        keys = self._keys
        names = [self._stream, keys.job(letter.id), keys.payload(letter.id), keys.bytes, keys.events, keys.totals]
        with translate_redis_errors():
            return run_one(self._client, REDRIVE.call([*names, *target], letter.entry, letter.id, state, payload)) == 1

    def _peek(self, start: str, end: str, count: int) -> list[DeadLetter]:
        with translate_redis_errors():
            return self._describe(peek(self._client, self._stream, start, end, count))

    def _peek_newest(self, end: str, count: int) -> list[DeadLetter]:
        with translate_redis_errors():
            return self._describe(peek_newest(self._client, self._stream, end, count))

    def _describe(self, peeked: Sequence[PeekedEntry]) -> list[DeadLetter]:
        """Add the sizes of the payloads."""
        with translate_redis_errors(), self._client.pipeline(transaction=False) as pipeline:
            for entry in peeked:
                message_id = entry.fields.get(b"id", b"").decode(errors="replace")
                pipeline.strlen(self._keys.payload(message_id))
                pipeline.hget(self._keys.job(message_id), "offloaded")
            sizes_bytes = [int(size or 0) for size in cast("Sequence[int | bytes | None]", pipeline.execute())]
        return [self._to_dead_letter(*each) for each in zip(peeked, sizes_bytes[::2], sizes_bytes[1::2], strict=True)]

    def _to_dead_letter(self, peeked: PeekedEntry, payload_bytes: int, offloaded_bytes: int) -> DeadLetter:
        if payload_bytes:
            offloaded_bytes = 0  # of an earlier dead letter of this message
        fields = {name.decode(errors="replace"): value for name, value in peeked.fields.items()}
        texts = {name: value.decode(errors="replace") for name, value in fields.items()}
        return DeadLetter(
            queue=self.queue,
            entry=peeked.entry,
            id=texts.get("id", ""),
            rejected_at=datetime.fromtimestamp(int(peeked.entry.split("-")[0]) / 1000, UTC),
            error=texts.get("dead_error", ""),
            traceback=texts.get("dead_traceback", ""),
            deliveries=int(texts.get("dead_deliveries") or 0),
            omitted_bytes=peeked.omitted_bytes + payload_bytes + offloaded_bytes,
            offloaded_bytes=offloaded_bytes,
            fields=fields,
        )

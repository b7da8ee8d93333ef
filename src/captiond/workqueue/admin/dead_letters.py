"""The dead-letter queue of a queue: list, inspect, redrive or delete its messages, each atomically."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import redis

from captiond.workqueue.errors import translate_redis_errors
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import PEEK, REDRIVE, run_one

# Small, because the server copies each entry of a page in full.
PAGE = 10


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A rejected message. `fields` are its headers and the `dead_…` fields, which describe the error.

    The payload and headers over 1 KiB are left out; `omitted_bytes` is their size.
    """

    queue: str
    entry: str
    id: str
    rejected_at: datetime
    error: str
    traceback: str
    deliveries: int
    omitted_bytes: int
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

    def find(self, entry: str) -> DeadLetter | None:
        """Find by entry."""
        rows = self._peek(entry, entry, 1)
        return rows[0] if rows else None

    def find_by_id(self, message_id: str) -> DeadLetter | None:
        """Find by message id, through the job, which names the entry."""
        with translate_redis_errors():
            reply = cast("bytes | None", self._client.hget(self._keys.job(message_id), "dead"))
        stream, _, entry = (reply or b"").decode().partition(" ")
        return self.find(entry) if stream == self._stream else None

    def omitted_fields(self, letter: DeadLetter) -> dict[str, bytes]:
        """Return payload (as `body`) and headers that a letter leaves out; empty if the letter no longer exists."""
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

    def redrive(self, letter: DeadLetter, state: str) -> bool:
        """Return it to its queue with its counters reset; False if it no longer exists."""
        return self._remove(letter, state, [self._keys.stream(self.queue)])

    def delete(self, letter: DeadLetter) -> bool:
        """Delete it with its payload; False if it no longer exists."""
        return self._remove(letter, "", [])

    def _remove(self, letter: DeadLetter, state: str, target: list[str]) -> bool:
        keys = [
            self._stream,
            self._keys.job(letter.id),
            self._keys.payload(letter.id),
            self._keys.bytes,
            self._keys.events,
            self._keys.totals,
            *target,
        ]
        with translate_redis_errors():
            return run_one(self._client, REDRIVE.call(keys, letter.entry, letter.id, state)) == 1

    def _peek(self, start: str, end: str, count: int) -> list[DeadLetter]:
        with translate_redis_errors():
            reply = run_one(self._client, PEEK.call([self._stream], start, end, count))
            rows = cast("Sequence[tuple[bytes, Sequence[bytes], int]]", reply)
            return [self._letter(entry.decode(), flat, omitted_bytes) for entry, flat, omitted_bytes in rows]

    def _letter(self, entry: str, flat: Sequence[bytes], omitted_bytes: int) -> DeadLetter:
        fields = {name.decode(errors="replace"): value for name, value in zip(flat[::2], flat[1::2], strict=True)}

        def text(name: str) -> str:
            return fields.get(name, b"").decode(errors="replace")

        return DeadLetter(
            queue=self.queue,
            entry=entry,
            id=text("id"),
            rejected_at=datetime.fromtimestamp(int(entry.split("-", maxsplit=1)[0]) / 1000, UTC),
            error=text("dead_error"),
            traceback=text("dead_traceback"),
            deliveries=int(text("dead_deliveries") or 0),
            omitted_bytes=omitted_bytes + self._client.strlen(self._keys.payload(text("id"))),
            fields=fields,
        )

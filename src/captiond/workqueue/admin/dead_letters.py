"""The dead letters of a queue: looked at, sent back, or dropped, one by one and atomically."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import redis

from captiond.workqueue.errors import asking_redis
from captiond.workqueue.streams.keys import Keys
from captiond.workqueue.streams.scripts import EXHUME, PEEK, run_one

# The server copies what is large in a page to tell its size.
PAGE = 10


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter; `fields` are its message's headers and what is known of its death.

    The body and any header of more than 1 KiB are left out; `omitted_bytes` counts them.
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
        self._stream = keys.dead(queue)

    def __iter__(self) -> Iterator[DeadLetter]:
        """Iterate from the oldest on."""
        start = "-"
        while rows := self._peek(start, "+", PAGE):
            yield from rows
            start = f"({rows[-1].entry}"

    def find(self, entry: str) -> DeadLetter | None:
        """Find by entry."""
        rows = self._peek(entry, entry, 1)
        return rows[0] if rows else None

    def omitted_fields(self, letter: DeadLetter) -> dict[str, bytes]:
        """Return the body and the large headers, which a letter comes without; nothing when it is gone already."""
        with asking_redis():
            reply = self._client.xrange(self._stream, letter.entry, letter.entry)
            body = cast("bytes | None", self._client.get(self._keys.payload(letter.id)))
        found = {
            name.decode(errors="replace"): value
            for _, entry in cast("Sequence[tuple[bytes, dict[bytes, bytes]]]", reply)
            for name, value in entry.items()
        }
        if found and body is not None:
            found["body"] = body
        return {name: value for name, value in found.items() if name not in letter.fields}

    def redrive(self, letter: DeadLetter, state: str) -> bool:
        """Put it back on its queue with fresh counts; False when it is gone already."""
        return self._remove(letter, state, [self._keys.stream(self.queue)])

    def delete(self, letter: DeadLetter) -> bool:
        """Delete it for good; False when it is gone already."""
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
        with asking_redis():
            return run_one(self._client, EXHUME.call(keys, letter.entry, letter.id, state)) == 1

    def _peek(self, start: str, end: str, count: int) -> list[DeadLetter]:
        with asking_redis():
            reply = run_one(self._client, PEEK.call([self._stream], start, end, count))
            rows = cast("Sequence[tuple[bytes, Sequence[bytes], int]]", reply)
            return [self._letter(entry.decode(), flat, left_out) for entry, flat, left_out in rows]

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
